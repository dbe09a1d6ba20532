//! The way up: starts, readiness, failure.

use super::facts::pause;
use super::slot::{Told, Wake};
use super::{Command, Engine, Note};
use crate::model::{Cause, Condition, Edge, Fault, Phase, ServiceId};

/// The pause after the first failed wake, in milliseconds; it doubles with each further one.
const FIRST_PAUSE: u64 = 2_000;
/// The longest pause between two wakes of a service that keeps failing, in milliseconds.
const LONGEST_PAUSE: u64 = 300_000;

impl Engine {
    pub(super) fn plan_waking(&mut self, id: ServiceId) {
        if !self.slot(id).wake.is_some_and(|wake| wake.calls) && self.wanted_up(id) {
            // Found on its way up without anybody's asking; now somebody does.
            self.slot_mut(id).wake = None;
            let (now, cause) = (self.now, self.wake_cause(id));
            self.slot_mut(id).wake =
                Some(Wake { started: now, cause, calls: true, called: false, dependencies_ready: None });
            self.touch_neighbours(id);
        }
        let Some(wake) = self.slot(id).wake else { return };
        self.note_dependencies(id);
        if self.is_ready(id) {
            self.awake(id, wake);
            return;
        }
        if wake.calls {
            self.wake_dependencies(id);
            self.give_another_chance(id);
            self.start(id);
        } else if self.slot(id).seen.as_ref().is_some_and(|seen| seen.desired == 0 && !seen.completed) {
            self.classify(id, Cause::Outside);
            return;
        }
        if let Some(fault) = self.fault_to_judge(id).or_else(|| self.failed_dependency(id)) {
            self.fail(id, fault);
            return;
        }
        self.fail_if_late(id);
    }

    /// Pulls up whatever it depends on.
    fn wake_dependencies(&mut self, id: ServiceId) {
        let graph = self.graph.clone();
        for edge in graph.dependencies(id) {
            let dependency = self.slot(edge.to);
            let startable = matches!(dependency.phase, Phase::Asleep | Phase::Failed)
                || (dependency.phase == Phase::Stopping && dependency.call.is_none());
            if startable && dependency.may_retry(self.now) {
                self.begin_wake(edge.to, Cause::Dependent, true);
            } else {
                self.call_off_sleep(edge.to);
            }
        }
    }

    /// Calls its start once its dependencies' starts are acknowledged (rule 5), or once their conditions are met
    /// where the edge says so.
    fn start(&mut self, id: ServiceId) {
        let slot = self.slot(id);
        let Some(wake) = slot.wake else { return };
        if slot.call.is_some() || slot.call_again_at.is_some_and(|at| at > self.now) {
            return;
        }
        let lost = slot.seen.as_ref().is_some_and(|seen| seen.desired == 0 && !seen.completed);
        // Asserted again, but not as fast as the provider can answer.
        let asserted_lately = self.now < slot.acknowledged_at + self.settings.observe_every;
        if wake.called && (!lost || asserted_lately) {
            return;
        }
        if slot.told == Told::Nothing && slot.seen.is_none() {
            // Never seen: the count that it has might be lowered.
            return;
        }
        let graph = self.graph.clone();
        if !graph.dependencies(id).iter().all(|edge| self.lets_start(*edge)) {
            return;
        }
        let slot = self.slot_mut(id);
        if let Some(wake) = &mut slot.wake {
            wake.called = true;
        }
        let runs = slot
            .seen
            .as_ref()
            .is_some_and(|seen| seen.desired > 0 && seen.running > 0 && seen.fault.is_none());
        if runs || !graph.spec(id).sleeps() {
            slot.told = Told::Up;
            self.touch_neighbours(id);
        } else {
            // Never lowered: somebody may have asked for more.
            let count = graph.spec(id).count.max(slot.known_count);
            self.call(id, count);
        }
    }

