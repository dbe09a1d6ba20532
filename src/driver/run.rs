//! The loop: one event at a time into the engine, its commands out.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{broadcast, mpsc};
use tokio::time::{Instant, sleep_until};

use super::calls::{Calls, Reply};
use super::probes::{News, Probes};
use super::{Answer, Gates, Notice, Refusal, Request};
use crate::clock::Clock;
use crate::engine::{Command, Engine, Event, LookId, Note, Pace};
use crate::gate::{Bell, Budget, Gate, Ring, Rings};
use crate::model::{Fault, Graph, Phase, ServiceId, Spec};
use crate::provider::Nudged;

/// How often a ramp grows while somebody still waits before an open door.
const RAMP_STEP: Duration = Duration::from_millis(100);

/// What leads out of the loop.
#[derive(Debug)]
pub(super) struct Wires {
    pub(super) gates: Arc<ArcSwap<Gates>>,
    pub(super) notices: broadcast::Sender<Notice>,
    pub(super) bell: Bell,
    pub(super) budget: Arc<Budget>,
}

/// The engine's surroundings.
#[derive(Debug)]
pub(super) struct Shell {
    engine: Engine,
    calls: Calls,
    probes: Probes,
    wires: Wires,
    clock: Clock,
    /// The looks of this turn, to be made in one call a provider.
    looks: Vec<(Arc<Spec>, LookId)>,
    /// Gates that opened while somebody waited, and when their ramps grow next.
    ramps: Vec<Arc<Gate>>,
    ramp_at: Instant,
    /// Gates of services that were taken out of the configuration, as long as requests are inside.
    retired: HashMap<Arc<str>, Weak<Gate>>,
}

impl Shell {
    pub(super) fn new(engine: Engine, calls: Calls, probes: Probes, wires: Wires, clock: Clock) -> Self {
        let ramp_at = clock.instant(clock.now());
        Self {
            engine,
            calls,
            probes,
            wires,
            clock,
            looks: Vec::new(),
            ramps: Vec::new(),
            ramp_at,
            retired: HashMap::new(),
        }
    }

    /// Runs until nobody is left who could ask for anything.
    pub(super) async fn run(
        mut self,
        mut inbox: mpsc::UnboundedReceiver<Request>,
        mut rings: Rings,
        mut nudged: Nudged,
    ) {
        loop {
            self.carry_out();
            self.calls.observe(std::mem::take(&mut self.looks));
            let timer = self.clock.instant(self.engine.next_timer());
            // In a fixed order, so that a simulation can be replayed. What could come without end comes last, and so
            // keeps nothing else waiting: the timers move on each time, and calls, probes and people are slow.
            tokio::select! {
                biased;
                () = sleep_until(timer) => self.handle(Event::Tick),
                () = sleep_until(self.ramp_at), if !self.ramps.is_empty() => self.widen(),
                request = inbox.recv() => match request {
                    Some(request) => self.asked(request),
                    None => return,
                },
                reply = self.calls.next() => self.replied(reply),
                news = self.probes.next() => self.probed(news),
                Some(name) = nudged.0.recv() => self.tell(&name, Event::Nudged),
                Some(ring) = rings.next() => self.rung(ring),
            }
            // Whatever else is there already goes into the same turn, so that looks are batched.
            while let Some(reply) = self.calls.try_next() {
                self.replied(reply);
            }
            while let Some(ring) = rings.try_next() {
                self.rung(ring);
            }
            while let Ok(name) = nudged.0.try_recv() {
                self.tell(&name, Event::Nudged);
            }
        }
    }

    // === In ===

    fn handle(&mut self, event: Event) {
        self.engine.handle(self.clock.now(), event);
        self.carry_out();
    }

    /// An event about the service of this name; it may be gone since.
    fn tell(&mut self, name: &str, event: impl FnOnce(ServiceId) -> Event) {
        if let Some(id) = self.engine.graph().id(name) {
            self.handle(event(id));
        }
    }

    fn rung(&mut self, ring: Ring) {
        match ring {
            Ring::Demand(name) => {
                self.tell(&name, Event::Demand);
                if let Some(id) = self.engine.graph().id(&name) {
                    let gate = self.gate(id);
                    self.watch_ramp(gate);
                }
            }
            Ring::Suspect(name, target) => {
                self.tell(&name, |service| Event::Suspected { service, target });
            }
        }
    }

    fn probed(&mut self, News { service, target, result }: News) {
        self.tell(&service, |service| Event::Probed { service, target, result });
    }

