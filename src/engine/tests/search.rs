//! Every interleaving of small worlds: nothing that must not be happens in any of them, and from each of them a fair
//! world serves, or tells why not, everybody who waits, and falls asleep when nobody comes any more.
//!
//! States are gone through nearest first, and a search ends after a number of them. `WAKEGATE_SEARCH=wide cargo test
//! --release --lib search` goes forty times as far as the plain run.

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashSet, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use super::harness::{Needs, service};
use super::world::{Life, Move, Part, World};
use crate::engine::slot::Slot;
use crate::engine::{Engine, Settings};
use crate::model::{Graph, Observation, ServiceId, Spec, Target, Time};

/// Time comes in steps of this: a service's quiet time, the pause between two looks.
const STEP: Duration = Duration::from_millis(50);

fn quick(mut spec: Spec) -> Spec {
    spec.limits.idle_after = STEP;
    spec.limits.wake_timeout = Duration::from_secs(300);
    spec
}

fn alone() -> Vec<Spec> {
    vec![quick(service("web"))]
}

fn pair() -> Vec<Spec> {
    vec![quick(service("db")), quick(service("web").needs("db"))]
}

fn chain() -> Vec<Spec> {
    let mut specs = pair();
    specs[1].name = "api".into();
    specs.push(quick(service("web").needs("api")));
    specs
}

fn shared() -> Vec<Spec> {
    let mut specs = pair();
    specs.push(quick(service("app").needs("db")));
    specs
}

/// Where a search begins, and how far it goes.
struct Search {
    specs: Vec<Spec>,
    life: Life,
    /// Not only those that nobody depends on are visited.
    visit_all: bool,
    faults: u32,
    visitors: u32,
    /// States after which a plain run stops.
    states: usize,
    /// One state in this many is carried on in a fair world.
    fair_every: u64,
}

impl Search {
    fn of(specs: Vec<Spec>, life: Life) -> Self {
        Self { specs, life, visit_all: false, faults: 0, visitors: 2, states: 5_000, fair_every: 8 }
    }

    fn start(&self) -> World {
        let settings = Settings { observe_every: STEP, reconcile_every: STEP * 20, ..Settings::default() };
        let graph = Graph::new(self.specs.clone()).unwrap();
        let mut world = World::new(graph, settings, |_| self.life);
        (world.faults, world.visitors) = (self.faults, self.visitors);
        world
    }

    /// Runs the search. `Err`: what was found, and the moves that lead there.
    fn run(&self) -> Result<usize, String> {
        let wide = std::env::var("WAKEGATE_SEARCH").is_ok_and(|value| value == "wide");
        let most = if wide { 40 * self.states } else { self.states };
        let mut known = HashSet::new();
        let mut queue = VecDeque::new();
        let start = self.start();
        known.insert(key(&start));
        queue.push_back((start, Path::start()));
        let mut moves = Vec::new();
        while let Some((world, path)) = queue.pop_front() {
            self.moves(&world, &mut moves);
            for what in &moves {
                let mut next = world.clone();
                next.make(*what);
                let found = |broken: &str| format!("{broken}, after {:?}", path.then(*what).moves());
                if let Some(broken) = &next.broken {
                    return Err(found(broken));
                }
                let key = key(&next);
                if known.len() >= most || !known.insert(key) {
                    continue;
                }
                if key.is_multiple_of(self.fair_every) {
                    next.serves_in_the_end().map_err(|broken| found(&broken))?;
                    next.sleeps_in_the_end().map_err(|broken| found(&broken))?;
                }
                queue.push_back((next, path.then(*what)));
            }
        }
        Ok(known.len())
    }

    fn moves(&self, world: &World, moves: &mut Vec<Move>) {
        moves.clear();
        for id in world.ids() {
            world.moves(id, moves);
        }
        let graph = world.engine.graph();
        let visited = |id: ServiceId| self.visit_all || graph.dependents(id).is_empty();
        // One at a time before each gate: more would show nothing new.
        let busy = |id: ServiceId| world.part(id).held + world.part(id).inside > 0;
        moves.retain(|what| !matches!(what, Move::Arrive(id) if !visited(*id) || busy(*id)));
        moves.push(Move::Wait);
        moves.push(Move::WaitLong);
    }
}

/// The moves that led to a state, last first.
#[derive(Clone)]
struct Path(Option<Arc<(Move, Self)>>);

impl Path {
    fn start() -> Self {
        Self(None)
    }

    fn then(&self, what: Move) -> Self {
        Self(Some(Arc::new((what, self.clone()))))
    }

    fn moves(&self) -> Vec<Move> {
        let mut moves = Vec::new();
        let mut at = self;
        while let Some(step) = &at.0 {
            moves.push(step.0);
            at = &step.1;
        }
        moves.reverse();
        moves
    }
}

impl Drop for Path {
    /// Step by step: a long path would overflow the stack otherwise.
    fn drop(&mut self) {
        let mut next = self.0.take();
        while let Some(step) = next {
            next = Arc::try_unwrap(step).ok().and_then(|mut step| step.1.0.take());
        }
    }
}

