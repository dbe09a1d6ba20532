//! What is to happen, in the order of time.

use std::collections::BTreeMap;
use std::time::Duration;

use super::service::ServiceKey;

/// Something that is due at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// The next step of a task's life. `plan` is the number of the plan it belongs to: a task that is told to stop
    /// gets a new plan, and the steps of the old one are void.
    Step { task: String, plan: u32 },
    /// The container of a task ends by itself.
    Exit { task: String, plan: u32 },
    /// The container health check passes.
    Healthy { task: String, plan: u32 },
    /// A container health check, or a load balancer's, gives a task up.
    GiveUp { task: String, plan: u32, reason: String },
    /// The scheduler looks at a service.
    Schedule(ServiceKey),
    /// A stopped task can no longer be described.
    Forget(String),
    /// A deleted service, with the time it was made at: one of its name may have been made since, can no longer be described.
    ForgetService(ServiceKey, Duration),
}

/// What is to happen, in the order of time; what is due at the same moment happens in the order it was put here.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    entries: BTreeMap<(Duration, u64), Due>,
    sequence: u64,
}

impl Agenda {
    /// Puts something on the agenda.
    pub(super) fn put(&mut self, at: Duration, due: Due) {
        self.sequence += 1;
        self.entries.insert((at, self.sequence), due);
    }

    /// When the next thing is due.
    pub(super) fn next(&self) -> Option<Duration> {
        self.entries.keys().next().map(|(at, _)| *at)
    }

    /// Takes the next thing that is due at `now` or before.
    pub(super) fn take(&mut self, now: Duration) -> Option<Due> {
        let first = self.entries.first_entry()?;
        if first.key().0 > now {
            return None;
        }
        Some(first.remove())
    }
}
