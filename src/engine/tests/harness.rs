//! A bench to put an engine on: the test plays provider, gate, probes and clock by hand.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::engine::{CallId, Command, Engine, Event, LookId, Note, Settings};
use crate::model::{
    Address, Cause, Check, Condition, Dependency, Fault, Graph, Health, Kind, Observation, Phase, ServiceId,
    Spec, StartOrder, Target, Time, View,
};

/// An engine, and what it has asked for and not got yet.
pub(super) struct Bench {
    pub(super) engine: Engine,
    pub(super) now: Time,
    /// Everything that was ever commanded.
    pub(super) log: Vec<Command>,
    /// How many requests are inside.
    pub(super) inside: BTreeMap<ServiceId, u64>,
    /// How many requests ever came in.
    pub(super) entered: BTreeMap<ServiceId, u64>,
    /// How many requests wait.
    pub(super) held: BTreeMap<ServiceId, u64>,
    calls: BTreeMap<ServiceId, (CallId, u32)>,
    looks: BTreeMap<ServiceId, LookId>,
}

impl Bench {
    /// An engine that has seen nothing yet.
    pub(super) fn unseen(specs: impl IntoIterator<Item = Spec>) -> Self {
        let graph = Graph::new(specs).unwrap();
        let mut bench = Self {
            engine: Engine::new(graph.into(), Settings::default(), Time::ZERO),
            now: Time::ZERO,
            log: Vec::new(),
            inside: BTreeMap::new(),
            entered: BTreeMap::new(),
            held: BTreeMap::new(),
            calls: BTreeMap::new(),
            looks: BTreeMap::new(),
        };
        bench.carry_out();
        bench
    }

    /// An engine that has seen all of its services asleep.
    pub(super) fn asleep(specs: impl IntoIterator<Item = Spec>) -> Self {
        let mut bench = Self::unseen(specs);
        for id in bench.engine.graph().ids() {
            bench.see(&bench.name(id), gone());
        }
        bench
    }

    /// An engine whose services have all been woken. Dependencies come before dependents in `specs`.
    pub(super) fn awake(specs: impl IntoIterator<Item = Spec>) -> Self {
        let mut bench = Self::asleep(specs);
        for id in bench.engine.graph().ids() {
            let name = bench.name(id);
            bench.demand(&name);
            bench.bring_up(&name);
            assert_eq!(bench.phase(&name), Phase::Awake);
        }
        bench
    }

    // === What the test does ===

    pub(super) fn demand(&mut self, name: &str) {
        self.event(Event::Demand(self.id(name)));
    }

    pub(super) fn sleep(&mut self, name: &str) {
        self.event(Event::Sleep(self.id(name)));
    }

    pub(super) fn lease(&mut self, name: &str, lasting: Option<u64>) {
        let until = lasting.map(|millis| self.now + Duration::from_millis(millis));
        self.event(Event::Lease { service: self.id(name), until });
    }

    /// The provider takes the call that is out.
    pub(super) fn ack(&mut self, name: &str) {
        self.answer(name, Ok(()));
    }

    /// The call that is out comes to nothing.
    pub(super) fn refuse(&mut self, name: &str, fault: Fault) {
        self.answer(name, Err(fault));
    }

    /// A look shows this.
    pub(super) fn see(&mut self, name: &str, seen: Observation) {
        let (service, mut look) = self.look(name);
        if look < self.engine.slot(service).first_valid_look {
            // Begun before the last call was acknowledged: void, and made again.
            self.event(Event::Observed { service, look, seen: seen.clone() });
            look = self.look(name).1;
        }
        self.event(Event::Observed { service, look, seen });
    }

    /// A look gets no answer.
    pub(super) fn fail_to_see(&mut self, name: &str) {
        let (service, look) = self.look(name);
        self.event(Event::NotObserved { service, look, fault: Fault::new("no answer") });
    }

    /// The look that is out, to be answered later.
    pub(super) fn look(&mut self, name: &str) -> (ServiceId, LookId) {
        let id = self.id(name);
        if !self.looks.contains_key(&id) {
            self.event(Event::Nudged(id));
        }
        (id, self.looks.remove(&id).expect("it is looked at"))
    }

