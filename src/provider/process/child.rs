use std::io::{self, ErrorKind};
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::process::Command;
use tokio::time::{self, Instant};

use super::Context;
use super::group::Group;
use super::output::Output;
use super::ports::Port;
use crate::model::{Fault, Kind, ProcessSpec, Spec, Target, own_variables};
use crate::net::ANY_LOOPBACK;

/// How long a group may take to vanish after SIGKILL before it is left to its fate (a member in the kernel's
/// uninterruptible sleep cannot be killed).
const AFTER_KILL: Duration = Duration::from_secs(5);

/// A running child process.
#[derive(Debug)]
pub(super) struct Child {
    context: Arc<Context>,
    process: tokio::process::Child,
    group: Group,
    output: Output,
    /// Held as long as anything of the child is there.
    port: Option<Port>,
    instance: Arc<str>,
    started: Instant,
    /// It has its stop signal. Not to be sent twice: many programs take a second one for "hurry".
    asked: bool,
    stop_timeout: Duration,
}

impl Child {
    /// Starts the replica of this index.
    ///
    /// # Errors
    /// A terminal fault where the description is to blame, one that may pass where the system is.
    pub(super) async fn start(context: &Arc<Context>, spec: &Spec, index: usize) -> Result<Self, Fault> {
        let Kind::Process(process) = &spec.kind else { return Err(super::not_ours(spec)) };
        let port = pick_port(context, process, index).map_err(|error| {
            Fault::new(format!("cannot start `{}`: {error}", spec.name)).happened_at(context.clock.now())
        })?;
        let mut command = command(process, port.as_ref());
        let anchor = context.guard.new_group().await;
        command.process_group(anchor.as_ref().map_or(0, |anchor| anchor.group.as_raw_nonzero().get()));
        let spawned = command.spawn();
        let home = anchor.as_ref().map(|anchor| anchor.group);
        if let Some(anchor) = anchor {
            anchor.weigh().await;
        }
        let child = spawned.and_then(|child| Ok((pid(&child)?, child)));
        let (own, mut child) = child.map_err(|error| {
            if let Some(home) = home {
                context.guard.remove(&Group::new(home, home));
            }
            cannot_start(spec, process, &error).happened_at(context.clock.now())
        })?;
        let group = Group::new(home.unwrap_or(own), own);
        context.guard.add(&group);
        let number = context.starts.fetch_add(1, Ordering::Relaxed) + 1;
        Ok(Self {
            context: context.clone(),
            output: Output::follow(&spec.name, child.stdout.take(), child.stderr.take()),
            process: child,
            group,
            port,
            instance: format!("process {} #{number}", own.as_raw_nonzero()).into(),
            started: Instant::now(),
            asked: false,
            stop_timeout: process.stop_timeout,
        })
    }

    /// Who it is, and where it will listen if it has a port.
    pub(super) fn target(&self) -> Option<Target> {
        let mut address = ANY_LOOPBACK;
        address.set_port(self.port.as_ref()?.number());
        Some(Target { instance: self.instance.clone(), address: address.into() })
    }

    /// Process id and number of the start, for the log.
    pub(super) fn instance(&self) -> &Arc<str> {
        &self.instance
    }

    /// How long it has been running.
    pub(super) fn ran(&self) -> Duration {
        self.started.elapsed()
    }

    /// Waits until it exits and is reaped. What it started may still be there.
    pub(super) async fn exited(&mut self) -> io::Result<ExitStatus> {
        self.process.wait().await
    }

    /// Asks it, or what is left of it, to stop, without waiting.
    pub(super) fn ask_to_stop(&mut self) {
        if !std::mem::replace(&mut self.asked, true) {
            self.group.ask_to_stop();
        }
    }

    /// Whether it and all that it started are gone. Only once it has exited.
    pub(super) fn is_gone(&mut self) -> bool {
        self.group.is_empty()
    }

    /// The last lines it wrote. Only once it has exited.
    pub(super) async fn last_words(&mut self) -> Option<String> {
        self.output.last_words().await
    }

    /// Sees it and all that it started out: SIGTERM, and SIGKILL after its `stop_timeout`.
    pub(super) async fn end(mut self) {
        self.ask_to_stop();
        if time::timeout(self.stop_timeout, self.gone()).await.is_err() {
            tracing::warn!(instance = &*self.instance, "did not stop in time; killing it");
            self.group.signal(Signal::KILL);
            if time::timeout(AFTER_KILL, self.gone()).await.is_err() {
                tracing::error!(instance = &*self.instance, "cannot be killed; leaving it");
                // The guard keeps it on its list.
                return;
            }
        }
        self.context.guard.remove(&self.group);
        // The pipes are empty or nobody's by now: what it wrote last is in the log before it counts as gone.
        self.output.last_words().await;
    }