    /// A program that died for want of its dependencies may be waiting out its provider's pause: now that they are
    /// ready, its start is called again, once.
    fn give_another_chance(&mut self, id: ServiceId) {
        let slot = self.slot_mut(id);
        let died = slot.seen.as_ref().is_some_and(|seen| seen.fault.is_some() && seen.running == 0);
        let acknowledged_at = slot.acknowledged_at;
        if let Some(wake) = &mut slot.wake
            && died
            && wake.dependencies_ready.is_some_and(|since| acknowledged_at < since)
        {
            wake.called = false;
        }
    }

    fn lets_start(&self, edge: Edge) -> bool {
        let dependency = self.slot(edge.to);
        if edge.holds_start() {
            return match edge.condition {
                Condition::Started => {
                    dependency.seen.as_ref().is_some_and(|seen| seen.running > 0 || seen.completed)
                }
                Condition::Healthy => dependency.phase == Phase::Awake,
                Condition::Completed => self.completed(edge.to),
            };
        }
        let given_up = !edge.holds_door() && dependency.phase == Phase::Failed;
        dependency.start_acknowledged() || (given_up && dependency.call.is_none())
    }

    fn completed(&self, id: ServiceId) -> bool {
        self.slot(id).seen.as_ref().is_some_and(|seen| seen.completed)
    }

    /// Whether everything that the door waits for is ready, itself excepted.
    fn dependencies_ready(&self, id: ServiceId) -> bool {
        self.graph.dependencies(id).iter().all(|edge| match edge.condition {
            Condition::Started => true,
            Condition::Healthy => self.slot(edge.to).phase == Phase::Awake,
            Condition::Completed => self.completed(edge.to),
        })
    }

    fn is_ready(&self, id: ServiceId) -> bool {
        self.slot(id).call.is_none()
            && self.slot(id).ready(self.graph.spec(id))
            && self.dependencies_ready(id)
    }

    fn note_dependencies(&mut self, id: ServiceId) {
        let ready = self.dependencies_ready(id);
        let now = self.now;
        if let Some(wake) = &mut self.slot_mut(id).wake {
            wake.dependencies_ready = ready.then(|| wake.dependencies_ready.unwrap_or(now));
        }
    }

    // === The end of a wake ===

    pub(super) fn awake(&mut self, id: ServiceId, wake: Wake) {
        let now = self.now;
        let took = now.since(wake.started);
        let slot = self.slot_mut(id);
        slot.wake = None;
        slot.wanted = false;
        slot.fault = None;
        slot.failures = 0;
        slot.retry_at = None;
        slot.quiet.lasted = std::time::Duration::ZERO;
        slot.quiet.sampled_at = now;
        slot.told = Told::Up;
        if wake.calls {
            slot.last_wake = Some(took);
            // Half of what was expected, half of what was seen: one odd wake does not spoil the forecast.
            slot.expected = Some(slot.expected.map_or(took, |before| (before + took) / 2));
            self.emit(Command::Tell(Note::Wake { service: id, cause: wake.cause, took, fault: None }));
        }
        self.enter(id, Phase::Awake, Cause::Ready);
    }

    /// The provider's fault, if it is to end the wake. A death before the dependencies were ready is forgiven:
    /// the program could not have lived, and is started again. So is the death that ended its time awake, however
    /// late it is heard of: who comes now waits for the next start.
    fn fault_to_judge(&self, id: ServiceId) -> Option<Fault> {
        let slot = self.slot(id);
        let wake = slot.wake?;
        let fault = slot.seen.as_ref()?.fault.as_ref()?;
        let since = wake.dependencies_ready.map(|ready| ready.max(wake.started));
        let mine = wake.called || !(wake.calls || wake.cause == Cause::Unhealthy);
        let lived = since.is_some_and(|since| fault.at.is_none_or(|at| at >= since));
        (mine && (fault.terminal || lived)).then(|| fault.clone())
    }

    /// The fault of something that its door or its start waits for.
    fn failed_dependency(&self, id: ServiceId) -> Option<Fault> {
        self.graph.dependencies(id).iter().find_map(|edge| {
            let dependency = self.slot(edge.to);
            if dependency.phase != Phase::Failed || !(edge.holds_door() || edge.holds_start()) {
                return None;
            }
            let name = &self.graph.spec(edge.to).name;
            let fault = dependency.fault.clone()?;
            Some(Fault { reason: format!("{name}: {}", fault.reason).into(), ..fault })
        })
    }

