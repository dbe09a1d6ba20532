use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write};
use std::process::Stdio;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::Pid;
use tokio::process::{Child, Command};

use super::group::Group;

/// The shell that POSIX promises.
const SHELL: &str = "/bin/sh";

/// Keeps the list of process groups that it reads ("+ 123", "- 123"). At the end of its input, which comes when
/// the gateway is gone however it went, it asks what is on the list to stop and, when `$1` tenths of a second
/// have passed, makes it. It takes none of the signals that end the gateway.
const SCRIPT: &str = r#"
# wakegate's guard: ends the gateway's children should the gateway be killed
trap '' HUP INT TERM
all=' '
while read -r sign id; do
  case $sign in
    +) all="$all$id " ;;
    -) case $all in *" $id "*) all="${all%% "$id" *} ${all#* "$id" }" ;; esac ;;
  esac
done
for id in $all; do
  kill -s TERM -- "-$id"
  kill -s CONT -- "-$id"
done 2>/dev/null
while [ "$1" -gt 0 ]; do
  left=
  for id in $all; do kill -s 0 -- "-$id" 2>/dev/null && left="$left $id"; done
  all=$left
  [ "$all" ] || exit 0
  sleep 0.1 || sleep 1
  set -- $(($1 - 1))
done
for id in $all; do kill -s KILL -- "-$id" 2>/dev/null; done
"#;

/// The guard process: what kills the children when the gateway cannot.
///
/// It is started with the first child. The pipe to it is the whole protocol; nobody else holds its write end, so
/// the kernel closes it when the gateway dies.
#[derive(Debug)]
pub(super) struct Guard {
    /// From the stop signal to the kill, in tenths of a second.
    patience: u32,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    pipe: Option<File>,
    listed: BTreeSet<i32>,
    /// There is no shell; said once, and not tried again.
    no_shell: bool,
}

/// A process that does nothing but keep a new process group in being, until a child has moved in.
///
/// The guard must know a group's number before the group has a child in it, or a gateway killed between the two
/// would leave the child behind; and a child's own number is known only after it was started.
#[derive(Debug)]
pub(super) struct Anchor {
    process: Child,
    pub(super) group: Pid,
}

impl Default for Guard {
    fn default() -> Self {
        Self::with_patience(100)
    }
}

impl Guard {
    fn with_patience(tenths: u32) -> Self {
        Self { patience: tenths, state: Mutex::default() }
    }

    /// A new process group for one child, known to the guard. `None` where that cannot be had.
    pub(super) async fn new_group(&self) -> Option<Anchor> {
        if self.lock().no_shell {
            return None;
        }
        let anchor = match Anchor::drop_here() {
            Ok(anchor) => anchor,
            Err(error) => {
                self.lock().complain(&error);
                return None;
            }
        };
        if self.add(&Group::new(anchor.group, anchor.group)) {
            return Some(anchor);
        }
        anchor.weigh().await;
        None
    }

    /// Lists a child's groups. Returns whether the guard knows of them.
    pub(super) fn add(&self, group: &Group) -> bool {
        self.tell(|listed| {
            let new = group.ids().filter(|id| listed.insert(*id));
            new.map(|id| format!("+ {id}\n")).collect()
        })
    }

    /// Forgets groups that have no members any more: their numbers may soon be somebody else's.
    pub(super) fn remove(&self, group: &Group) {
        self.tell(|listed| {
            let gone = group.ids().filter(|id| listed.remove(id));
            gone.map(|id| format!("- {id}\n")).collect()
        });
    }

    /// Changes the list and tells the guard; a guard that died is replaced by one that gets the whole list.
    fn tell(&self, change: impl FnOnce(&mut BTreeSet<i32>) -> String) -> bool {
        let mut state = self.lock();
        let news = change(&mut state.listed);
        if state.no_shell {
            return false;
        }
        if let Some(pipe) = &mut state.pipe {
            if pipe.write_all(news.as_bytes()).is_ok() {
                return true;
            }
            tracing::warn!("the guard of the child processes died; starting another");
        }
        let everything: String = state.listed.iter().map(|id| format!("+ {id}\n")).collect();
        let started = start(self.patience).and_then(|mut pipe| {
            pipe.write_all(everything.as_bytes())?;
            Ok(pipe)
        });
        state.pipe = started.map_err(|error| state.complain(&error)).ok();
        state.pipe.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn complain(&mut self, error: &io::Error) {
        // Anything else (no memory, too many processes) may be better the next time.
        self.no_shell = matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied);
        tracing::warn!(
            %error,
            "no guard for the child processes: they would outlive a gateway that is killed with SIGKILL"
        );
    }
}

