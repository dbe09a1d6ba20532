//! A model of everything around an engine: the provider, what it runs, gates, probes and visitors.
//!
//! Nothing here happens by itself. Each step is a [`Move`] that somebody chooses: the search tries them all, the
//! simulation throws dice. What must never be is checked where it would happen ([`World::broken`]).

mod checks;
mod fair;

use std::time::Duration;

use super::harness::target;
use crate::engine::{CallId, Command, Engine, Event, LookId, Settings};
use crate::model::{Fault, Graph, Observation, ServiceId, Target, Time};

/// An engine and its surroundings.
#[derive(Clone)]
pub(super) struct World {
    pub(super) engine: Engine,
    pub(super) now: Time,
    pub(super) parts: Vec<Part>,
    /// What must never be, and was.
    pub(super) broken: Option<String>,
    /// Faults that may still be thrown in.
    pub(super) faults: u32,
    /// Visitors that may still come.
    pub(super) visitors: u32,
    /// Somebody else has started or stopped a service: what the engine could not know is not laid to it.
    pub(super) meddled: bool,
}

/// What one service's instance is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Life {
    Gone,
    /// It runs and does not serve yet.
    Booting,
    Up,
    /// Told to stop, not gone yet.
    Leaving,
}

/// One service as it really is, and its gate.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) desired: u32,
    pub(super) life: Life,
    /// Which instance it is.
    pub(super) instance: u32,
    /// When it last died, while it was not brought up again.
    pub(super) died: Option<Time>,
    /// Every instance dies before it serves.
    pub(super) doomed: bool,
    /// Until when the provider may show this in place of how it is.
    pub(super) stale: Option<(Time, Observation)>,
    /// The call that is out, and whether it was carried out.
    pub(super) call: Option<(CallId, u32, bool)>,
    /// The call to sleep that is out is not wanted any more.
    pub(super) called_off: bool,
    /// The look that is out, and what it saw, once it has.
    pub(super) look: Option<(LookId, Option<Observation>)>,
    pub(super) open: Option<Vec<Target>>,
    pub(super) refusing: bool,
    /// A bell that the engine has not heard yet.
    pub(super) rung: bool,
    pub(super) inside: u32,
    pub(super) entered: u64,
    pub(super) held: u32,
    pub(super) probing: Vec<Target>,
    /// How many were served, and how many told why not.
    pub(super) served: u64,
    pub(super) refused: u64,
}

/// One thing that may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Move {
    Arrive(ServiceId),
    Leave(ServiceId),
    GiveUp(ServiceId),
    Ring(ServiceId),
    /// The provider does what it was called for; the answer is still on its way.
    CarryOut(ServiceId),
    /// The answer arrives.
    Answer(ServiceId),
    /// An answer that says nothing: the call was carried out, or never will be.
    AnswerFault(ServiceId),
    /// The provider says that it cannot be.
    AnswerNever(ServiceId),
    /// The provider says that it did nothing of what would have put it to sleep.
    AnswerUndone(ServiceId),
    /// The provider looks.
    Look(ServiceId),
    /// What it saw arrives.
    Show(ServiceId),
    ShowFault(ServiceId),
    /// The instance goes on with what it is doing.
    Live(ServiceId),
    Die(ServiceId),
    /// A probe passes.
    Pass(ServiceId),
    /// A probe fails.
    Ail(ServiceId),
    /// Time goes on to the next timer.
    Wait,
    /// Time goes on by far more than any pause.
    WaitLong,
    /// Somebody else sets the count.
    Meddle(ServiceId, u32),
}

impl World {
    /// Everything as this says: `Life::Gone` with a desired count of zero, anything else with one.
    pub(super) fn new(graph: Graph, settings: Settings, lives: impl Fn(ServiceId) -> Life) -> Self {
        let part = |id| Part {
            desired: u32::from(lives(id) == Life::Up || lives(id) == Life::Booting),
            life: lives(id),
            instance: 0,
            died: None,
            doomed: false,
            stale: None,
            call: None,
            called_off: false,
            look: None,
            open: None,
            refusing: false,
            rung: false,
            inside: 0,
            entered: 0,
            held: 0,
            probing: Vec::new(),
            served: 0,
            refused: 0,
        };
        let parts = graph.ids().map(part).collect();
        let engine = Engine::new(graph.into(), settings, Time::ZERO);
        let (faults, visitors) = (0, 0);
        let mut world =
            Self { engine, now: Time::ZERO, parts, broken: None, faults, visitors, meddled: false };
        world.carry_out_commands();
        world
    }

    pub(super) fn part(&self, id: ServiceId) -> &Part {
        &self.parts[id.index()]
    }