    /// Ends a wake that has had its time.
    pub(super) fn fail_if_late(&mut self, id: ServiceId) {
        let spec = self.graph.spec(id).clone();
        let slot = self.slot(id);
        let Some(wake) = slot.wake else { return };
        if self.now < wake.started + spec.limits.wake_timeout {
            return;
        }
        let limit = crate::model::duration::format(spec.limits.wake_timeout);
        let waits_for = self
            .graph
            .dependencies(id)
            .iter()
            .find(|edge| edge.holds_door() && !matches!(self.slot(edge.to).phase, Phase::Awake));
        let died = slot.seen.as_ref().and_then(|seen| seen.fault.as_ref()).map(|fault| &*fault.reason);
        let refused = slot.refused.as_ref().map(|fault| &*fault.reason);
        let waits = slot.seen.as_ref().and_then(|seen| seen.waits_for.as_deref());
        let error = died.or(refused).or(waits).or(slot.last_probe_error.as_deref());
        let why = match (&slot.blind, error, waits_for) {
            (Some(fault), ..) => format!("it could not be observed: {fault}"),
            (None, _, Some(edge)) if slot.ready(&spec) || slot.seen.is_none() => {
                format!("it was still waiting for {}", self.graph.spec(edge.to).name)
            }
            (None, Some(error), _) => error.to_owned(),
            (None, None, Some(edge)) => {
                format!("it was still waiting for {}", self.graph.spec(edge.to).name)
            }
            (None, None, None) => "it did not become healthy".to_owned(),
        };
        let fault = Fault::new(format!("not ready after {limit}: {why}"))
            .told_as("The service took too long to start.");
        self.fail(id, fault);
    }

    pub(super) fn fail(&mut self, id: ServiceId, fault: Fault) {
        let now = self.now;
        let needs = self.graph.dependencies(id).iter().filter_map(|edge| self.slot(edge.to).retry_at);
        let dependency_retry = needs.max();
        let slot = self.slot_mut(id);
        let wake = slot.wake.take();
        let own_retry = now + pause(slot.failures, FIRST_PAUSE, LONGEST_PAUSE);
        slot.failures += 1;
        slot.retry_at = Some(dependency_retry.map_or(own_retry, |theirs| theirs.max(own_retry)));
        slot.wanted = false;
        slot.fault = Some(fault.clone());
        slot.quiet.lasted = std::time::Duration::ZERO;
        slot.quiet.sampled_at = now;
        slot.refusing = true;
        if let Some(wake) = wake.filter(|wake| wake.calls) {
            let (cause, took) = (wake.cause, now.since(wake.started));
            let fault = Some(fault.clone());
            self.emit(Command::Tell(Note::Wake { service: id, cause, took, fault }));
        }
        self.emit(Command::Fail { service: id, fault });
        self.enter(id, Phase::Failed, Cause::Fault);
    }

    pub(super) fn plan_failed(&mut self, id: ServiceId) {
        let now = self.now;
        let slot = self.slot(id);
        if self.is_ready(id) {
            // It came up after all.
            let wake = Wake {
                started: now,
                cause: Cause::Ready,
                calls: false,
                called: true,
                dependencies_ready: None,
            };
            self.awake(id, wake);
        } else if slot.asked_to_sleep && self.may_sleep(id) {
            self.begin_drain(id);
        } else if !slot.may_retry(now) || slot.call.is_some() {
            // Too early.
        } else if self.wanted_up(id) {
            self.begin_wake(id, self.wake_cause(id), true);
        } else if slot.seen.as_ref().is_some_and(|seen| seen.desired == 0 && seen.running == 0) {
            self.classify(id, Cause::Stopped);
        } else if self.may_sleep(id) {
            self.begin_drain(id);
        }
    }

    fn touch_neighbours(&mut self, id: ServiceId) {
        let graph = self.graph.clone();
        for edge in graph.dependencies(id).iter().chain(graph.dependents(id)) {
            self.touch(edge.to);
        }
    }
}
