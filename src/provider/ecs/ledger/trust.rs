//! Which tasks are believed: an address from an answer older than a change of ours may be somebody else's by now.
//!
//! From the moment a service is put to sleep, by us or by somebody else, no task that was known then is used again.
//! ECS may keep one of them alive when the service is woken soon enough; it is believed again once an answer that
//! cannot be from before the waking shows that it was not told to stop.

use std::sync::Arc;
use std::time::SystemTime;

use super::super::state::{LastStatus, Wanted};
use super::Now;
use super::record::{Baseline, Record, Rise};
use super::task::Known;
use crate::model::Time;

/// When a service was put to sleep, by both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lowered {
    pub(super) at: Time,
    pub(super) wall: SystemTime,
    /// By us; otherwise somebody else did it, or we before a restart, and that is when it was noticed.
    pub(super) by_us: bool,
}

/// What a refused attempt to put a service to sleep has to take back.
#[derive(Debug)]
pub(in crate::provider::ecs) struct Lowering {
    doubted: Vec<Arc<str>>,
    before: Option<Lowered>,
}

impl Record {
    /// The order to put it to sleep is about to go out: from now on it may be carried out at any moment.
    pub(in crate::provider::ecs) fn lowering(&mut self, now: Now) -> Lowering {
        let before = self.lowered;
        self.lowered = Some(Lowered { at: now.time, wall: now.wall, by_us: true });
        Lowering { doubted: self.doubt_all(), before }
    }

    /// The order was taken, or nobody knows whether it was.
    pub(in crate::provider::ecs) fn lowered(&mut self, now: Now, taken: bool) {
        self.lowered = Some(Lowered { at: now.time, wall: now.wall, by_us: true });
        self.doubt_all();
        self.outdated(now.time);
        if taken {
            self.up_since = None;
            self.rise = None;
            self.stays_suspended();
        }
    }

    /// The order was certainly not carried out.
    pub(in crate::provider::ecs) fn not_lowered(&mut self, lowering: &Lowering) {
        self.lowered = lowering.before;
        for arn in &lowering.doubted {
            if let Some(known) = self.tasks.get_mut(arn) {
                known.doubted = false;
            }
        }
    }

    /// A look begun at `begun` finds it put to sleep, and we did not do it. Its tasks are as little to be trusted;
    /// one without tasks leaves nothing to doubt.
    pub(super) fn found_lowered(&mut self, begun: Time, now: Now) {
        let counted = self.state().is_some_and(|state| state.running + state.pending > 0);
        if counted || !self.up().is_empty() {
            let wall = now.wall.checked_sub(now.time.since(begun)).unwrap_or(now.wall);
            self.lowered = Some(Lowered { at: begun, wall, by_us: false });
            self.doubt_all();
        }
    }

    fn doubt_all(&mut self) -> Vec<Arc<str>> {
        let believed = self.tasks.values_mut().filter(|known| !known.doubted && known.is_up());
        believed
            .map(|known| {
                known.doubted = true;
                known.task.arn.clone()
            })
            .collect()
    }

    /// It is about to be woken. What went wrong until now does not count any more.
    pub(in crate::provider::ecs) fn rising(&mut self, now: Time) {
        let events = Baseline::After(self.newest_event());
        match &mut self.rise {
            // The scheduler goes on with what it is doing, and so does what it said about that.
            Some(rise) if self.up_since.is_some() => rise.since = now,
            rise => *rise = Some(Rise { since: now, events }),
        }
        // Whatever died, died before this; and whatever is not counted yet is not there yet.
        self.listed_stopped();
        if self.state().is_some_and(|state| state.running + state.pending == 0) {
            self.listed();
        }
    }

    /// The order to wake it was taken.
    pub(in crate::provider::ecs) fn raised(&mut self, now: Time) {
        if self.rise.is_none() {
            // A look has found it asleep while the order was on its way.
            self.rising(now);
        }
        // One that was put to sleep and perhaps never fell asleep begins anew, too.
        let lowered = self.lowered.map(|lowered| lowered.at);
        self.up_since =
            Some(self.up_since.filter(|since| lowered.is_none_or(|at| at < *since)).unwrap_or(now));
        self.outdated(now);
        self.resumes_itself();
    }

    /// Whether a description from a look begun at `begun` may be from before it was put to sleep.
    pub(in crate::provider::ecs) fn just_lowered(&self, begun: Time) -> bool {
        self.lowered.is_some_and(|lowered| begun.since(lowered.at) <= self.settle)
    }

    /// Whether a description from a look begun at `begun` may be from before it was woken.
    pub(in crate::provider::ecs) fn just_raised(&self, begun: Time) -> bool {
        self.up_since.is_some_and(|since| begun.since(since) <= self.settle)
    }

    /// Whether a description from a look begun at `begun`, the one that is known now, says the opposite of our last order
    /// and may be from before it.
    pub(super) fn contradicts_us(&self, begun: Time) -> bool {
        if self.desired() == 0 {
            return self.just_raised(begun);
        }
        let told_down =
            self.lowered.is_some_and(|lowered| self.up_since.is_none_or(|since| since <= lowered.at));
        told_down && self.just_lowered(begun)
    }

    /// Notes whether it has a desired count, as the description from a look begun at `begun` says.
    pub(super) fn note_desired(&mut self, begun: Time) {
        if self.desired() > 0 {
            if !self.just_lowered(begun) {
                self.up_since.get_or_insert(begun);
            }
        } else if !self.just_raised(begun) {
            self.up_since = None;
        }
    }

    /// Whether a task that was never heard of may be one that was told to stop when the service was put to sleep.
    pub(super) fn doubts_newcomer(&self, known: &Known) -> bool {
        let Some(lowered) = self.lowered else { return false };
        let runs_already = known.task.last >= LastStatus::Running;
        let could_be_old = self.just_lowered(known.first_seen) || self.up_since.is_none();
        let is_old = known.task.created_at.is_some_and(|made| made < lowered.wall);
        (runs_already && could_be_old) || is_old
    }

    /// Believes a task again that was described in a look begun at `begun`, if ECS has kept it.
    pub(super) fn reconsider(&mut self, arn: &str, begun: Time) {
        let (Some(lowered), Some(up_since)) = (self.lowered, self.up_since) else { return };
        let kept = begun.since(lowered.at.max(up_since)) > self.settle && self.desired() > 0;
        if let Some(known) = self.tasks.get_mut(arn)
            && kept
            && known.task.desired == Wanted::Running
        {
            known.doubted = false;
        }
    }
}