    pub(super) fn healthy(&mut self, name: &str) {
        self.event(Event::Probed { service: self.id(name), target: target("a"), result: Ok(()) });
    }

    pub(super) fn ill(&mut self, name: &str) {
        let result = Err("connection refused".to_owned());
        self.event(Event::Probed { service: self.id(name), target: target("a"), result });
    }

    /// Its start is acknowledged, it runs, it is healthy.
    pub(super) fn bring_up(&mut self, name: &str) {
        if self.call(name).is_some() {
            self.ack(name);
        }
        self.see(name, up());
        self.healthy(name);
    }

    /// Its stop is acknowledged, and it is gone.
    pub(super) fn bring_down(&mut self, name: &str) {
        assert_eq!(self.call(name), Some(0), "{name} was told to stop");
        self.ack(name);
        self.see(name, gone());
    }

    /// Time passes; every timer fires when it is due, and looks show again what the last one showed.
    pub(super) fn pass(&mut self, millis: u64) {
        let end = self.now + Duration::from_millis(millis);
        while self.engine.next_timer() <= end {
            self.now = self.engine.next_timer();
            self.event(Event::Tick);
        }
        self.now = end;
    }

    /// As [`Bench::pass`], with the provider answering each look in this way.
    pub(super) fn pass_seeing(&mut self, millis: u64, seen: &[(&str, Observation)]) {
        let end = self.now + Duration::from_millis(millis);
        loop {
            for (name, seen) in seen {
                if let Some(look) = self.looks.remove(&self.id(name)) {
                    self.event(Event::Observed { service: self.id(name), look, seen: seen.clone() });
                }
            }
            if self.engine.next_timer() > end {
                break;
            }
            self.now = self.engine.next_timer();
            self.event(Event::Tick);
        }
        self.now = end;
    }

    pub(super) fn event(&mut self, event: Event) {
        self.engine.handle(self.now, event);
        self.carry_out();
    }

    // === What the test sees ===

    pub(super) fn id(&self, name: &str) -> ServiceId {
        self.engine.graph().id(name).expect("a service of the test")
    }

    pub(super) fn phase(&self, name: &str) -> Phase {
        self.engine.phase(self.id(name))
    }

    pub(super) fn view(&self, name: &str) -> View {
        self.engine.view(self.id(name), self.now)
    }

    /// The count of the call that is out.
    pub(super) fn call(&self, name: &str) -> Option<u32> {
        self.calls.get(&self.id(name)).map(|(_, count)| *count)
    }

    /// Whether the gate was told to let requests in.
    pub(super) fn is_open(&self, name: &str) -> bool {
        let id = self.id(name);
        let last = self.log.iter().rev().find_map(|command| match command {
            Command::Open { service, .. } if *service == id => Some(true),
            Command::Shut(service) | Command::Drain(service) if *service == id => Some(false),
            _ => None,
        });
        last.unwrap_or(false)
    }

    /// What those who waited were told, where the wake failed.
    pub(super) fn told(&self, name: &str) -> Option<String> {
        let id = self.id(name);
        let last = self.log.iter().rev().find_map(|command| match command {
            Command::Fail { service, fault } if *service == id => Some(Some(fault.reason.to_string())),
            Command::ClearFault(service) if *service == id => Some(None),
            _ => None,
        });
        last.flatten()
    }

    /// Why it went over to its present phase.
    pub(super) fn cause(&self, name: &str) -> Cause {
        self.view(name).cause
    }

    /// The phases it went through, without the first.
    pub(super) fn phases(&self, name: &str) -> Vec<Phase> {
        let id = self.id(name);
        let phases = self.log.iter().filter_map(|command| match command {
            Command::Tell(Note::Phase { service, to, .. }) if *service == id => Some(*to),
            _ => None,
        });
        phases.collect()
    }

    /// The counts it was ever scaled to.
    pub(super) fn counts(&self, name: &str) -> Vec<u32> {
        let id = self.id(name);
        let counts = self.log.iter().filter_map(|command| match command {
            Command::Scale { service, count, .. } if *service == id => Some(*count),
            _ => None,
        });
        counts.collect()
    }