    fn part_mut(&mut self, id: ServiceId) -> &mut Part {
        &mut self.parts[id.index()]
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = ServiceId> + use<> {
        self.engine.graph().ids()
    }

    /// How many requests wait anywhere.
    pub(super) fn held(&self) -> u32 {
        self.parts.iter().map(|part| part.held).sum()
    }

    /// Everything that could happen to this service now, faults among it.
    pub(super) fn moves(&self, id: ServiceId, out: &mut Vec<Move>) {
        let part = self.part(id);
        let faulty = self.faults > 0;
        let mut may = |condition: bool, what: Move| {
            if condition {
                out.push(what);
            }
        };
        may(self.visitors > 0, Move::Arrive(id));
        may(part.inside > 0, Move::Leave(id));
        may(part.rung, Move::Ring(id));
        if let Some((_, count, done)) = part.call {
            may(!done, Move::CarryOut(id));
            may(done, Move::Answer(id));
            may(faulty, Move::AnswerFault(id));
            may(faulty && !done && count > 0, Move::AnswerNever(id));
            may((faulty || part.called_off) && !done && count == 0, Move::AnswerUndone(id));
        }
        if let Some((_, seen)) = &part.look {
            may(seen.is_none(), Move::Look(id));
            may(seen.is_some(), Move::Show(id));
            may(faulty, Move::ShowFault(id));
        }
        may(self.may_live(id), Move::Live(id));
        may(faulty && matches!(part.life, Life::Booting | Life::Up), Move::Die(id));
        // What was told to stop may still answer.
        may(matches!(part.life, Life::Up | Life::Leaving) && self.has_news(id), Move::Pass(id));
        may(faulty && part.life == Life::Up && !part.probing.is_empty() && !self.has_news(id), Move::Ail(id));
    }

    fn may_live(&self, id: ServiceId) -> bool {
        let part = self.part(id);
        match part.life {
            Life::Gone => part.desired > 0,
            Life::Booting | Life::Leaving => true,
            Life::Up => part.desired == 0,
        }
    }

    /// Whether a passing probe would tell the engine something new.
    fn has_news(&self, id: ServiceId) -> bool {
        let target = self.part(id).target();
        self.part(id).probing.contains(&target) && !self.engine.slot(id).healthy.contains(&target)
    }

    pub(super) fn make(&mut self, what: Move) {
        match what {
            Move::Arrive(id) => self.arrive(id),
            Move::Leave(id) => {
                let part = self.part_mut(id);
                part.inside -= 1;
                part.served += 1;
            }
            Move::GiveUp(id) => {
                let part = self.part_mut(id);
                part.held -= 1;
                part.refused += 1;
            }
            Move::Ring(id) => {
                self.part_mut(id).rung = false;
                self.event(Event::Demand(id));
            }
            Move::CarryOut(id) => {
                if let Some((_, count, done)) = &mut self.part_mut(id).call {
                    *done = true;
                    let count = *count;
                    self.scaled(id, count);
                }
            }
            Move::Answer(id) => self.answer(id, Ok(())),
            Move::AnswerFault(id) => self.answer(id, Err(Fault::new("throttled"))),
            Move::AnswerNever(id) => self.answer(id, Err(Fault::terminal("no such file"))),
            Move::AnswerUndone(id) => {
                self.answer(id, Err(Fault::new("it is needed again").with_nothing_done()));
            }
            Move::Look(id) => {
                let seen = self.part(id).observed(self.now);
                if let Some((_, answer)) = &mut self.part_mut(id).look {
                    *answer = Some(seen);
                }
            }
            Move::Show(id) => {
                if let Some((look, Some(seen))) = self.part_mut(id).look.take() {
                    self.event(Event::Observed { service: id, look, seen });
                }
            }
            Move::ShowFault(id) => {
                if let Some((look, _)) = self.part_mut(id).look.take() {
                    let fault = Fault::new("no answer");
                    self.event(Event::NotObserved { service: id, look, fault });
                }
            }
            Move::Live(id) => self.live(id),
            Move::Die(id) => self.die(id),
            Move::Pass(id) => {
                let target = self.part(id).target();
                self.event(Event::Probed { service: id, target, result: Ok(()) });
            }
            Move::Ail(id) => {
                let (target, result) = (self.part(id).target(), Err("refused".to_owned()));
                self.event(Event::Probed { service: id, target, result });
            }
            Move::Wait => {
                // Without a timer nothing happens by itself; the driver looks up once a day all the same.
                let next = self.engine.next_timer();
                let next = if next == Time::MAX { self.now + Duration::from_secs(86_400) } else { next };
                self.now = next.max(self.now);
                self.event(Event::Tick);
            }
            Move::WaitLong => {
                self.now = self.now + Duration::from_secs(400);
                self.event(Event::Tick);
            }
            Move::Meddle(id, count) => {
                self.meddled = true;
                self.part_mut(id).desired = count;
                self.told_to_stop(id);
            }
        }
    }

    /// Time passes; every timer fires when it is due.
    pub(super) fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        while self.engine.next_timer() <= end {
            self.make(Move::Wait);
        }
        self.now = end;
    }

    // === Visitors and gates ===

