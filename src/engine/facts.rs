//! What an event changes. Nothing is decided here.

use std::time::Duration;

use super::slot::{Call, Told, Wake};
use super::{Command, Engine, Event, LookId};
use crate::model::{Cause, Fault, Observation, Phase, ServiceId, Target};

/// How late a sample may be before the process counts as having stood still.
const MOST_LATE: Duration = Duration::from_secs(1);

impl Engine {
    pub(super) fn apply(&mut self, event: Event) {
        match event {
            Event::Demand(id) => self.demanded(id),
            Event::Nudged(id) => {
                self.look_soon(id);
                self.touch(id);
            }
            Event::Observed { service, look, seen } => self.observed(service, look, seen),
            Event::NotObserved { service, look, fault } => {
                if self.look_returned(service, look) {
                    self.not_observed(service, fault);
                }
            }
            Event::Acknowledged { service, call, result } => {
                let slot = self.slot_mut(service);
                if let Some(current) = slot.call.filter(|current| current.id == call) {
                    slot.call = None;
                    self.acknowledged(service, current, result);
                }
            }
            Event::Probed { service, target, result } => self.probed(service, target, result),
            Event::Suspected { service, target } => self.suspected(service, target),
            Event::Drained { service, in_flight } => self.drained(service, in_flight),
            Event::Sampled { service, active, entered, held } => {
                self.sampled(service, active, entered, held);
            }
            Event::Lease { service, until } => {
                self.slot_mut(service).lease = until;
                self.touch(service);
            }
            Event::Sleep(id) => {
                let slot = self.slot_mut(id);
                slot.asked_to_sleep = true;
                // A failed service's demand was refused: nobody waits for it.
                slot.wanted &= slot.phase != Phase::Failed;
                self.touch(id);
            }
            Event::Tick => self.tick(),
        }
    }

    fn demanded(&mut self, id: ServiceId) {
        let slot = self.slot_mut(id);
        slot.wanted = true;
        slot.asked_to_sleep = false;
        slot.quiet.lasted = Duration::ZERO;
        self.call_off_sleep(id);
        self.touch(id);
    }

    // === Looking ===

    /// Has the service looked at as soon as may be; a look that is out may have begun too early.
    pub(super) fn look_soon(&mut self, id: ServiceId) {
        let now = self.now;
        let slot = self.slot_mut(id);
        if slot.look.is_some() {
            slot.look_again = true;
        } else {
            slot.look_at = Some(now);
        }
    }

    fn observed(&mut self, id: ServiceId, look: LookId, mut seen: Observation) {
        if !self.look_returned(id, look) {
            return;
        }
        let (now, settle) = (self.now, self.settings.settle);
        let slot = self.slot_mut(id);
        slot.blind = None;
        // By when it was begun: an answer may be long on its way.
        let settling = slot.looked_at.since(slot.acknowledged_at) < settle;
        let contradicts = match slot.told {
            Told::Up | Told::PerhapsUp => seen.desired == 0,
            Told::Down | Told::PerhapsDown => seen.desired > 0,
            Told::Nothing => false,
        };
        if settling && contradicts {
            return;
        }
        if seen.desired == 0 && slot.told != Told::Up {
            // What it completed was an earlier run.
            seen.completed = false;
        }
        if seen.running == 0 {
            // A fixed address outlives what answered there.
            slot.healthy.clear();
        }
        slot.known_count = seen.desired;
        slot.healthy.retain(|target| seen.targets.contains(target) || &*target.instance == "upstream");
        slot.seen = Some(seen);
        slot.seen_at = now;
    }

    /// Nothing is concluded from it, but that it is no use to wait where the next look will not do better.
    fn not_observed(&mut self, id: ServiceId, fault: Fault) {
        let slot = self.slot_mut(id);
        slot.blind = Some(fault.clone());
        if fault.terminal && slot.wake.is_some() && matches!(slot.phase, Phase::Unknown | Phase::Waking) {
            self.fail(id, fault);
        }
    }

    /// A look came back. `false`: it was begun before the last call was acknowledged, so it tells nothing (rule 3).
    fn look_returned(&mut self, id: ServiceId, look: LookId) -> bool {
        let (now, every) = (self.now, self.settings.observe_every);
        let slot = self.slot_mut(id);
        if slot.look != Some(look) {
            return false;
        }
        slot.look = None;
        slot.look_at = Some(if slot.look_again { now } else { now + every });
        slot.look_again = false;
        let fresh = slot.call.is_none() && look >= slot.first_valid_look;
        if !fresh {
            slot.look_at = Some(now);
        }
        self.touch(id);
        fresh
    }

    // === Calling ===

    /// Calls the provider. What was seen until now is void.
    pub(super) fn call(&mut self, id: ServiceId, count: u32) {
        let call = super::CallId(self.next_id());
        let slot = self.slot_mut(id);
        debug_assert!(slot.call.is_none(), "two calls for one service at once");
        slot.call = Some(Call { id: call, count, called_off: false });
        slot.call_again_at = None;
        slot.forget_seen();
        self.emit(Command::Scale { service: id, call, count });
    }

