//! The state machine: pure, no clock, no I/O.
//!
//! One value, one owner. [`Event`]s come in, [`Command`]s go out, `now` is an argument. An event only changes
//! facts; then a planning step works out, for the services it concerns and for those that these concern in turn,
//! what is needed, and emits the difference. A lost or repeated event is mended by the next observation.
//!
//! Six rules keep a request from being lost and a dependency from being stopped under a live dependent. Each has
//! a test that fails without it (`engine/tests/rules.rs`):
//!
//! 1. To sleep: shut the gate, *then* read the in-flight count ([`Command::Drain`]).
//! 2. To enter: count first, then look (in [`crate::gate`]).
//! 3. Only observations begun after the last call was acknowledged count.
//! 4. A service not yet observed counts as awake.
//! 5. A dependent's start is called only after its dependency's start is acknowledged.
//! 6. Dependents go to sleep before their dependencies.
//!
//! ```
//! use wakegate::engine::{Command, Engine, Event, Settings};
//! use wakegate::model::{Graph, Kind, Observation, Phase, Spec, Time};
//!
//! let graph = Graph::new([Spec::new("web", Kind::External("mine".into()))]).unwrap();
//! let web = graph.id("web").unwrap();
//! let mut engine = Engine::new(graph.into(), Settings::default(), Time::ZERO);
//!
//! let look = engine.drain_commands().find_map(|command| match command {
//!     Command::Observe { look, .. } => Some(look),
//!     _ => None,
//! });
//! let asleep = Observation::default();
//! engine.handle(Time::ZERO, Event::Observed { service: web, look: look.unwrap(), seen: asleep });
//! engine.handle(Time::ZERO, Event::Demand(web));
//! assert_eq!(engine.view(web, Time::ZERO).phase, Phase::Waking);
//! assert!(engine.drain_commands().any(|c| matches!(c, Command::Scale { count: 1, .. })));
//! ```

mod event;
mod facts;
mod looks;
mod plan;
mod reload;
mod sleep;
mod slot;
mod steer;
mod timers;
mod view;
mod wake;

use std::sync::Arc;
use std::time::Duration;

pub use event::{CallId, Command, Event, LookId, Note, Pace};

use crate::model::{Cause, Graph, Phase, ServiceId, Time};
use slot::Slot;
use timers::Timers;

/// How many services are looked at together when nothing is urgent.
pub const SLICE: u32 = 10;
/// How much slower than at the start the slices follow each other when nothing happens.
pub const SLOW_SLICES: u32 = 5;

/// The engine's own times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How often a service is observed while it is on its way up or down.
    pub observe_every: Duration,
    /// How often every service is observed when nothing happens. Longer where there are so many that their slices
    /// would follow each other faster than [`SLOW_SLICES`] times `slice_every`.
    pub reconcile_every: Duration,
    /// At the start services are looked at in slices of [`SLICE`], this far apart, so that the platform can bear it.
    /// One that somebody waits for is looked at at once.
    pub slice_every: Duration,
    /// How long after an acknowledged call an observation that contradicts it is taken for a stale one.
    pub settle: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            observe_every: Duration::from_millis(500),
            reconcile_every: Duration::from_secs(30),
            slice_every: Duration::ZERO,
            settle: Duration::ZERO,
        }
    }
}

/// All services' facts, and what follows from them.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub struct Engine {
    graph: Arc<Graph>,
    settings: Settings,
    slots: Vec<Slot>,
    timers: Timers,
    started: Time,
    last_id: u64,
    /// Services whose facts have changed since they were last planned.
    dirty: Vec<ServiceId>,
    /// Services whose view has changed since it was last published.
    changed: Vec<ServiceId>,
    commands: Vec<Command>,
    now: Time,
}

impl Engine {
    /// An engine that knows nothing of its services yet and asks to observe them all.
    pub fn new(graph: Arc<Graph>, settings: Settings, now: Time) -> Self {
        let slots = graph.ids().map(|id| Slot::new(graph.spec(id), now)).collect();
        let mut engine = Self {
            timers: Timers::new(graph.len()),
            dirty: graph.ids().collect(),
            changed: Vec::new(),
            commands: Vec::new(),
            started: now,
            last_id: 0,
            graph,
            settings,
            slots,
            now,
        };
        for id in engine.graph.ids() {
            engine.slot_mut(id).look_at = Some(engine.first_look(id));
        }
        engine.replan();
        engine
    }

    /// Takes in what happened. Time never goes back: an earlier `now` than the last counts as the last.
    pub fn handle(&mut self, now: Time, event: Event) {
        self.now = now.max(self.now);
        let tick = event == Event::Tick;
        self.apply(event);
        self.replan();
        self.check_invariants();
        debug_assert!(!tick || self.next_timer() > self.now, "a timer that fires at once again");
    }

    /// What is to be done, in order. Empty once taken.
    pub fn drain_commands(&mut self) -> impl Iterator<Item = Command> + use<> {
        std::mem::take(&mut self.commands).into_iter()
    }

    /// When [`Event::Tick`] is due.
    pub fn next_timer(&self) -> Time {
        self.timers.first().unwrap_or(Time::MAX)
    }

    /// The services.
    pub fn graph(&self) -> &Arc<Graph> {
        &self.graph
    }

    /// Where the service stands.
    pub fn phase(&self, id: ServiceId) -> Phase {
        self.slots[id.index()].phase
    }

    // === Shared by the parts ===

    fn slot(&self, id: ServiceId) -> &Slot {
        &self.slots[id.index()]
    }

    fn slot_mut(&mut self, id: ServiceId) -> &mut Slot {
        &mut self.slots[id.index()]
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn emit(&mut self, command: Command) {
        self.commands.push(command);
    }

    /// Asks for the service to be planned in this step.
    fn touch(&mut self, id: ServiceId) {
        let slot = &mut self.slots[id.index()];
        if !std::mem::replace(&mut slot.dirty, true) {
            self.dirty.push(id);
        }
    }

    /// Goes over to another phase, says so, and has the neighbours look again: they may wait for it.
    fn enter(&mut self, id: ServiceId, phase: Phase, cause: Cause) {
        let now = self.now;
        let slot = self.slot_mut(id);
        if slot.phase == phase {
            return;
        }
        let (from, after) = (slot.phase, now.since(slot.since));
        (slot.phase, slot.since, slot.cause) = (phase, now, cause);
        let fault = match cause {
            Cause::SleepFailed => slot.sleep_refused.clone(),
            _ if phase == Phase::Failed => slot.fault.clone(),
            _ => None,
        };
        self.emit(Command::Tell(Note::Phase { service: id, from, to: phase, cause, after, fault }));
        self.touch(id);
        let graph = self.graph.clone();
        for edge in graph.dependencies(id).iter().chain(graph.dependents(id)) {
            self.touch(edge.to);
        }
    }

    /// What must hold after every event, for the services that it concerned.
    fn check_invariants(&self) {
        if !cfg!(debug_assertions) {
            return;
        }
        for slot in &self.slots {
            debug_assert!(!slot.dirty, "a service was left unplanned");
            debug_assert!(
                slot.door.is_none() || slot.phase == Phase::Awake,
                "an open door in phase {}",
                slot.phase
            );
        }
    }
}

#[cfg(test)]
mod tests;
