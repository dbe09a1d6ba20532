use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;

use super::super::state::{
    Deployment, DeploymentStatus, LastStatus, Rollout, ServiceState, ServiceStatus, Task, Wanted,
};
use super::Now;
use super::tags::Tags;
use super::task::Known;
use super::trust::Lowered;
use super::view::Unrest;
use crate::model::Time;

/// How long a stopped task is remembered: a late event must not bring it back to life. `DescribeTasks` knows it for
/// about as long.
const REMEMBERED: Duration = Duration::from_secs(60 * 60);
/// How many stopped tasks are remembered.
const MOST_REMEMBERED: usize = 50;
/// How long ago the scheduler may have said something that still explains why a service found on its way up is not.
const STILL_TRUE: Duration = Duration::from_secs(30 * 60);

/// What is known of one service.
#[derive(Debug)]
pub(in crate::provider::ecs) struct Record {
    /// How long answers may be from before a change of ours.
    pub(super) settle: Duration,
    /// The specs that mean it.
    names: Vec<Arc<str>>,
    /// Its description, and when the look that brought it was begun.
    pub(super) service: Option<(ServiceState, Time)>,
    /// Since when the description is known to be out of date, by an event or by a change of ours.
    pub(super) outdated_at: Option<Time>,
    /// Its tasks by ARN, stopped ones too for a while.
    pub(super) tasks: BTreeMap<Arc<str>, Known>,
    /// What it looked like when its tasks were listed last.
    pub(super) listed: Option<Mark>,
    /// What the scheduler had told of failures when its stopped tasks were listed last.
    pub(super) stopped_listed: Option<Failures>,
    /// When the last look was begun.
    pub(super) looked_at: Option<Time>,
    /// Where its present way up began.
    pub(super) rise: Option<Rise>,
    /// Since when it is known to have a desired count.
    pub(super) up_since: Option<Time>,
    /// When it was last put to sleep.
    pub(super) lowered: Option<Lowered>,
    /// What is known of its tags besides.
    pub(super) tags: Tags,
    /// Says that it is needed again, once somebody wants to hear it.
    calls_off: Option<watch::Sender<()>>,
    /// Since when its tasks have been changing.
    pub(super) unrest: Option<Unrest>,
    /// The roll-out that is under way, and since when that is known.
    pub(super) rollout: Option<(String, Time)>,
}

/// What a service looked like: while that stays the same, so do its tasks.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mark {
    counts: (u32, u32, u32),
    pub(super) event: Option<String>,
    deployments: Vec<(String, DeploymentStatus, Option<Rollout>, u32, u32, u32)>,
}

/// What the scheduler tells of failures: the newest event, and how many tasks did not start.
pub(super) type Failures = (Option<String>, u32);

/// The beginning of a way up: what went wrong before it is forgotten.
#[derive(Clone, Debug)]
pub(super) struct Rise {
    /// Deaths before this do not count.
    pub(super) since: Time,
    /// What the scheduler said before this does not count.
    pub(super) events: Baseline,
}

/// Where the scheduler's events begin to count.
#[derive(Clone, Debug)]
pub(super) enum Baseline {
    /// After the one with this id; `None`: all of them.
    After(Option<String>),
    /// From this moment.
    From(SystemTime),
}

impl Record {
    pub(super) fn new(settle: Duration) -> Self {
        Self {
            settle,
            names: Vec::new(),
            service: None,
            outdated_at: None,
            tasks: BTreeMap::new(),
            listed: None,
            stopped_listed: None,
            looked_at: None,
            rise: None,
            up_since: None,
            lowered: None,
            rollout: None,
            tags: Tags::default(),
            calls_off: None,
            unrest: None,
        }
    }

    /// Somebody means this service by this name.
    pub(in crate::provider::ecs) fn asked_for_by(&mut self, name: &Arc<str>) {
        if !self.names.contains(name) {
            self.names.push(name.clone());
        }
    }

