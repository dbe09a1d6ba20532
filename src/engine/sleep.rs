//! The way down: quiet, the drained door, the call.

use std::time::Duration;

use super::slot::Told;
use super::{Command, Engine};
use crate::model::{Cause, Phase, ServiceId};

impl Engine {
    /// How often the gate's counters are read: often enough that the service sleeps soon after its quiet time,
    /// seldom enough that it costs nothing.
    pub(super) fn sample_every(&self, id: ServiceId) -> Duration {
        let idle_after = self.graph.spec(id).limits.idle_after;
        (idle_after / 20).clamp(Duration::from_millis(50), Duration::from_secs(5))
    }

    /// Whether it may be put to sleep: quiet for long enough, nobody needs it, and it is seen clearly.
    pub(super) fn may_sleep(&self, id: ServiceId) -> bool {
        let spec = self.graph.spec(id);
        let slot = self.slot(id);
        let quiet = slot.asked_to_sleep || slot.quiet.lasted >= spec.limits.idle_after;
        quiet
            && spec.sleeps()
            && slot.call.is_none()
            && self.sees_clearly(id)
            && slot.seen.as_ref().is_some_and(|seen| seen.keeps.is_none())
            && !self.wanted_up(id)
            && self.kept_by(id).next().is_none()
    }

    /// Hands off what was not observed lately: the provider may be out of reach.
    fn sees_clearly(&self, id: ServiceId) -> bool {
        let slot = self.slot(id);
        let limit = self.reconcile_every() * 2 + Duration::from_secs(10);
        slot.blind.is_none() && self.now.since(slot.seen_at) <= limit
    }

    /// The dependents that are not certainly asleep (rules 4 and 6).
    pub(super) fn kept_by(&self, id: ServiceId) -> impl Iterator<Item = ServiceId> + '_ {
        self.graph
            .dependents(id)
            .iter()
            .map(|edge| edge.to)
            .filter(|dependent| self.slot(*dependent).keeps_dependencies())
    }

    /// Shuts the door and has those inside counted: rule 1, in this order.
    pub(super) fn begin_drain(&mut self, id: ServiceId) {
        let slot = self.slot_mut(id);
        slot.door = None;
        let cause = if slot.asked_to_sleep { Cause::Asked } else { Cause::Idle };
        self.enter(id, Phase::Draining, cause);
        self.emit(Command::Drain(id));
    }

    /// The door is shut, and this many are inside.
    pub(super) fn drained(&mut self, id: ServiceId, in_flight: u64) {
        if self.slot(id).phase != Phase::Draining {
            return;
        }
        if in_flight == 0 && self.may_sleep(id) {
            let cause = self.slot(id).cause;
            self.call(id, 0);
            self.enter(id, Phase::Stopping, cause);
            // Somebody may still wait whom no target had room for.
            self.emit(Command::Sample(id));
        } else {
            // Nothing was called: it goes on as if nothing had been.
            self.stays_up(id, Cause::Busy);
        }
        self.slot_mut(id).asked_to_sleep = false;
    }

    /// It is needed again. If it is being put to sleep at this moment, that may not have got far.
    pub(super) fn call_off_sleep(&mut self, id: ServiceId) {
        let slot = self.slot_mut(id);
        if let Some(call) = &mut slot.call
            && call.count == 0
            && !std::mem::replace(&mut call.called_off, true)
        {
            self.emit(Command::CallOff(id));
        }
    }

    /// Goes on as it was before its door was shut.
    pub(super) fn stays_up(&mut self, id: ServiceId, cause: Cause) {
        let now = self.now;
        let slot = self.slot_mut(id);
        slot.quiet.lasted = Duration::ZERO;
        slot.quiet.sampled_at = now;
        match slot.fault.clone() {
            None => self.enter(id, Phase::Awake, cause),
            Some(fault) => {
                // Draining has made the gate forget why it refuses.
                slot.refusing = true;
                self.emit(Command::Fail { service: id, fault });
                self.enter(id, Phase::Failed, cause);
            }
        }
    }

    /// Observed to be gone. Its quiet is its dependencies' too: they were in use as long as it was.
    pub(super) fn fell_asleep(&mut self, id: ServiceId, cause: Cause) {
        let graph = self.graph.clone();
        let slot = self.slot_mut(id);
        let used_until_now = slot.phase != Phase::Unknown;
        let lasted = slot.quiet.lasted;
        slot.told = Told::Down;
        slot.unslept = None;
        slot.wake = None;
        for edge in graph.dependencies(id).iter().filter(|_| used_until_now) {
            let quiet = &mut self.slot_mut(edge.to).quiet;
            quiet.lasted = quiet.lasted.min(lasted);
        }
        self.enter(id, Phase::Asleep, cause);
    }
}
