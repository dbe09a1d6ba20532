use std::time::Duration;

use super::super::file;
use super::super::node::At;
use super::super::value;
use super::Build;

/// Together they fit into the 30 s that ECS gives a task by default.
const DELAY: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(20);

pub(super) struct Shutdown {
    pub(super) delay: Duration,
    pub(super) timeout: Duration,
}

impl Build<'_> {
    pub(super) fn shutdown(&mut self, file: Option<&file::Shutdown>, at: &At<'_>) -> Shutdown {
        // Nothing is a delay too.
        let delay = file.and_then(|file| file.drain_delay.as_ref());
        let delay = delay.and_then(|delay| self.take(value::duration(&delay.0), &at.key("drain_delay")));
        let timeout = file.and_then(|file| file.drain_timeout.as_ref());
        let timeout = self.duration(timeout, &at.key("drain_timeout"));
        Shutdown { delay: delay.unwrap_or(DELAY), timeout: timeout.unwrap_or(TIMEOUT) }
    }
}