    fn replied(&mut self, reply: Reply) {
        match reply {
            Reply::Scaled { service, call, result } => {
                self.tell(&service, |service| Event::Acknowledged { service, call, result });
            }
            Reply::Observed { looks } => {
                for (name, look, seen) in looks {
                    self.tell(&name, |service| match seen {
                        Ok(seen) => Event::Observed { service, look, seen },
                        Err(fault) => Event::NotObserved { service, look, fault },
                    });
                }
            }
            Reply::Called { provider, verb, ok, took } => {
                self.notice(Notice::Call { provider, verb, ok, took });
            }
        }
    }

    fn asked(&mut self, request: Request) {
        let (result, answer): (Result<(), Refusal>, Answer) = match request {
            Request::Wake(name, answer) => (self.wake(&name), answer),
            Request::Sleep(name, answer) => (self.sleep(&name), answer),
            Request::Lease(name, lasting, answer) => (self.lease(&name, lasting), answer),
            Request::Reload(graph, answer) => {
                self.reload(*graph);
                (Ok(()), answer)
            }
        };
        // Who asked may have gone; what was asked is done all the same.
        drop(answer.send(result));
    }

    fn wake(&mut self, name: &str) -> Result<(), Refusal> {
        let id = self.engine.graph().id(name).ok_or(Refusal::Unknown)?;
        self.handle(Event::Demand(id));
        Ok(())
    }

    fn lease(&mut self, name: &str, lasting: Option<Duration>) -> Result<(), Refusal> {
        let id = self.engine.graph().id(name).ok_or(Refusal::Unknown)?;
        if !self.engine.graph().spec(id).sleeps() {
            return Err(Refusal::Fixed);
        }
        let until = lasting.map(|lasting| self.clock.now() + lasting);
        self.handle(Event::Lease { service: id, until });
        Ok(())
    }

    fn sleep(&mut self, name: &str) -> Result<(), Refusal> {
        let id = self.engine.graph().id(name).ok_or(Refusal::Unknown)?;
        if !self.engine.graph().spec(id).sleeps() {
            return Err(Refusal::Fixed);
        }
        match self.engine.phase(id) {
            Phase::Asleep | Phase::Stopping => return Ok(()),
            Phase::Awake | Phase::Failed => {}
            other @ (Phase::Unknown | Phase::Waking | Phase::Draining) => {
                return Err(Refusal::Phase(other));
            }
        }
        let names = |ids: Vec<ServiceId>| {
            ids.into_iter().map(|id| self.engine.graph().spec(id).name.clone()).collect()
        };
        let kept_by = self.engine.kept_awake_by(id);
        if !kept_by.is_empty() {
            return Err(Refusal::NeededBy(names(kept_by)));
        }
        if self.engine.is_leased(id) {
            return Err(Refusal::Leased);
        }
        if let Some(why) = self.engine.kept_by_provider(id) {
            return Err(Refusal::Kept(why));
        }
        let in_flight = self.gate(id).activity().in_flight;
        if in_flight > 0 {
            return Err(Refusal::Serving(in_flight));
        }
        self.handle(Event::Sleep(id));
        match self.engine.phase(id) {
            Phase::Stopping | Phase::Asleep => Ok(()),
            other => Err(Refusal::Phase(other)),
        }
    }

    // === Out ===

    /// Carries out the engine's commands until there are none: some are answered on the spot.
    fn carry_out(&mut self) {
        loop {
            let mut any = false;
            for command in self.engine.drain_commands() {
                any = true;
                self.command(command);
            }
            if !any {
                return;
            }
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Scale { service, call, count } => {
                let spec = self.spec(service);
                self.calls.scale(&spec, call, count);
            }
            Command::CallOff(service) => {
                let spec = self.spec(service);
                self.calls.call_off(&spec);
            }
            Command::Observe { service, look } => self.looks.push((self.spec(service), look)),
            Command::Probe { service, targets, pace } => {
                let spec = self.spec(service);
                self.probes.set(&spec, targets, pace);
            }
            Command::ProbeAgain { service, target } => {
                let spec = self.spec(service);
                self.probes.again(&spec, &target);
            }
            Command::Open { service, targets } => {
                let gate = self.gate(service);
                gate.open(targets);
                self.watch_ramp(gate);
            }
            Command::Shut(service) => {
                self.gate(service).shut();
            }
            Command::Drain(service) => {
                // Shut, then count: one step of the gate's.
                let in_flight = self.gate(service).shut();
                self.engine.handle(self.clock.now(), Event::Drained { service, in_flight });
            }
            Command::Fail { service, fault } => self.gate(service).fail(&fault),
            Command::ClearFault(service) => self.gate(service).clear_fault(),
            Command::Sample(service) => {
                let seen = self.gate(service).activity();
                let (active, entered, held) = (seen.active, seen.entered, seen.held);
                let event = Event::Sampled { service, active, entered, held };
                self.engine.handle(self.clock.now(), event);
            }
            Command::Publish(service) => {
                let view = self.engine.view(service, self.clock.now());
                self.gate(service).publish(view);
            }
            Command::Tell(note) => self.note(note),
        }
    }