    async fn gone(&mut self) {
        if let Err(error) = self.process.wait().await {
            tracing::warn!(instance = &*self.instance, %error, "cannot wait for a child process");
        }
        self.group.emptied().await;
    }
}

fn command(process: &ProcessSpec, port: Option<&Port>) -> Command {
    let mut words = process.command.iter();
    let mut command = Command::new(words.next().map_or("", String::as_str));
    command.args(words);
    for name in own_variables() {
        command.env_remove(name);
    }
    command.envs(&process.env);
    if let Some(port) = port {
        command.env("PORT", port.number().to_string());
    }
    if let Some(directory) = &process.directory {
        command.current_dir(directory);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // Only for a runtime that is torn down without a word; the groups are the guard's business then.
    command.kill_on_drop(true);
    command
}

/// Replicas of a service with a fixed port listen on that port and the ones after it.
fn pick_port(context: &Context, process: &ProcessSpec, index: usize) -> io::Result<Option<Port>> {
    match process.port {
        None => Ok(None),
        Some(0) => context.ports.pick().map(Some),
        Some(first) => {
            let number = u16::try_from(usize::from(first).saturating_add(index));
            let number = number.map_err(|_| io::Error::other(format!("no port {index} after {first}")))?;
            Ok(Some(Port::fixed(number)))
        }
    }
}

fn pid(child: &tokio::process::Child) -> io::Result<Pid> {
    let id = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    id.ok_or_else(|| io::Error::other("it has no process id"))
}

fn cannot_start(spec: &Spec, process: &ProcessSpec, error: &io::Error) -> Fault {
    let what = match (&process.directory, process.command.first()) {
        // The system's words are the same for a missing directory and for a missing program.
        (Some(directory), _) if !directory.is_dir() => format!("its directory `{}`", directory.display()),
        (_, program) => format!("`{}`", program.map_or("", String::as_str)),
    };
    let reason = format!("cannot start `{}`: {what}: {error}", spec.name);
    match error.kind() {
        // Memory, processes, open files: there may be some again in a moment.
        ErrorKind::OutOfMemory | ErrorKind::WouldBlock | ErrorKind::Interrupted => Fault::new(reason),
        _ if matches!(error.raw_os_error().map(rustix::io::Errno::from_raw_os_error), Some(full) if is_full(full)) => {
            Fault::new(reason)
        }
        _ => Fault::terminal(reason),
    }
}

fn is_full(error: rustix::io::Errno) -> bool {
    use rustix::io::Errno;
    [Errno::AGAIN, Errno::NOMEM, Errno::MFILE, Errno::NFILE, Errno::TXTBSY].contains(&error)
}

/// How a child ended, in words.
pub(super) fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with code {code}"),
        (None, Some(signal)) => match signal_name(signal) {
            Some(name) => format!("was killed by signal {signal} ({name})"),
            None => format!("was killed by signal {signal}"),
        },
        (None, None) => status.to_string(),
    }
}

fn signal_name(number: i32) -> Option<&'static str> {
    let known = [
        (Signal::HUP, "SIGHUP"),
        (Signal::INT, "SIGINT"),
        (Signal::QUIT, "SIGQUIT"),
        (Signal::ILL, "SIGILL"),
        (Signal::TRAP, "SIGTRAP"),
        (Signal::ABORT, "SIGABRT"),
        (Signal::BUS, "SIGBUS"),
        (Signal::FPE, "SIGFPE"),
        (Signal::KILL, "SIGKILL"),
        (Signal::SEGV, "SIGSEGV"),
        (Signal::PIPE, "SIGPIPE"),
        (Signal::TERM, "SIGTERM"),
    ];
    known.iter().find(|(signal, _)| signal.as_raw() == number).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_in_words() {
        assert_eq!(describe(ExitStatus::from_raw(3 << 8)), "exited with code 3");
        assert_eq!(describe(ExitStatus::from_raw(9)), "was killed by signal 9 (SIGKILL)");
        assert_eq!(describe(ExitStatus::from_raw(63)), "was killed by signal 63");
    }
}