// === When two worlds are the same ===

/// Names a world by all that decides how it goes on. Times count by how far they are away, in steps and not beyond
/// a few; numbers of calls, looks and instances only by whether they are the present ones.
fn key(world: &World) -> u64 {
    let mut hasher = DefaultHasher::new();
    (world.faults, world.visitors).hash(&mut hasher);
    for id in world.ids() {
        part_key(world.part(id), &mut hasher);
        slot_key(&world.engine, id, world.part(id), &mut hasher);
    }
    hasher.finish()
}

fn part_key(part: &Part, hasher: &mut DefaultHasher) {
    (part.desired, part.life, part.died.is_some(), part.doomed).hash(hasher);
    (part.call.map(|(_, count, done)| (count, done)), part.called_off && part.call.is_some()).hash(hasher);
    part.look.as_ref().map(|(_, seen)| seen.as_ref().map(|seen| seen_key(seen, part))).hash(hasher);
    part.open.as_ref().map(|targets| targets_key(targets, part)).hash(hasher);
    (part.refusing, part.rung, part.inside, part.held).hash(hasher);
    targets_key(&part.probing, part).hash(hasher);
}

fn slot_key(engine: &Engine, id: ServiceId, part: &Part, hasher: &mut DefaultHasher) {
    let slot: &Slot = engine.slot(id);
    let now = engine.now;
    let ahead = |at: Option<Time>| at.map(|at| steps(at.since(now)));
    let behind = |at: Time| steps(now.since(at));
    (slot.phase, slot.wanted, slot.lease.is_some(), slot.asked_to_sleep).hash(hasher);
    (steps(slot.quiet.lasted), behind(slot.quiet.sampled_at), slot.quiet.entered == part.entered)
        .hash(hasher);
    (slot.call.map(|call| call.count), slot.told as u8, behind(slot.acknowledged_at)).hash(hasher);
    (ahead(slot.call_again_at), slot.failed_calls.min(1)).hash(hasher);
    slot.seen.as_ref().map(|seen| seen_key(seen, part)).hash(hasher);
    (slot.blind.is_some(), slot.look_again, ahead(slot.look_at)).hash(hasher);
    slot.look.map(|look| look >= slot.first_valid_look).hash(hasher);
    (targets_key(&slot.healthy, part), slot.known_count).hash(hasher);
    slot.wake.map(|wake| (wake.calls, wake.called, wake.dependencies_ready.is_some())).hash(hasher);
    (slot.fault.is_some(), slot.retry_at.is_some_and(|at| at > now)).hash(hasher);
}

fn steps(time: Duration) -> u128 {
    time.as_millis().div_ceil(STEP.as_millis()).min(2)
}

fn seen_key(seen: &Observation, part: &Part) -> (u32, u32, u32, bool, (usize, bool)) {
    (seen.desired, seen.running, seen.stopping, seen.fault.is_some(), targets_key(&seen.targets, part))
}

/// How many there are, and whether the present instance is among them.
fn targets_key(targets: &[Target], part: &Part) -> (usize, bool) {
    (targets.len(), targets.contains(&part.target()))
}

// === The searches ===

fn holds(search: &Search) {
    match search.run() {
        Ok(states) => println!("{states} states"),
        Err(found) => panic!("{found}"),
    }
}

#[test]
fn one_service() {
    holds(&Search { states: 20_000, fair_every: 1, ..Search::of(alone(), Life::Gone) });
    holds(&Search { states: 20_000, fair_every: 1, ..Search::of(alone(), Life::Up) });
}

/// Without a health check: ready as soon as it runs.
#[test]
fn one_service_that_nobody_probes() {
    let unprobed = || vec![Spec { health: None, ..alone().remove(0) }];
    holds(&Search { states: 20_000, fair_every: 1, ..Search::of(unprobed(), Life::Gone) });
    holds(&Search { faults: 2, ..Search::of(unprobed(), Life::Up) });
}

#[test]
fn one_service_with_faults() {
    holds(&Search { faults: 2, ..Search::of(alone(), Life::Gone) });
    holds(&Search { faults: 2, ..Search::of(alone(), Life::Up) });
}

#[test]
fn a_chain_of_two() {
    holds(&Search::of(pair(), Life::Gone));
    holds(&Search { visit_all: true, ..Search::of(pair(), Life::Up) });
}

#[test]
fn a_chain_of_two_with_faults() {
    holds(&Search { faults: 2, ..Search::of(pair(), Life::Gone) });
    holds(&Search { faults: 2, ..Search::of(pair(), Life::Up) });
}

#[test]
fn a_chain_of_three() {
    holds(&Search { faults: 1, ..Search::of(chain(), Life::Gone) });
    holds(&Search::of(chain(), Life::Up));
}

#[test]
fn two_over_one() {
    holds(&Search { visitors: 3, ..Search::of(shared(), Life::Gone) });
    holds(&Search { faults: 1, ..Search::of(shared(), Life::Up) });
}
