use std::time::{Duration, SystemTime};

use super::super::state::{LastStatus, Task, Wanted};
use super::Now;
use crate::model::Time;

/// How old a death may be, by the clock of AWS, to be dated by it.
const DATED_WITHIN: Duration = Duration::from_secs(60);

/// A task, and how it came to be known.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// Its newest state.
    pub(super) task: Task,
    /// When it was first heard of.
    pub(super) first_seen: Time,
    /// When the look was begun that described it last, or the event came.
    pub(super) seen_at: Time,
    /// Since when it was on its way out; none while it is up.
    pub(super) died_at: Option<Died>,
    /// It may have been told to stop: its address is not to be used.
    pub(super) doubted: bool,
}

/// When a task was on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Died {
    /// Then.
    At(Time),
    /// Before anybody looked, and not just before.
    LongAgo,
}

impl Known {
    pub(super) fn new(task: Task, seen_at: Time, now: Now) -> Self {
        let mut known = Self { task, first_seen: seen_at, seen_at, died_at: None, doubted: false };
        known.date_death(None, now);
        known
    }

    /// Takes a newer state. `false`: it is not newer.
    pub(super) fn update(&mut self, task: Task, seen_at: Time, now: Now) -> bool {
        if task.version < self.task.version || task.last < self.task.last {
            return false;
        }
        let lived_until = self.is_up().then_some(self.seen_at);
        let was_told_to_stop = self.task.desired == Wanted::Stopped;
        let address = task.address.or(self.task.address);
        let changed = task != self.task;
        self.task = Task { address, ..task };
        if was_told_to_stop {
            // There is no way back, whatever the order in which answers come.
            self.task.desired = Wanted::Stopped;
        }
        self.seen_at = self.seen_at.max(seen_at);
        if let Some(lived_until) = lived_until {
            self.date_death(Some(lived_until), now);
        }
        changed
    }

    /// It exists and was not told to stop, as far as is known.
    pub(super) fn is_up(&self) -> bool {
        self.task.desired == Wanted::Running && self.task.last <= LastStatus::Running
    }

    /// It is up, and its program runs.
    pub(super) fn runs(&self) -> bool {
        self.is_up() && self.task.last == LastStatus::Running
    }

    /// Nothing is left of it.
    pub(super) fn is_gone(&self) -> bool {
        self.task.last >= LastStatus::Stopped
    }

    /// Finds out when it died, if it did, by AWS's word, but not before it was last seen up and not in the future:
    /// clocks differ.
    fn date_death(&mut self, lived_until: Option<Time>, now: Now) {
        if self.is_up() || self.died_at.is_some() {
            return;
        }
        let told: Option<SystemTime> = self.task.stopping_at.or(self.task.stopped_at);
        let age = told.and_then(|at| now.wall.duration_since(at).ok());
        self.died_at = Some(match (age, lived_until) {
            (Some(age), Some(lived)) => Died::At((now.time - age).max(lived)),
            (Some(age), None) if age > DATED_WITHIN => Died::LongAgo,
            (Some(age), None) => Died::At(now.time - age),
            (None, _) => Died::At(now.time),
        });
    }
}
