//! Application Auto Scaling is given back what it was allowed to do before the service slept.

use std::sync::Arc;

use super::Ecs;
use super::api::{Api, Urgency};
use super::key::Key;
use super::ledger::Ledger;
use super::memory::{SCALING, Scaling};
use super::trouble::{Kind, Trouble};
use crate::clock::Clock;

impl Ecs {
    /// Resumes it, if the service is up and its tag says so, while nobody waits for it. What fails is tried again
    /// at a later look.
    pub(super) fn resume_if_due(&self, key: &Key) {
        let now = self.clock.now();
        if self.ledger.with(key, |record| record.is_to_resume(now)) {
            tokio::spawn(resume(self.api.clone(), self.ledger.clone(), self.clock, key.clone()));
        }
    }
}

async fn resume(api: Arc<Api>, ledger: Arc<Ledger>, clock: Clock, key: Key) {
    let turn = ledger.with(&key, |record| record.turn());
    // Somebody is putting it to sleep, or resumes already.
    let Ok(_turn) = turn.try_lock() else { return };
    let Some((arn, Scaling { before, .. })) = ledger.with(&key, |record| record.suspended()) else { return };
    let result = async {
        let resumed = api.set_suspended(&key.cluster, &key.service, before, Urgency::Watch).await;
        if let Err(trouble) = resumed
            && !is_gone(&api, &key, &trouble).await
        {
            return Err(trouble);
        }
        api.untag(&arn, &[SCALING], Urgency::Watch).await
    };
    match result.await {
        Ok(()) => ledger.with(&key, |record| record.untagged(SCALING, clock.now())),
        Err(trouble) => {
            tracing::warn!(service = %key, error = %trouble, "Application Auto Scaling is not resumed yet");
        }
    }
}

/// Whether there is nothing to resume: Application Auto Scaling has nothing to do with the service any more.
async fn is_gone(api: &Api, key: &Key, trouble: &Trouble) -> bool {
    matches!(trouble.kind, Kind::Invalid | Kind::ServiceNotFound)
        && matches!(api.scalable_target(&key.cluster, &key.service, Urgency::Watch).await, Ok(None))
}