/// Starts the guard in a process group of its own, where the terminal's Ctrl-C does not reach it. Returns the
/// write end of its input.
fn start(patience: u32) -> io::Result<File> {
    let mut guard = shell(SCRIPT).args(["guard", &patience.to_string()]).spawn()?;
    let pipe = guard.stdin.take().ok_or_else(|| io::Error::other("the guard has no input"))?;
    // Blocking writes of a few bytes into an empty pipe, so they do not block; the runtime reaps the process.
    Ok(File::from(pipe.into_owned_fd()?))
}

impl Anchor {
    fn drop_here() -> io::Result<Self> {
        let process = shell("read -r _").kill_on_drop(true).spawn()?;
        let group = process.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let group = group.ok_or_else(|| io::Error::other("the anchor is gone already"))?;
        Ok(Self { process, group })
    }

    /// Ends the process; the group lives on if there is a child in it.
    pub(super) async fn weigh(mut self) {
        if let Err(error) = self.process.kill().await {
            tracing::debug!(%error, "could not end the process that held a group open");
        }
    }
}

fn shell(script: &str) -> Command {
    let mut command = Command::new(SHELL);
    command.args(["-c", script]).current_dir("/").process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::AsyncReadExt;
    use tokio::time::timeout;

    use rustix::process::Signal;

    use super::*;

    /// A child in a group that the guard knows, once it is ready to be killed.
    async fn guarded(guard: &Guard, script: &str) -> (Child, Group) {
        let anchor = guard.new_group().await.unwrap();
        let mut command = Command::new(SHELL);
        command
            .args(["-c", script])
            .process_group(anchor.group.as_raw_nonzero().get())
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let group = Group::new(anchor.group, Pid::from_raw(child.id().unwrap().cast_signed()).unwrap());
        anchor.weigh().await;
        guard.add(&group);
        assert_eq!(child.stdout.as_mut().unwrap().read_u8().await.unwrap(), b'!');
        (child, group)
    }

    async fn end_of(child: &mut Child) -> std::process::ExitStatus {
        timeout(Duration::from_secs(30), child.wait()).await.expect("it was not killed").unwrap()
    }

    #[tokio::test]
    async fn when_the_gateway_is_gone_the_guard_asks_and_then_kills() {
        use std::os::unix::process::ExitStatusExt;
        let guard = Guard::with_patience(2);
        let (mut willing, _) = guarded(&guard, "echo !; sleep 1000").await;
        let (mut stubborn, _) = guarded(&guard, "trap '' TERM; echo !; while :; do sleep 1000; done").await;
        drop(guard);
        assert_eq!(end_of(&mut willing).await.signal(), Some(Signal::TERM.as_raw()));
        assert_eq!(end_of(&mut stubborn).await.signal(), Some(Signal::KILL.as_raw()));
    }

    #[tokio::test]
    async fn a_group_that_was_taken_off_the_list_is_left_alone() {
        let guard = Guard::with_patience(1);
        let (mut listed, _) = guarded(&guard, "echo !; sleep 1000").await;
        let (mut removed, group) = guarded(&guard, "echo !; sleep 1000").await;
        guard.remove(&group);
        drop(guard);
        end_of(&mut listed).await;
        assert_eq!(removed.try_wait().unwrap(), None);
        group.signal(Signal::KILL);
        end_of(&mut removed).await;
    }

    #[tokio::test]
    async fn a_guard_that_died_is_replaced_and_told_everything() {
        let guard = Guard::with_patience(1);
        let (mut child, _) = guarded(&guard, "echo !; sleep 1000").await;
        // A guard that is gone, as far as a writer can tell: a pipe that nobody reads.
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let old = guard.lock().pipe.replace(File::from(std::os::fd::OwnedFd::from(writer)));
        let (mut other, _) = guarded(&guard, "echo !; sleep 1000").await;
        // Only now, so that the first guard is no help.
        let new = guard.lock().pipe.take();
        drop(new);
        end_of(&mut child).await;
        end_of(&mut other).await;
        drop(old);
    }
}
