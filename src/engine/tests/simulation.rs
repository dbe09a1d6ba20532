//! Seeded worlds of up to eight services with faults and time: what must not be never is, everybody is answered once
//! the faults have stopped, and everything sleeps in the end.
//!
//! `WAKEGATE_SEEDS=100000 cargo test --release --lib simulation` tries more; `WAKEGATE_SEED=17 cargo test --lib
//! simulation -- --nocapture` replays one and prints its moves.

use std::time::Duration;

use fastrand::Rng;

use super::harness::{Needs, service};
use super::world::{Life, Move, World};
use crate::engine::{Event, Settings};
use crate::model::{Condition, Graph, ServiceId, Spec, StartOrder};

/// How much happens in one world before the faults stop.
const STEPS: usize = 500;

#[test]
fn seeded_worlds_hold() {
    let number = |name| std::env::var(name).ok().map(|value| value.parse().expect("a number"));
    if let Some(seed) = number("WAKEGATE_SEED") {
        run(seed, true);
        return;
    }
    for seed in 0..number("WAKEGATE_SEEDS").unwrap_or(256) {
        run(seed, false);
    }
}

#[test]
fn a_seed_gives_the_same_history_twice() {
    for seed in [3, 7, 11] {
        assert_eq!(run(seed, false), run(seed, false), "something is not decided by the seed {seed}");
    }
}

/// Says how to replay a world in which something broke.
struct Replay(u64);

impl Drop for Replay {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let seed = self.0;
            eprintln!("to replay: WAKEGATE_SEED={seed} cargo test --lib simulation -- --nocapture");
        }
    }
}

/// Runs one world; gives back what can be told of its history.
fn run(seed: u64, verbose: bool) -> String {
    let _replay = Replay(seed);
    let mut rng = Rng::with_seed(seed);
    let specs = some_services(&mut rng);
    if verbose {
        for spec in &specs {
            let needs: Vec<String> = spec
                .depends_on
                .iter()
                .map(|on| format!("{} {:?} {:?}", on.on, on.condition, on.start))
                .collect();
            println!("{} needs [{}]", spec.name, needs.join(", "));
        }
    }
    let lags = rng.u8(..4) == 0;
    let settle = if lags { Duration::from_secs(5) } else { Duration::ZERO };
    let settings = Settings { settle, ..Settings::default() };
    let lives: Vec<Life> =
        specs.iter().map(|_| *choose(&mut rng, &[Life::Gone, Life::Gone, Life::Up, Life::Booting])).collect();
    let mut world = World::new(Graph::new(specs).unwrap(), settings, |id| lives[id.index()]);
    let mut chaos = Chaos { meddles: rng.u8(..4) == 0, faulty: rng.u8(..4) != 0, lags, rng };
    let mut history = Vec::new();
    for _ in 0..STEPS {
        let what = chaos.step(&mut world);
        if verbose {
            println!("{} {what}", world.now);
        }
        if let Some(broken) = &world.broken {
            panic!("{broken}, by the seed {seed}");
        }
        history.push(what);
    }
    for part in &mut world.parts {
        (part.doomed, part.stale) = (false, None);
    }
    world.serves_in_the_end().unwrap_or_else(|broken| panic!("{broken}, by the seed {seed}"));
    world.sleeps_in_the_end().unwrap_or_else(|broken| panic!("{broken}, by the seed {seed}"));
    let served: u64 = world.parts.iter().map(|part| part.served).sum();
    format!("{} served, at {}: {}", served, world.now, history.join(", "))
}

fn some_services(rng: &mut Rng) -> Vec<Spec> {
    let mut specs = Vec::new();
    for at in 0..rng.usize(1..=8) {
        let mut spec = service(&format!("s{at}"));
        spec.limits.idle_after = Duration::from_secs(rng.u64(2..60));
        spec.limits.wake_timeout = Duration::from_secs(rng.u64(10..120));
        for on in 0..at {
            if rng.u8(..3) == 0 {
                let condition = *choose(rng, &[Condition::Healthy, Condition::Healthy, Condition::Started]);
                let start = *choose(rng, &[StartOrder::Together, StartOrder::Together, StartOrder::After]);
                spec = spec.needs_as(&format!("s{on}"), condition, start);
            }
        }
        specs.push(spec);
    }
    specs
}

fn choose<'a, T>(rng: &mut Rng, from: &'a [T]) -> &'a T {
    &from[rng.usize(..from.len())]
}

/// Throws the dice.
struct Chaos {
    rng: Rng,
    /// Whether somebody else changes counts.
    meddles: bool,
    faulty: bool,
    /// Whether the provider shows for a while what was before the last call.
    lags: bool,
}

impl Chaos {
    /// One thing happens. Gives back what, for the history.
    fn step(&mut self, world: &mut World) -> String {
        let ids: Vec<ServiceId> = world.ids().collect();
        let id = *choose(&mut self.rng, &ids);
        match self.rng.u8(..100) {
            0..30 => self.pass_time(world),
            30..38 => self.one(world, Move::Arrive(id)),
            38..40 if world.part(id).held > 0 => self.one(world, Move::GiveUp(id)),
            40 => {
                let lasting = Duration::from_secs(self.rng.u64(..60));
                let until = self.rng.bool().then(|| world.now + lasting);
                world.event(Event::Lease { service: id, until });
                format!("lease of {id} until {until:?}")
            }
            41 => {
                world.event(Event::Sleep(id));
                format!("{id} asked to sleep")
            }
            42 if self.meddles => {
                let count = self.rng.u32(..2);
                self.one(world, Move::Meddle(id, count))
            }
            43 if self.faulty => {
                let doomed = self.rng.bool();
                world.parts[id.index()].doomed = doomed;
                format!("{id} is doomed: {doomed}")
            }
            44 => {
                world.event(Event::Nudged(id));
                format!("nudge for {id}")
            }
            _ => self.something(world),
        }
    }

    fn pass_time(&mut self, world: &mut World) -> String {
        match self.rng.u8(..10) {
            0..6 => self.one(world, Move::Wait),
            6..9 => {
                let millis = self.rng.u64(1..3_000);
                world.advance(Duration::from_millis(millis));
                format!("{millis}ms pass")
            }
            // A clock that jumps, a process that was frozen: nothing fires in between.
            _ => {
                let millis = self.rng.u64(1..100_000);
                world.now = world.now + Duration::from_millis(millis);
                self.one(world, Move::Wait)
            }
        }
    }

    /// One of all things that are under way.
    fn something(&mut self, world: &mut World) -> String {
        world.faults = u32::from(self.faulty && self.rng.u8(..8) == 0);
        let mut moves = Vec::new();
        for id in world.ids() {
            world.moves(id, &mut moves);
        }
        if moves.is_empty() {
            return self.one(world, Move::Wait);
        }
        let what = *choose(&mut self.rng, &moves);
        if let (Move::CarryOut(id), true) = (what, self.lags) {
            let until = world.now + Duration::from_secs(3);
            let before = world.part(id).observed(world.now);
            world.parts[id.index()].stale = Some((until, before));
        }
        self.one(world, what)
    }

    fn one(&self, world: &mut World, what: Move) -> String {
        world.make(what);
        format!("{what:?}")
    }
}