    fn note(&self, note: Note) {
        let at = self.clock.now();
        let name = |id| self.spec(id).name.clone();
        self.notice(match note {
            Note::Phase { service, from, to, cause, after, fault } => {
                Notice::Phase { service: name(service), from, to, cause, fault, at, after }
            }
            Note::Stage { service, from, to, after } => {
                Notice::Stage { service: name(service), from, to, after }
            }
            Note::Wake { service, cause, took, fault } => {
                Notice::Wake { service: name(service), cause, took, fault }
            }
        });
    }

    fn notice(&self, notice: Notice) {
        // Nobody may be listening.
        drop(self.wires.notices.send(notice));
    }

    fn spec(&self, id: ServiceId) -> Arc<Spec> {
        self.engine.graph().spec(id).clone()
    }

    fn gate(&self, id: ServiceId) -> Arc<Gate> {
        self.wires.gates.load().gate(id).clone()
    }

    // === Ramps ===

    fn watch_ramp(&mut self, gate: Arc<Gate>) {
        let waits = gate.activity().held > 0 && gate.is_open();
        if !waits || self.ramps.iter().any(|other| Arc::ptr_eq(other, &gate)) {
            return;
        }
        if self.ramps.is_empty() {
            self.ramp_at = self.clock.instant(self.clock.now()) + RAMP_STEP;
        }
        self.ramps.push(gate);
    }

    fn widen(&mut self) {
        self.ramps.retain(Gate::widen);
        self.ramp_at += RAMP_STEP;
    }

    // === Reload ===

    fn reload(&mut self, graph: Graph) {
        let graph = Arc::new(graph);
        // Commands name services by the graph they were made for.
        self.carry_out();
        let before = self.wires.gates.load_full();
        let mut gate_of = |id: ServiceId| {
            let spec = graph.spec(id);
            match before.get(&spec.name).cloned().or_else(|| self.take_back(&spec.name)) {
                Some(gate) => {
                    gate.set_spec(spec.clone());
                    gate
                }
                None => Gate::new(spec.clone(), self.wires.budget.clone(), self.wires.bell.another()),
            }
        };
        let all = graph.ids().map(&mut gate_of).collect();
        self.wires.gates.store(Arc::new(Gates { graph: graph.clone(), all }));
        self.engine.reload(&graph, self.clock.now());
        self.let_go(&before);
        self.carry_out();
    }

    /// The gate of a service that was taken out and has come back while some of its requests were still inside: they
    /// count, as ever.
    fn take_back(&mut self, name: &str) -> Option<Arc<Gate>> {
        self.retired.retain(|_, gate| gate.strong_count() > 0);
        let gate = self.retired.remove(name)?.upgrade()?;
        gate.clear_fault();
        Some(gate)
    }

    /// Services that are in the configuration no more, or run by another provider now: nobody wakes or probes them
    /// again. Those that only this gateway could ever stop are stopped.
    fn let_go(&mut self, before: &Gates) {
        let mut ours = Vec::new();
        for id in before.graph.dependents_first() {
            let (spec, gate) = (before.graph.spec(id), before.gate(id));
            let now = self.wires.gates.load();
            if now.get(&spec.name).is_none() {
                self.probes.set(spec, Vec::new(), Pace::Awake);
                gate.shut();
                let gone = Fault::terminal("the service was taken out of the configuration");
                gate.fail(&gone.told_as("The service is no longer there."));
                self.retired.insert(spec.name.clone(), Arc::downgrade(gate));
            }
            if spec.kind.is_ours_alone() && !is_run_alike(&now, spec) {
                ours.push((spec.clone(), gate.clone()));
            }
        }
        let gates = self.wires.gates.clone();
        self.calls.stop_when_empty(ours, move |spec| is_run_alike(&gates.load(), spec));
    }
}

/// Whether a service of this name is there, and run by the same provider.
fn is_run_alike(gates: &Gates, spec: &Spec) -> bool {
    gates.get(&spec.name).is_some_and(|gate| gate.spec().kind.provider() == spec.kind.provider())
}
