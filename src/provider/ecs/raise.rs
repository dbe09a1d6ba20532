//! The way up: a desired count that is raised and never lowered.

use std::sync::Arc;

use super::Ecs;
use super::api::Urgency;
use super::key::Key;
use super::state::{NoState, ServiceState, ServiceStatus};
use crate::model::{EcsSpec, Fault};

impl Ecs {
    /// Wakes a service to `count` tasks, or to as many as it had before it slept. Returns once ECS has taken the
    /// order.
    ///
    /// # Errors
    /// Terminal where the service does not exist, was deleted or is a daemon service, and where a permission is
    /// missing.
    pub(super) async fn raise(&self, ecs: &EcsSpec, count: u32) -> Result<(), Fault> {
        let key = Key::of(ecs);
        let begun = self.clock.now();
        let answer = self.gather.describe(&self.api, &key).await.map_err(|trouble| trouble.fault())?;
        let state = there_is(&key, answer)?;
        if state.status != ServiceStatus::Active {
            return Err(deleted(&key));
        }
        if state.daemon {
            return Err(is_daemon(&key));
        }
        let desired = state.desired;
        let now = self.now();
        let (memory, perhaps_stale) = self.ledger.with(&key, |record| {
            record.described(state, begun, now);
            record.rising(now.time);
            (record.memory(), record.just_lowered(begun))
        });
        let wanted = memory.wake_to(desired, count, ecs.desired_count.is_some());
        if desired < wanted || perhaps_stale {
            let begun = self.clock.now();
            let order = self.api.set_desired(&key.cluster, &key.service, wanted, Urgency::Wake).await;
            let state = order.map_err(|trouble| trouble.fault())?;
            let now = self.now();
            self.ledger.with(&key, |record| record.answered(state, begun, now));
        }
        self.ledger.with(&key, |record| record.raised(self.clock.now()));
        self.resume_if_due(&key);
        Ok(())
    }
}

/// The service, if ECS knows it.
pub(super) fn there_is(key: &Key, answer: Result<ServiceState, NoState>) -> Result<ServiceState, Fault> {
    answer.map_err(|why| match why {
        NoState::Missing => {
            let words = format!("ECS has no service {} in cluster {}", key.service, key.cluster);
            Fault::terminal(words).told_as(SETUP)
        }
        NoState::Nonsense(nonsense) => {
            Fault::new(format!("what ECS says of {key} makes no sense: {nonsense}"))
        }
        NoState::Refused(trouble) => trouble.fault(),
    })
}

/// For visitors, where only the operator can help.
const SETUP: &str = "The service is not set up correctly.";

/// The fault of a service that was deleted.
pub(super) fn deleted(key: &Key) -> Fault {
    Fault::terminal(format!("{key} was deleted")).told_as(SETUP)
}

/// The fault of a service without a count of its own.
pub(super) fn is_daemon(key: &Key) -> Fault {
    let reason: Arc<str> =
        format!("{key} is a daemon service: it has a task on each instance and no desired count").into();
    Fault::terminal(reason).told_as(SETUP)
}
