//! When a service is looked at: at once where something is suspected, often while it moves, and otherwise now and then,
//! a slice of services at a time.

use std::time::Duration;

use super::{Command, Engine, LookId, SLICE, SLOW_SLICES};
use crate::model::{Phase, ServiceId, Time};

impl Engine {
    /// Emits the look that is due, if none is out.
    pub(super) fn look_if_due(&mut self, id: ServiceId) {
        let now = self.now;
        let sleeps = self.graph.spec(id).sleeps();
        let slot = self.slot(id);
        let due = slot.look_at.is_some_and(|at| at <= now) && slot.look.is_none();
        if !sleeps || !due || slot.call.is_some() {
            return;
        }
        let look = LookId(self.next_id());
        let slot = self.slot_mut(id);
        slot.look = Some(look);
        (slot.looked_at, slot.looked) = (now, true);
        slot.look_at = None;
        self.emit(Command::Observe { service: id, look });
    }

    /// Sets when it is looked at next.
    pub(super) fn plan_look(&mut self, id: ServiceId) {
        let spec = self.graph.spec(id);
        let (now, every) = (self.now, self.settings.observe_every);
        let slot = self.slot(id);
        // No look while one is out or a call is: their answers bring the next.
        let looking = slot.look.is_some() || slot.call.is_some();
        // One that cannot be seen and that nobody waits for does not become known by asking more often.
        let moving = match slot.phase {
            Phase::Waking | Phase::Stopping => true,
            Phase::Unknown => slot.blind.is_none() || slot.wake.is_some(),
            Phase::Asleep | Phase::Awake | Phase::Draining | Phase::Failed => {
                slot.seen.as_ref().is_some_and(|seen| seen.unsettled)
            }
        };
        let look_at = if !spec.sleeps() || looking {
            None
        } else if slot.look_at.is_some_and(|at| at <= now)
            || (moving && slot.look_at.is_some_and(|at| at <= now + every))
        {
            slot.look_at
        } else if !slot.looked {
            Some(self.first_look(id))
        } else if moving {
            Some(now + every)
        } else {
            Some(self.next_slow_look(id))
        };
        self.slot_mut(id).look_at = look_at;
    }

    /// How often a settled service is looked at.
    pub(super) fn reconcile_every(&self) -> Duration {
        self.settings.reconcile_every.max(self.settings.slice_every * SLOW_SLICES * self.slices())
    }

    fn slices(&self) -> u32 {
        u32::try_from(self.graph.len()).unwrap_or(u32::MAX).div_ceil(SLICE)
    }

    pub(super) fn first_look(&self, id: ServiceId) -> Time {
        self.started + self.settings.slice_every * (id.0 / SLICE)
    }

    /// The next moment that belongs to the service's slice. All of a slice share it, so that they are looked at in one
    /// call whatever has happened to each.
    fn next_slow_look(&self, id: ServiceId) -> Time {
        let every = self.reconcile_every();
        let first = self.started + every / self.slices().max(1) * (id.0 / SLICE);
        // Not right after a look that something else called for.
        let after = self.now.max(self.slot(id).looked_at + every / 4);
        if after < first {
            return first;
        }
        let rounds = after.since(first).as_nanos() / every.as_nanos().max(1) + 1;
        first + every.saturating_mul(u32::try_from(rounds).unwrap_or(u32::MAX))
    }
}
