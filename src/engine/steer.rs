//! Brings door, probes and timers in line with what was planned.

use std::time::Duration;

use super::{Command, Engine, Note, Pace};
use crate::model::{Phase, ServiceId, Stage, Time};

impl Engine {
    pub(super) fn steer(&mut self, id: ServiceId) {
        self.steer_door(id);
        self.steer_probes(id);
        self.steer_stage(id);
        self.sample_if_due(id);
    }

    fn steer_door(&mut self, id: ServiceId) {
        let (now, spec) = (self.now, self.graph.spec(id).clone());
        let slot = self.slot(id);
        let wanted = (slot.phase == Phase::Awake).then(|| slot.ready_targets(&spec));
        if slot.refusing && slot.may_refuse_no_more(now) {
            self.slot_mut(id).refusing = false;
            self.emit(Command::ClearFault(id));
        }
        let slot = self.slot_mut(id);
        if slot.door != wanted {
            slot.door.clone_from(&wanted);
            if let Some(targets) = wanted {
                self.emit(Command::Open { service: id, targets });
            } else {
                self.emit(Command::Shut(id));
                // Whoever waited at the open door for a target with room rang no bell: they are demand now.
                self.emit(Command::Sample(id));
            }
        }
    }

    fn steer_probes(&mut self, id: ServiceId) {
        let spec = self.graph.spec(id).clone();
        let slot = self.slot_mut(id);
        let probed =
            spec.is_probed() && !matches!(slot.phase, Phase::Unknown | Phase::Asleep | Phase::Stopping);
        let targets = if probed { slot.targets(&spec) } else { Vec::new() };
        let pace = if slot.phase == Phase::Waking { Pace::Waking } else { Pace::Awake };
        if slot.probing.0 == targets && (slot.probing.1 == pace || targets.is_empty()) {
            return;
        }
        slot.probing = (targets.clone(), pace);
        self.emit(Command::Probe { service: id, targets, pace });
    }

    fn steer_stage(&mut self, id: ServiceId) {
        let now = self.now;
        let spec = self.graph.spec(id).clone();
        let slot = self.slot_mut(id);
        let stage = slot.stage_now(&spec);
        if slot.stage == stage {
            return;
        }
        let (from, after) = (slot.stage, now.since(slot.stage_since));
        (slot.stage, slot.stage_since) = (stage, now);
        self.emit(Command::Tell(Note::Stage { service: id, from, to: stage, after }));
    }

    fn sample_if_due(&mut self, id: ServiceId) {
        if self.sample_at(id).is_some_and(|at| at <= self.now) {
            self.slot_mut(id).quiet.asked_at = self.now;
            self.emit(Command::Sample(id));
        }
    }

    fn sample_at(&self, id: ServiceId) -> Option<Time> {
        let slot = self.slot(id);
        let sampled = matches!(slot.phase, Phase::Awake | Phase::Failed);
        (sampled && self.graph.spec(id).sleeps())
            .then(|| slot.quiet.sampled_at.max(slot.quiet.asked_at) + self.sample_every(id))
    }

    /// Sets the service's timer to the next moment at which something about it may have to change.
    pub(super) fn arm(&mut self, id: ServiceId) {
        let spec = self.graph.spec(id).clone();
        self.plan_look(id);
        let slot = self.slot(id);
        let later = |at: &Time| *at > self.now;
        let next = [
            slot.look_at,
            self.sample_at(id),
            slot.wake.map(|wake| wake.started + spec.limits.wake_timeout),
            slot.retry_at.filter(later),
            slot.call_again_at.filter(later),
            slot.lease.filter(later),
        ];
        let next = next.into_iter().flatten().min();
        // Whatever is due now has been planned with: what is left comes no sooner than the clock can tell.
        let soonest = self.now + Duration::from_millis(1);
        self.timers.arm(id, next.map(|at| at.max(soonest)));
    }
}

impl super::slot::Slot {
    /// A failed service refuses at once, until the next attempt begins or may begin.
    fn may_refuse_no_more(&self, now: Time) -> bool {
        self.phase != Phase::Failed || self.may_retry(now)
    }

    fn stage_now(&self, spec: &crate::model::Spec) -> Stage {
        match self.phase {
            Phase::Unknown | Phase::Asleep | Phase::Stopping => Stage::Idle,
            Phase::Awake | Phase::Draining => Stage::Ready,
            Phase::Failed => Stage::Failed,
            Phase::Waking => {
                let called = self.wake.is_none_or(|wake| wake.called || !wake.calls);
                let runs = self.seen.as_ref().is_some_and(|seen| seen.running > 0);
                match (called, runs) {
                    _ if self.ready(spec) => Stage::Ready,
                    (false, _) => Stage::Waiting,
                    (true, false) => Stage::Starting,
                    (true, true) => Stage::Checking,
                }
            }
        }
    }
}