    fn acknowledged(&mut self, id: ServiceId, call: Call, result: Result<(), Fault>) {
        let (now, count) = (self.now, call.count);
        let next_look = LookId(self.last_id + 1);
        let slot = self.slot_mut(id);
        slot.acknowledged_at = now;
        slot.first_valid_look = next_look;
        match result {
            Ok(()) => {
                slot.told = if count == 0 { Told::Down } else { Told::Up };
                slot.seen_before = None;
                slot.known_count = count;
                slot.failed_calls = 0;
                slot.refused = None;
                if count == 0 {
                    slot.unslept = None;
                }
                if let Some(wake) = &mut slot.wake {
                    // Perhaps called by an earlier wake that did not live to see the answer.
                    wake.called |= count > 0;
                }
            }
            Err(fault) if count == 0 => {
                let undone = fault.undone;
                slot.unslept = Some(fault).filter(|_| !(undone && call.called_off));
                if undone && slot.phase == Phase::Stopping {
                    // Its targets were never told to stop: they serve on, whether or not the provider can be seen.
                    slot.remember_seen();
                    self.stays_up(id, if call.called_off { Cause::Busy } else { Cause::SleepFailed });
                } else {
                    slot.told = Told::PerhapsDown;
                }
            }
            Err(fault) => {
                slot.told = Told::PerhapsUp;
                self.start_refused(id, fault);
            }
        }
        self.look_soon(id);
        self.touch(id);
        // Its dependents' starts wait for this (rule 5).
        let graph = self.graph.clone();
        for edge in graph.dependents(id) {
            self.touch(edge.to);
        }
    }

    fn start_refused(&mut self, id: ServiceId, fault: Fault) {
        if self.slot(id).phase != Phase::Waking {
            // Its wake has ended in the meantime.
            return;
        }
        if fault.terminal {
            self.fail(id, fault);
            return;
        }
        let now = self.now;
        let slot = self.slot_mut(id);
        slot.call_again_at = Some(now + pause(slot.failed_calls, 500, 10_000));
        slot.failed_calls += 1;
        slot.refused = Some(fault);
        if let Some(wake) = &mut slot.wake {
            wake.called = false;
        }
    }

    // === Probing ===

    fn probed(&mut self, id: ServiceId, target: Target, result: Result<(), String>) {
        let spec = self.graph.spec(id).clone();
        let slot = self.slot_mut(id);
        let was_healthy = slot.healthy.contains(&target);
        slot.healthy.retain(|healthy| *healthy != target);
        match result {
            // A target that was taken off the list in the meantime is not trusted.
            Ok(()) if slot.targets(&spec).contains(&target) => {
                slot.healthy.push(target);
                slot.last_probe_error = None;
            }
            Ok(()) => {}
            Err(error) => {
                slot.last_probe_error = Some(error);
                if was_healthy {
                    // Gone, perhaps: its address may soon be somebody else's.
                    self.look_soon(id);
                }
            }
        }
        self.touch(id);
    }

    fn suspected(&mut self, id: ServiceId, target: Target) {
        let has_probes = self.graph.spec(id).is_probed();
        let slot = self.slot_mut(id);
        if has_probes && slot.healthy.contains(&target) {
            slot.healthy.retain(|healthy| *healthy != target);
            self.emit(Command::ProbeAgain { service: id, target });
        }
        self.look_soon(id);
        self.touch(id);
    }

    // === Time and quiet ===

    fn sampled(&mut self, id: ServiceId, active: u64, entered: u64, held: u64) {
        let now = self.now;
        let every = self.sample_every(id);
        let slot = self.slot_mut(id);
        let quiet = &mut slot.quiet;
        let elapsed = now.since(quiet.sampled_at);
        quiet.sampled_at = now;
        let leased = slot.lease.is_some_and(|until| until > now);
        if active > 0 || held > 0 || entered != quiet.entered || leased {
            quiet.lasted = Duration::ZERO;
        } else if elapsed > every + MOST_LATE {
            // A process that was frozen has not observed the time in between, and what came meanwhile may still
            // wait to be taken in: quiet begins anew.
            quiet.lasted = Duration::ZERO;
        } else {
            quiet.lasted = quiet.lasted.saturating_add(elapsed);
        }
        quiet.entered = entered;
        if held > 0 && slot.phase != Phase::Awake {
            slot.wanted = true;
        }
        self.touch(id);
    }

    fn tick(&mut self) {
        while let Some(id) = self.timers.pop_due(self.now) {
            self.touch(id);
        }
    }

    /// Begins a way up.
    pub(super) fn begin_wake(&mut self, id: ServiceId, cause: Cause, calls: bool) {
        let now = self.now;
        let slot = self.slot_mut(id);
        slot.wake = Some(Wake { started: now, cause, calls, called: false, dependencies_ready: None });
        slot.call_again_at = None;
        slot.failed_calls = 0;
        slot.refused = None;
        slot.fault = None;
        self.enter(id, Phase::Waking, cause);
    }
}

/// The pause before the try after this many failed ones, in milliseconds: doubling, bounded.
pub(super) fn pause(failures: u32, first: u64, most: u64) -> Duration {
    Duration::from_millis(first.saturating_mul(1 << failures.min(20)).min(most))
}