    pub(super) fn names(&self) -> impl Iterator<Item = Arc<str>> + '_ {
        self.names.iter().cloned()
    }

    /// Its newest description.
    pub(in crate::provider::ecs) fn state(&self) -> Option<&ServiceState> {
        self.service.as_ref().map(|(state, _)| state)
    }

    /// How many tasks it shall have; none where it was deleted.
    pub(super) fn desired(&self) -> u32 {
        self.state().filter(|state| state.status == ServiceStatus::Active).map_or(0, |state| state.desired)
    }

    /// Hears when it is needed again, from now on.
    pub(in crate::provider::ecs) fn calls_off(&mut self) -> watch::Receiver<()> {
        self.calls_off.get_or_insert_default().subscribe()
    }

    /// It is needed again.
    pub(in crate::provider::ecs) fn call_off(&self) {
        if let Some(calls_off) = &self.calls_off {
            calls_off.send_replace(());
        }
    }

    /// The description is out of date.
    pub(super) fn outdated(&mut self, now: Time) {
        self.outdated_at = Some(now);
    }

    // === What comes in ===

    /// Takes a description from a look begun at `begun`; an older one than is known tells nothing.
    pub(in crate::provider::ecs) fn described(&mut self, mut state: ServiceState, begun: Time, now: Now) {
        if self.service.as_ref().is_some_and(|(_, known)| *known > begun) {
            return;
        }
        if state.desired == 0 {
            // Nothing keeps it down: the newest alone says where those of the next way up begin.
            state.events.truncate(1);
            state.events.shrink_to_fit();
        }
        self.note_rollout(&state, now.time);
        let last_down = self
            .service
            .as_ref()
            .filter(|_| self.desired() == 0)
            .map(|(known, at)| Rise { since: *at, events: Baseline::After(known.newest_event()) });
        let was_up = self.service.is_none() || self.up_since.is_some();
        match &mut self.service {
            // What says the same is not moved about in memory.
            Some((known, since)) if *known == state => *since = begun,
            service => *service = Some((state, begun)),
        }
        self.note_desired(begun);
        if was_up && self.up_since.is_none() && self.desired() == 0 {
            self.found_lowered(begun, now);
        }
        self.tags_described(begun);
        if !self.contradicts_us(begun) {
            self.outdated_at = self.outdated_at.filter(|at| *at > begun);
        }
        if self.up_since.is_none() {
            self.rise = None;
        } else if self.rise.is_none() {
            // Found on its way up, or up: since it was last seen down, if it ever was.
            self.rise = last_down.or_else(|| {
                let from = now.wall.checked_sub(STILL_TRUE).unwrap_or(SystemTime::UNIX_EPOCH);
                Some(Rise { since: Time::ZERO, events: Baseline::From(from) })
            });
        }
    }

    /// Takes the answer to an order that was begun at `begun`, if it could be read. It has no tags.
    pub(in crate::provider::ecs) fn answered(&mut self, state: Option<ServiceState>, begun: Time, now: Now) {
        if let (Some(state), Some(before)) = (state, self.state()) {
            let tags = before.tags.clone();
            self.described(ServiceState { tags, ..state }, begun, now);
        }
    }

    fn note_rollout(&mut self, state: &ServiceState, now: Time) {
        let under_way = state.deployments.iter().find(|deployment| {
            deployment.status == DeploymentStatus::Primary && deployment.rollout == Some(Rollout::InProgress)
        });
        self.rollout = match (under_way, self.rollout.take()) {
            (Some(Deployment { id, .. }), Some((known, since))) if *id == known => Some((known, since)),
            (Some(Deployment { id, .. }), _) => Some((id.clone(), now)),
            (None, _) => None,
        };
    }

    /// Takes the listing of its tasks that are not told to stop.
    pub(in crate::provider::ecs) fn listed(&mut self) {
        self.listed = self.state().map(Mark::of);
    }

    /// Takes the listing of its stopped tasks.
    pub(in crate::provider::ecs) fn listed_stopped(&mut self) {
        self.stopped_listed = Some(self.failures());
    }

    pub(super) fn failures(&self) -> Failures {
        let failed = self.state().map_or(0, |state| state.deployments.iter().map(|it| it.failed).sum());
        (self.newest_event(), failed)
    }

    pub(super) fn newest_event(&self) -> Option<String> {
        self.state().and_then(ServiceState::newest_event)
    }

    /// Takes an event about a task. `false`: nothing new.
    pub(super) fn heard_of(&mut self, task: Task, now: Now) -> bool {
        match self.tasks.get_mut(&task.arn) {
            Some(known) if task.version <= known.task.version => false,
            Some(known) => known.update(task, now.time, now),
            None => {
                self.meet(task, now.time, now);
                true
            }
        }
    }

    pub(super) fn task_described(&mut self, task: Task, begun: Time, now: Now) {
        let arn = task.arn.clone();
        match self.tasks.get_mut(&arn) {
            Some(known) => {
                known.update(task, begun, now);
            }
            None => self.meet(task, begun, now),
        }
        self.reconsider(&arn, begun);
    }

    fn meet(&mut self, task: Task, seen_at: Time, now: Now) {
        let mut known = Known::new(task, seen_at, now);
        known.doubted = self.doubts_newcomer(&known);
        self.tasks.insert(known.task.arn.clone(), known);
    }

    /// ECS says that there is no such task. It forgets stopped ones after an hour, and may not know a new one yet.
    pub(super) fn task_missing(&mut self, arn: &str, begun: Time) {
        if let Some(known) = self.tasks.get_mut(arn)
            && begun.since(known.first_seen) > self.settle
        {
            known.task.desired = Wanted::Stopped;
            known.task.last = LastStatus::Deleted;
            known.seen_at = begun;
        }
    }

    /// Forgets tasks that stopped long ago.
    pub(super) fn tidy(&mut self, now: Time) {
        self.tasks.retain(|_, known| !known.is_gone() || now.since(known.seen_at) < REMEMBERED);
        let gone: Vec<_> = self.tasks.values().filter(|known| known.is_gone()).collect();
        if gone.len() > MOST_REMEMBERED {
            let surplus = gone.len() - MOST_REMEMBERED;
            let mut oldest: Vec<_> =
                gone.iter().map(|known| (known.seen_at, known.task.arn.clone())).collect();
            oldest.sort();
            for (_, arn) in oldest.into_iter().take(surplus) {
                self.tasks.remove(&arn);
            }
        }
    }

    // === What is asked of it ===

    pub(super) fn is_up(&self, arn: &str) -> bool {
        self.tasks.get(arn).is_some_and(Known::is_up)
    }

    /// Whether a task is known that was not told to stop, and that nobody doubts.
    pub(super) fn believes(&self, arn: &str) -> bool {
        self.tasks.get(arn).is_some_and(|known| known.is_up() && !known.doubted)
    }

    /// The tasks that were not told to stop.
    pub(in crate::provider::ecs) fn up(&self) -> Vec<Arc<str>> {
        self.tasks.values().filter(|known| known.is_up()).map(|known| known.task.arn.clone()).collect()
    }
}

impl Mark {
    pub(super) fn of(state: &ServiceState) -> Self {
        Self {
            counts: (state.desired, state.running, state.pending),
            event: state.newest_event(),
            deployments: state
                .deployments
                .iter()
                .map(|it| (it.id.clone(), it.status, it.rollout, it.desired, it.running, it.pending))
                .collect(),
        }
    }
}

impl ServiceState {
    /// The id of the newest event.
    pub(in crate::provider::ecs) fn newest_event(&self) -> Option<String> {
        self.events.first().map(|event| event.id.clone())
    }
}
