//! What can be seen from outside.

use std::sync::Arc;

use super::Engine;
use super::slot::Slot;
use crate::model::{Phase, ServiceId, Time, View};

impl Slot {
    /// Why it is not put to sleep, as a clause that follows "it".
    fn keeps(&self) -> Option<Arc<str>> {
        let refused = || {
            let reason = &*self.sleep_refused.as_ref()?.reason;
            let clause = reason.strip_prefix("it ").map(str::to_owned);
            Some(clause.unwrap_or_else(|| format!("could not be put to sleep: {reason}")).into())
        };
        self.seen.as_ref().and_then(|seen| seen.keeps.clone()).or_else(refused)
    }
}

impl Engine {
    /// What can be seen of a service.
    pub fn view(&self, id: ServiceId, now: Time) -> View {
        let spec = self.graph.spec(id);
        let slot = self.slot(id);
        let needed_by: Vec<_> =
            self.kept_by(id).map(|dependent| self.graph.spec(dependent).name.clone()).collect();
        let kept = slot.leased(now) || slot.seen.as_ref().is_some_and(|seen| seen.keeps.is_some());
        let may_idle = slot.phase == Phase::Awake && spec.sleeps() && needed_by.is_empty() && !kept;
        View {
            phase: slot.phase,
            since: slot.since,
            cause: slot.cause,
            stage: slot.stage,
            stage_since: slot.stage_since,
            waking_since: slot.wake.map(|wake| wake.started),
            expected: slot.expected,
            last_wake: slot.last_wake,
            fault: slot.fault.clone(),
            retry_at: slot.retry_at.filter(|at| *at > now),
            quiet: slot.quiet.lasted,
            sleeps_at: may_idle
                .then(|| slot.quiet.sampled_at + spec.limits.idle_after.saturating_sub(slot.quiet.lasted)),
            lease_until: slot.lease.filter(|until| *until > now),
            needed_by,
            waits_for: (slot.phase == Phase::Waking)
                .then(|| slot.seen.as_ref().and_then(|seen| seen.waits_for.clone()))
                .flatten(),
            trouble: slot.trouble().cloned(),
            blind: slot.blind.as_ref().map(|fault| fault.reason.clone()),
            keeps: slot.keeps(),
            healthy: slot.ready_targets(spec).len(),
        }
    }

    /// Why the service could not be put to sleep now if it were asked, its requests in flight aside.
    pub fn kept_awake_by(&self, id: ServiceId) -> Vec<ServiceId> {
        self.kept_by(id).collect()
    }

    /// Why the service's provider does not let it be put to sleep, as a clause that follows "it".
    pub fn kept_by_provider(&self, id: ServiceId) -> Option<Arc<str>> {
        self.slot(id).seen.as_ref()?.keeps.clone()
    }

    /// Whether a lease keeps the service awake.
    pub fn is_leased(&self, id: ServiceId) -> bool {
        self.slot(id).leased(self.now)
    }
}
