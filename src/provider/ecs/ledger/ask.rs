//! What has to be asked of ECS to know how a service is doing, and what does not.
//!
//! A service whose description stays the same has the same tasks: they are listed only when something says
//! otherwise, and described only while they are on their way up or out, or when somebody looks again so soon that he
//! must suspect something. A thousand sleepers cost a hundred `DescribeServices` a round and nothing else.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::super::state::{LastStatus, ServiceState, ServiceStatus, Wanted};
use super::record::{Mark, Record};
use super::task::Known;
use crate::model::Time;

/// How long a description holds, while events tell of changes.
const HOLDS: Duration = Duration::from_secs(10);
/// The same for a service that has what it shall have. Its desired count may be changed without an event, but not
/// without events about its tasks.
const HOLDS_SETTLED: Duration = Duration::from_secs(5 * 60);
/// How long after it was woken somebody is likely to wait for a service that is not up yet.
const WAITED_FOR: Duration = Duration::from_secs(15 * 60);
/// A look sooner than this after the last one has a reason.
const SUSPICIOUS: Duration = Duration::from_secs(10);
/// How often a running task is described while somebody suspects something.
const SUSPECTS_EVERY: Duration = Duration::from_secs(5);
/// How long after the scheduler has stopped tasks they may still be on their way out.
const RECENT: Duration = Duration::from_secs(10 * 60);

/// One look at a service.
#[derive(Clone, Copy, Debug)]
pub(in crate::provider::ecs) struct Look {
    /// When it was begun.
    pub(in crate::provider::ecs) begun: Time,
    /// How long after the look before; none for the first.
    pub(in crate::provider::ecs) gap: Option<Duration>,
    /// Whether events tell of what changes.
    pub(in crate::provider::ecs) told: bool,
}

/// What to ask about a service's tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::provider::ecs) struct Ask {
    /// List the tasks that are not told to stop.
    pub(in crate::provider::ecs) list: bool,
    /// List those that stopped.
    pub(in crate::provider::ecs) list_stopped: bool,
    /// Describe these.
    pub(in crate::provider::ecs) describe: Vec<Arc<str>>,
}

impl Record {
    /// A look begins.
    pub(in crate::provider::ecs) fn look(&mut self, begun: Time, told: bool) -> Look {
        let gap = self.looked_at.map(|before| begun.since(before));
        self.looked_at = Some(begun);
        Look { begun, gap, told }
    }

    /// Whether the service has to be described.
    pub(in crate::provider::ecs) fn wants_description(&self, look: &Look) -> bool {
        let Some((state, described)) = &self.service else { return true };
        let calm = look.gap.is_none_or(|gap| gap >= SUSPICIOUS);
        let holds = if calm && self.has_what_it_shall(state) { HOLDS_SETTLED } else { HOLDS };
        !look.told || self.outdated_at.is_some() || look.begun.since(*described) >= holds
    }

    /// Whether it has as many tasks as it shall, all of them known, and no deployment is under way.
    fn has_what_it_shall(&self, state: &ServiceState) -> bool {
        let exist = self.tasks.values().filter(|known| !known.is_gone());
        let settled = exist.clone().filter(|known| known.runs() && known.is_up() && !known.doubted).count();
        let counts = (state.running, state.pending) == (state.desired, 0);
        let known = (exist.count(), settled) == (self.desired() as usize, self.desired() as usize);
        counts && known && self.rollout.is_none()
    }

    /// Whether somebody is likely to wait for it: it was never described, or is on its way up and not for long. Its
    /// questions go before others.
    pub(in crate::provider::ecs) fn is_waited_for(&self, now: Time) -> bool {
        let lately = self.up_since.is_some_and(|since| now.since(since) < WAITED_FOR);
        self.service.is_none() || (lately && self.is_on_its_way_up())
    }

    fn is_on_its_way_up(&self) -> bool {
        let running = self.tasks.values().filter(|known| known.runs() && !known.doubted).count();
        self.up_since.is_some() && self.desired() as usize > running
    }

    /// What to ask about its tasks, now that it is described.
    pub(in crate::provider::ecs) fn ask(&self, look: &Look, wall: SystemTime) -> Ask {
        let Some(state) = self.state() else { return Ask::default() };
        Ask {
            list: self.must_list(state, look),
            list_stopped: self.must_list_stopped(state, wall),
            describe: self
                .tasks
                .values()
                .filter(|known| self.must_describe(known, look))
                .map(|known| known.task.arn.clone())
                .collect(),
        }
    }

    /// What to describe, now that these tasks are listed: those never heard of, and those that should be on the list.
    pub(in crate::provider::ecs) fn ask_about(&self, listed: &[Arc<str>]) -> Vec<Arc<str>> {
        let new = listed.iter().filter(|arn| !self.tasks.contains_key(*arn)).cloned();
        let lost = self.up().into_iter().filter(|arn| !listed.contains(arn));
        new.chain(lost).collect()
    }

    /// Those of these stopped tasks that were never heard of.
    pub(in crate::provider::ecs) fn never_heard_of(&self, listed: &[Arc<str>]) -> Vec<Arc<str>> {
        listed.iter().filter(|arn| !self.tasks.contains_key(*arn)).cloned().collect()
    }

    fn must_list(&self, state: &ServiceState, look: &Look) -> bool {
        let is_new = self.service.as_ref().is_some_and(|(_, described)| *described >= look.begun);
        if look.told && !is_new {
            // Events have told more since.
            return false;
        }
        let counted = (state.running + state.pending) as usize;
        let known = || self.tasks.values().filter(|known| known.task.last <= LastStatus::Running);
        let up = known().filter(|known| known.is_up()).count();
        if counted == 0 && up == 0 {
            // There is nothing to list, unless the scheduler says that it has started something.
            let news = self.listed.as_ref().is_none_or(|mark| mark.event != state.newest_event());
            return self.desired() > 0 && news;
        }
        // One that was told to stop may still count as running.
        let fits = (up..=known().count()).contains(&counted);
        !fits || self.listed.as_ref() != Some(&Mark::of(state))
    }

    fn must_list_stopped(&self, state: &ServiceState, wall: SystemTime) -> bool {
        let counted = state.running + state.pending;
        if counted > 0 || self.tasks.values().any(Known::is_up) {
            return false;
        }
        if self.desired() > 0 {
            return self.stopped_listed.as_ref() != Some(&self.failures());
        }
        let is_recent = |at| wall.duration_since(at).is_ok_and(|age: Duration| age < RECENT);
        let mut lately = state.events.iter().take_while(|event| is_recent(event.at));
        let stopped = lately.any(|event| event.message.contains("has stopped"));
        let never = self.stopped_listed.is_none() && !self.lowered.is_some_and(|lowered| lowered.by_us);
        never && stopped && state.status != ServiceStatus::Inactive
    }

    fn must_describe(&self, known: &Known, look: &Look) -> bool {
        if known.is_gone() {
            return false;
        }
        let age = look.begun.since(known.seen_at);
        let settled = known.runs() && !known.doubted && self.desired() > 0;
        if settled {
            return look.gap.is_some_and(|gap| gap < SUSPICIOUS) && age >= SUSPECTS_EVERY;
        }
        // Doubt is ended only by a description.
        let doubted = known.doubted && known.task.desired == Wanted::Running && self.desired() > 0;
        doubted || !look.told || age >= HOLDS
    }
}
