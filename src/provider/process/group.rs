use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions};
use tokio::time;

/// How soon to look again whether a group is empty; nothing tells when the last member of one goes.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
const LOOK_AGAIN_AT_MOST: Duration = Duration::from_millis(100);

/// A child and all that it started: the processes to signal, and to wait for.
///
/// `home` is the group that the child was started in. `own` is the one that it leads should it make itself one
/// (`setsid`); until then no group has that number. The kernel keeps the number of a group from being used
/// again as long as it has members, so a signal cannot reach a stranger while the child lives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    pub(super) home: Pid,
    pub(super) own: Pid,
}

impl Group {
    /// Both numbers, each once.
    pub(super) fn ids(self) -> impl Iterator<Item = Pid> {
        std::iter::once(self.home).chain((self.own != self.home).then_some(self.own))
    }

    /// Signals every member. A group without members takes none, and that is no error.
    pub(super) fn signal(self, signal: Signal) {
        for id in self.ids() {
            if let Err(error) = rustix::process::kill_process_group(id, signal)
                && error != rustix::io::Errno::SRCH
            {
                tracing::debug!(group = id.as_raw_nonzero(), ?signal, %error, "could not signal a process group");
            }
        }
    }

    /// Asks every member to stop; one that is suspended is continued, so that it can.
    pub(super) fn ask_to_stop(self) {
        self.signal(Signal::TERM);
        self.signal(Signal::CONT);
    }

    /// Whether no member is left. The child itself counts until it is reaped.
    pub(super) fn is_empty(self) -> bool {
        self.ids().all(|id| {
            // Orphans of the group come to us where we are process 1 of a container: reap them, for nobody else will.
            while let Ok(Some(_)) = rustix::process::waitpgid(id, WaitOptions::NOHANG) {}
            rustix::process::test_kill_process_group(id) == Err(rustix::io::Errno::SRCH)
        })
    }

    /// Waits until no member is left. Only for a child that was reaped: this would reap it.
    pub(super) async fn emptied(self) {
        let mut pause = LOOK_AGAIN;
        while !self.is_empty() {
            time::sleep(pause).await;
            pause = (pause * 2).min(LOOK_AGAIN_AT_MOST);
        }
    }
}
