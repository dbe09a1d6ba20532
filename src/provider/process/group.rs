use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions};
use tokio::time;

use super::zombies;

/// How soon to look again whether a group is empty; nothing tells when the last member of one goes.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
const LOOK_AGAIN_AT_MOST: Duration = Duration::from_millis(100);

/// A child and all that it started: the processes to signal, and to wait for.
///
/// These are two process groups: the one that the child was started in, and the one that it leads should it make
/// itself one (`setsid`). The kernel does not use a group's number again as long as it has members, and the second
/// number is the child's own; so while either lives, a signal reaches no stranger.
#[derive(Clone, Debug)]
pub(super) struct Group {
    ids: Vec<Pid>,
    /// Those that may have members. One that was seen empty stays so for us: its number may be somebody else's.
    left: Vec<Pid>,
}

impl Group {
    /// The child `leader`, started in the group `home`.
    pub(super) fn new(home: Pid, leader: Pid) -> Self {
        let mut ids = vec![home, leader];
        ids.dedup();
        Self { left: ids.clone(), ids }
    }

    /// The numbers of both groups, gone or not.
    pub(super) fn ids(&self) -> impl Iterator<Item = i32> {
        self.ids.iter().map(|id| id.as_raw_nonzero().get())
    }

    /// Signals every member. A group without members takes none, and that is no error.
    pub(super) fn signal(&self, signal: Signal) {
        for &id in &self.left {
            if let Err(error) = rustix::process::kill_process_group(id, signal)
                && error != Errno::SRCH
            {
                tracing::debug!(group = id.as_raw_nonzero(), ?signal, %error, "could not signal a process group");
            }
        }
    }

    /// Asks every member to stop; one that is suspended is continued, so that it can.
    pub(super) fn ask_to_stop(&self) {
        self.signal(Signal::TERM);
        self.signal(Signal::CONT);
    }

    /// Whether no member is left. Only for a child that was reaped: this would reap it.
    pub(super) fn is_empty(&mut self) -> bool {
        self.left.retain(|&id| {
            // Orphans come to us where we are process 1 of a container: reap them, for nobody else will.
            while let Ok(Some(_)) = rustix::process::waitpgid(id, WaitOptions::NOHANG) {}
            rustix::process::test_kill_process_group(id) != Err(Errno::SRCH)
        });
        self.left.is_empty()
    }

    /// Waits until no member is left but zombies. Only for a child that was reaped.
    pub(super) async fn emptied(&mut self) {
        let mut pause = LOOK_AGAIN;
        while !self.is_empty() {
            time::sleep(pause).await;
            pause = (pause * 2).min(LOOK_AGAIN_AT_MOST);
            let groups: Vec<i32> = self.left.iter().map(|id| id.as_raw_nonzero().get()).collect();
            // Reads many small files, which is why it has a thread to itself.
            if tokio::task::spawn_blocking(move || zombies::only(&groups)).await.unwrap_or(false) {
                return;
            }
        }
    }
}