    fn arrive(&mut self, id: ServiceId) {
        let part = self.part_mut(id);
        if part.open.as_ref().is_some_and(|targets| !targets.is_empty()) {
            part.entered += 1;
            part.inside += 1;
            self.check_served(id);
        } else if part.refusing {
            part.refused += 1;
            part.rung = true;
        } else {
            part.held += 1;
            part.rung = true;
        }
    }

    fn let_in(&mut self, id: ServiceId) {
        let part = self.part_mut(id);
        part.entered += u64::from(part.held);
        part.inside += std::mem::take(&mut part.held);
        if self.part(id).inside > 0 {
            self.check_served(id);
        }
    }

    // === The provider ===

    fn scaled(&mut self, id: ServiceId, count: u32) {
        let part = self.part_mut(id);
        part.desired = count;
        part.died = None;
        if count == 0 {
            self.check_stop(id);
        } else {
            self.check_start(id);
        }
        self.told_to_stop(id);
    }

    fn told_to_stop(&mut self, id: ServiceId) {
        let part = self.part_mut(id);
        if part.desired == 0 && matches!(part.life, Life::Booting | Life::Up) {
            part.life = Life::Leaving;
        }
    }

    fn live(&mut self, id: ServiceId) {
        let now = self.now;
        let part = self.part_mut(id);
        part.life = match part.life {
            Life::Gone => {
                part.instance += 1;
                Life::Booting
            }
            Life::Booting if part.doomed => {
                part.died = Some(now);
                Life::Gone
            }
            Life::Booting => {
                part.died = None;
                Life::Up
            }
            Life::Up | Life::Leaving => Life::Gone,
        };
    }

    fn die(&mut self, id: ServiceId) {
        let now = self.now;
        let part = self.part_mut(id);
        (part.life, part.died) = (Life::Gone, Some(now));
    }

    fn answer(&mut self, id: ServiceId, result: Result<(), Fault>) {
        if let Some((call, ..)) = self.part_mut(id).call.take() {
            self.event(Event::Acknowledged { service: id, call, result });
        }
    }

    // === The engine ===

    pub(super) fn event(&mut self, event: Event) {
        self.engine.handle(self.now, event);
        self.carry_out_commands();
    }

    fn carry_out_commands(&mut self) {
        loop {
            let commands: Vec<Command> = self.engine.drain_commands().collect();
            if commands.is_empty() {
                return;
            }
            for command in commands {
                self.command(command);
            }
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Scale { service, call, count } => {
                if self.part(service).call.is_some() {
                    self.breaks("two calls for one service at once");
                }
                let part = self.part_mut(service);
                (part.call, part.called_off) = (Some((call, count, false)), false);
            }
            Command::CallOff(service) => {
                if self.part(service).call.is_none_or(|(_, count, _)| count > 0) {
                    self.breaks("no call to sleep that could be called off");
                }
                self.part_mut(service).called_off = true;
            }
            Command::Observe { service, look } => {
                if self.part(service).look.is_some() {
                    self.breaks("two looks at one service at once");
                }
                self.part_mut(service).look = Some((look, None));
            }
            Command::Probe { service, targets, .. } => self.part_mut(service).probing = targets,
            Command::Open { service, targets } => {
                let part = self.part_mut(service);
                part.refusing = false;
                let some = !targets.is_empty();
                part.open = Some(targets);
                if some {
                    self.let_in(service);
                }
            }
            Command::Shut(service) => self.part_mut(service).open = None,
            Command::Drain(service) => {
                let part = self.part_mut(service);
                (part.open, part.refusing) = (None, false);
                let in_flight = u64::from(part.inside);
                self.engine.handle(self.now, Event::Drained { service, in_flight });
            }
            Command::Fail { service, .. } => {
                let part = self.part_mut(service);
                part.refusing = true;
                part.refused += u64::from(std::mem::take(&mut part.held));
            }
            Command::ClearFault(service) => self.part_mut(service).refusing = false,
            Command::Sample(service) => {
                let part = self.part(service);
                let (active, entered, held) = (u64::from(part.inside), part.entered, u64::from(part.held));
                self.engine.handle(self.now, Event::Sampled { service, active, entered, held });
            }
            Command::ProbeAgain { .. } | Command::Publish(_) | Command::Tell(_) => {}
        }
    }
}

impl Part {
    /// Where the present instance answers.
    pub(super) fn target(&self) -> Target {
        target(&self.instance.to_string())
    }

    /// What the provider shows of it.
    pub(super) fn observed(&self, now: Time) -> Observation {
        if let Some((until, seen)) = &self.stale
            && now < *until
        {
            return seen.clone();
        }
        let runs = matches!(self.life, Life::Booting | Life::Up);
        Observation {
            desired: self.desired,
            running: u32::from(runs),
            stopping: u32::from(self.life == Life::Leaving),
            targets: if runs { vec![self.target()] } else { Vec::new() },
            fault: self.died.map(|at| Fault::new("exit status 1").happened_at(at)),
            ..Observation::default()
        }
    }
}