    fn name(&self, id: ServiceId) -> String {
        self.engine.graph().spec(id).name.to_string()
    }

    fn answer(&mut self, name: &str, result: Result<(), Fault>) {
        let service = self.id(name);
        let (call, _) = self.calls.remove(&service).expect("a call is out");
        self.event(Event::Acknowledged { service, call, result });
    }

    /// As [`Bench::carry_out`], for an engine that goes by other handles from now on.
    pub(super) fn carry_out_afresh(&mut self) {
        self.log.clear();
        self.calls.clear();
        self.looks.clear();
        self.carry_out();
    }

    fn carry_out(&mut self) {
        loop {
            let commands: Vec<Command> = self.engine.drain_commands().collect();
            if commands.is_empty() {
                return;
            }
            for command in commands {
                self.command(&command);
                self.log.push(command);
            }
        }
    }

    fn command(&mut self, command: &Command) {
        let count = |counts: &BTreeMap<ServiceId, u64>, id| counts.get(&id).copied().unwrap_or(0);
        match *command {
            Command::Scale { service, call, count } => {
                let before = self.calls.insert(service, (call, count));
                assert_eq!(before, None, "two calls for one service at once");
            }
            Command::Observe { service, look } => {
                assert!(self.looks.insert(service, look).is_none(), "two looks at one service at once");
            }
            Command::Drain(service) => {
                let in_flight = count(&self.inside, service);
                self.engine.handle(self.now, Event::Drained { service, in_flight });
            }
            Command::Sample(service) => {
                let active = count(&self.inside, service);
                let entered = count(&self.entered, service);
                let held = count(&self.held, service);
                self.engine.handle(self.now, Event::Sampled { service, active, entered, held });
            }
            _ => {}
        }
    }
}

// === Services ===

/// A service with a health check and a minute's patience.
pub(super) fn service(name: &str) -> Spec {
    let health =
        Health { check: Check::Tcp, interval: Duration::from_millis(200), timeout: Duration::from_secs(1) };
    let mut spec = Spec { health: Some(health), ..Spec::new(name, Kind::External("test".into())) };
    spec.limits.idle_after = Duration::from_secs(60);
    spec.limits.wake_timeout = Duration::from_secs(60);
    spec
}

/// How a service's description goes on.
pub(super) trait Needs: Sized {
    fn needs_as(self, on: &str, condition: Condition, start: StartOrder) -> Self;

    fn needs(self, on: &str) -> Self {
        self.needs_as(on, Condition::Healthy, StartOrder::Together)
    }
}

impl Needs for Spec {
    fn needs_as(mut self, on: &str, condition: Condition, start: StartOrder) -> Self {
        self.depends_on.push(Dependency { on: on.into(), condition, start });
        self
    }
}

/// `web` needs `db`.
pub(super) fn pair() -> [Spec; 2] {
    [service("db"), service("web").needs("db")]
}

/// `web` needs `api` needs `db`.
pub(super) fn chain() -> [Spec; 3] {
    [service("db"), service("api").needs("db"), service("web").needs("api")]
}

// === Observations ===

pub(super) fn target(instance: &str) -> Target {
    Target { instance: instance.into(), address: Address::Socket(([127, 0, 0, 1], 1).into()) }
}

pub(super) fn gone() -> Observation {
    Observation::default()
}

pub(super) fn up() -> Observation {
    Observation { desired: 1, running: 1, targets: vec![target("a")], ..Observation::default() }
}

/// Ordered, nothing runs yet.
pub(super) fn ordered() -> Observation {
    Observation { desired: 1, ..Observation::default() }
}

/// Told to stop, not gone yet.
pub(super) fn leaving() -> Observation {
    Observation { stopping: 1, ..Observation::default() }
}

/// It should run, but died at this moment.
pub(super) fn died(at: Time) -> Observation {
    Observation { fault: Some(Fault::new("exit status 1").happened_at(at)), ..ordered() }
}
