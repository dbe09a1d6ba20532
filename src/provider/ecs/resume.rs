//! Application Auto Scaling is given back what it was allowed to do before the service slept.

use std::sync::Arc;

use super::Ecs;
use super::api::{Api, Urgency};
use super::key::Key;
use super::ledger::Ledger;
use super::memory::{SCALING, Scaling};

impl Ecs {
    /// Resumes it, if the service is up and its tag says so, while nobody waits for it. What fails is tried again
    /// at a later look.
    pub(super) fn resume_if_due(&self, key: &Key) {
        let now = self.clock.now();
        if self.ledger.with(key, |record| record.is_to_resume(now)) {
            tokio::spawn(resume(self.api.clone(), self.ledger.clone(), key.clone()));
        }
    }
}

async fn resume(api: Arc<Api>, ledger: Arc<Ledger>, key: Key) {
    let turn = ledger.with(&key, |record| record.turn());
    // Somebody is putting it to sleep, or resumes already.
    let Ok(_turn) = turn.try_lock() else { return };
    let Some((arn, Scaling { before, .. })) = ledger.with(&key, |record| record.suspended()) else { return };
    let result = async {
        api.set_suspended(&key.cluster, &key.service, before, Urgency::Watch).await?;
        api.untag(&arn, &[SCALING], Urgency::Watch).await
    };
    match result.await {
        Ok(()) => ledger.with(&key, |record| record.untagged(SCALING)),
        Err(trouble) => {
            tracing::warn!(service = %key, error = %trouble, "Application Auto Scaling is not resumed yet");
        }
    }
}
