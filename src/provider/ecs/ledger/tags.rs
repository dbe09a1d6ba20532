//! The tags of a service, and what Application Auto Scaling is to be given back because of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex as AsyncMutex;

use super::super::memory::{Memory, SCALING, Scaling};
use super::record::Record;
use crate::model::Time;

/// How often it is tried to resume Application Auto Scaling.
const RESUME_EVERY: Duration = Duration::from_secs(30);
/// How many times `settle` a service has to be up with its tag before somebody who did not write it takes it for
/// forgotten: a minute, usually. Another gateway writes it some seconds before it puts the service to sleep.
const FORGOTTEN_AFTER: u32 = 12;

/// What is known of a service's tags besides what its description says.
#[derive(Debug, Default)]
pub(super) struct Tags {
    /// What we wrote, none where we took it away, and when: descriptions may be from before it.
    written: BTreeMap<String, (Option<String>, Time)>,
    /// Held by whoever changes what Application Auto Scaling may do.
    turn: Arc<AsyncMutex<()>>,
    /// Since when it is described as up and suspended.
    suspended_since: Option<Time>,
    /// It is for us to resume it now: we have woken it, or wanted to put it to sleep and did not.
    is_ours: bool,
    /// When resuming it was tried last.
    resumed_at: Option<Time>,
}

impl Record {
    /// To be held while changing what Application Auto Scaling may do.
    pub(in crate::provider::ecs) fn turn(&self) -> Arc<AsyncMutex<()>> {
        self.tags.turn.clone()
    }

    /// Its tags were set.
    pub(in crate::provider::ecs) fn tagged(&mut self, tags: &[(&str, String)], now: Time) {
        for (key, value) in tags {
            self.tags.written.insert((*key).to_owned(), (Some(value.clone()), now));
            self.tags.is_ours |= *key == SCALING;
        }
        self.put_down_tags(now);
    }

    /// A tag of it was taken away.
    pub(in crate::provider::ecs) fn untagged(&mut self, key: &str, now: Time) {
        self.tags.written.insert(key.to_owned(), (None, now));
        if key == SCALING {
            self.tags.is_ours = false;
        }
        self.put_down_tags(now);
    }

    /// It was described in a look begun at `begun`.
    pub(super) fn tags_described(&mut self, begun: Time) {
        self.put_down_tags(begun);
        let is_up = self.up_since.is_some() && self.desired() > 0;
        let suspended = is_up && self.memory().scaling.is_some();
        self.tags.suspended_since =
            self.tags.suspended_since.filter(|_| suspended).or(suspended.then_some(begun));
        if self.up_since.is_none() {
            self.tags.is_ours = false;
        }
    }

    /// Corrects the description from a look begun at `begun` by what we wrote ourselves and it may be older than.
    fn put_down_tags(&mut self, begun: Time) {
        let settle = self.settle;
        self.tags.written.retain(|_, (_, at)| begun.since(*at) <= settle);
        let Some((state, _)) = &mut self.service else { return };
        for (key, (value, _)) in &self.tags.written {
            match value {
                Some(value) => drop(state.tags.insert(key.clone(), value.clone())),
                None => drop(state.tags.remove(key)),
            }
        }
    }

    /// What its tags say.
    pub(in crate::provider::ecs) fn memory(&self) -> Memory {
        self.state().map(|state| Memory::read(&state.tags)).unwrap_or_default()
    }

    /// It was woken by us: what its tag says is to be given back now.
    pub(super) fn resumes_itself(&mut self) {
        self.tags.is_ours = self.memory().scaling.is_some();
    }

    /// It was put to sleep by us: nothing is to be given back.
    pub(super) fn stays_suspended(&mut self) {
        self.tags.is_ours = false;
    }

    /// Requests of ours may still be on their way: it is not the moment to resume anything.
    pub(in crate::provider::ecs) fn resume_later(&mut self, now: Time) {
        self.tags.resumed_at = Some(now);
    }

    /// Its ARN and what Application Auto Scaling was allowed to do before it was suspended, where that is to be
    /// given back: it is up, and that is no answer from before it was put to sleep.
    pub(in crate::provider::ecs) fn suspended(&self) -> Option<(String, Scaling)> {
        let (state, begun) = self.service.as_ref()?;
        let since = self.up_since?;
        let woken = self.lowered.is_none_or(|lowered| lowered.at < since);
        let scaling = self.memory().scaling.filter(|_| woken || !self.just_lowered(*begun))?;
        Some((state.arn.clone(), scaling))
    }

    /// Whether to try now to give it back.
    pub(in crate::provider::ecs) fn is_to_resume(&mut self, now: Time) -> bool {
        let Tags { is_ours, suspended_since, resumed_at, .. } = &self.tags;
        let is_due = resumed_at.is_none_or(|at| now.since(at) >= RESUME_EVERY);
        let forgotten = self.settle * FORGOTTEN_AFTER;
        let is_meant = *is_ours || suspended_since.is_some_and(|since| now.since(since) > forgotten);
        let resumes = is_due && is_meant && self.suspended().is_some();
        if resumes {
            self.tags.resumed_at = Some(now);
        }
        resumes
    }
}
