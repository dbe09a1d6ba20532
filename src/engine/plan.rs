//! One planning step: from the facts to what is needed.

use super::slot::Told;
use super::{Command, Engine};
use crate::model::{Cause, Observation, Phase, ServiceId};

impl Engine {
    /// Plans every service whose facts have changed, and those that these concern, until nothing moves.
    pub(super) fn replan(&mut self) {
        while let Some(id) = self.dirty.pop() {
            self.slot_mut(id).dirty = false;
            self.plan(id);
            self.steer(id);
        }
        for id in std::mem::take(&mut self.changed) {
            if std::mem::take(&mut self.slot_mut(id).changed) {
                // Last, so that no look goes out just ahead of a call that makes it void.
                self.look_if_due(id);
                self.arm(id);
                self.emit(Command::Publish(id));
            }
        }
    }

    fn plan(&mut self, id: ServiceId) {
        let now = self.now;
        let slot = self.slot_mut(id);
        slot.changed = true;
        if slot.lease.is_some_and(|until| until <= now) {
            slot.lease = None;
        }
        self.changed.push(id);
        match self.slot(id).phase {
            Phase::Unknown => self.plan_unknown(id),
            Phase::Asleep => self.plan_asleep(id),
            Phase::Waking => self.plan_waking(id),
            Phase::Awake => self.plan_awake(id),
            // Waits for `Drained`, which comes at once.
            Phase::Draining => {}
            Phase::Stopping => self.plan_stopping(id),
            Phase::Failed => self.plan_failed(id),
        }
        if self.slot(id).phase != Phase::Draining {
            // Asked and not done: what kept it awake was the answer.
            self.slot_mut(id).asked_to_sleep = false;
        }
    }

    /// Whether something wants the service up that is entitled to start it.
    pub(super) fn wanted_up(&self, id: ServiceId) -> bool {
        let slot = self.slot(id);
        slot.wanted
            || slot.leased(self.now)
            || self.graph.dependents(id).iter().any(|edge| {
                let dependent = self.slot(edge.to);
                dependent.phase == Phase::Waking && dependent.wake.is_some_and(|wake| wake.calls)
            })
    }

    /// What a wake that begins now is to be laid to.
    pub(super) fn wake_cause(&self, id: ServiceId) -> Cause {
        let slot = self.slot(id);
        if slot.wanted || slot.leased(self.now) { Cause::Demand } else { Cause::Dependent }
    }

    fn plan_unknown(&mut self, id: ServiceId) {
        if self.slot(id).seen.is_some() {
            self.classify(id, Cause::Boot);
        } else if self.wanted_up(id) {
            // Not started before it is known: the count might be lowered. But the wait has an end.
            if !self.slot(id).looked {
                self.look_soon(id);
            }
            let (now, cause) = (self.now, self.wake_cause(id));
            let slot = self.slot_mut(id);
            slot.wake.get_or_insert(super::slot::Wake {
                started: now,
                cause,
                calls: true,
                called: false,
                dependencies_ready: None,
            });
            self.fail_if_late(id);
        }
    }

    fn plan_asleep(&mut self, id: ServiceId) {
        let slot = self.slot(id);
        if slot.seen.as_ref().is_some_and(|seen| seen.desired > 0) {
            self.classify(id, Cause::Outside);
        } else if self.wanted_up(id) && slot.may_retry(self.now) {
            self.begin_wake(id, self.wake_cause(id), true);
        }
    }

    /// Takes up a service where it was found, without calling anything.
    pub(super) fn classify(&mut self, id: ServiceId, cause: Cause) {
        let Some(seen) = &self.slot(id).seen else { return };
        match (seen.desired, is_gone(seen)) {
            (0, true) => self.fell_asleep(id, cause),
            (0, false) => {
                let slot = self.slot_mut(id);
                slot.told = Told::Down;
                slot.wake = None;
                self.enter(id, Phase::Stopping, cause);
            }
            _ => {
                self.slot_mut(id).told = Told::Up;
                if cause == Cause::Outside {
                    self.slot_mut(id).fault = None;
                }
                let calls = self.wanted_up(id);
                let cause = if calls { self.wake_cause(id) } else { cause };
                self.begin_wake(id, cause, calls);
            }
        }
    }

    fn plan_awake(&mut self, id: ServiceId) {
        let spec = self.graph.spec(id).clone();
        let slot = self.slot_mut(id);
        // Met: the door is open.
        slot.wanted = false;
        let Some(seen) = &slot.seen else { return };
        if seen.desired == 0 && !seen.completed {
            // Somebody else has stopped it; that is accepted, and ends a lease.
            slot.lease = None;
            self.classify(id, Cause::Outside);
        } else if !slot.ready(&spec) {
            self.look_soon(id);
            self.begin_wake(id, Cause::Unhealthy, false);
        } else if self.may_sleep(id) {
            self.begin_drain(id);
        }
    }

    fn plan_stopping(&mut self, id: ServiceId) {
        let wanted = self.wanted_up(id);
        let slot = self.slot(id);
        if slot.call.is_some() {
            return;
        }
        if wanted && slot.may_retry(self.now) {
            self.begin_wake(id, self.wake_cause(id), true);
            return;
        }
        let Some(seen) = &slot.seen else { return };
        if seen.desired > 0 {
            let cause = if slot.sleep_refused.is_some() { Cause::SleepFailed } else { Cause::Outside };
            self.slot_mut(id).quiet.lasted = std::time::Duration::ZERO;
            self.classify(id, cause);
        } else if is_gone(seen) {
            self.fell_asleep(id, Cause::Stopped);
        }
    }
}

/// Whether nothing of it is left.
fn is_gone(seen: &Observation) -> bool {
    seen.running == 0 && seen.stopping == 0
}
