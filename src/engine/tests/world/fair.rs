//! How a world goes on in which nothing goes wrong any more.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Move, World};
use crate::model::Phase;

/// How long a fair world may take for what must be in the end: longer than any pause between two wakes, and than the
/// longest wake after it.
const PATIENCE: Duration = Duration::from_secs(3_600);

impl World {
    /// Everything that is under way comes to its end, without faults; no time passes.
    pub(in crate::engine::tests) fn settle(&mut self) {
        self.faults = 0;
        self.visitors = 0;
        let mut moves = Vec::new();
        for _ in 0..1_000 {
            moves.clear();
            for id in self.ids() {
                self.moves(id, &mut moves);
            }
            moves.retain(|what| !matches!(what, Move::Leave(_)));
            let Some(first) = moves.first() else { return };
            self.make(*first);
        }
        self.breaks("it never comes to rest");
    }

    /// Whether, in a fair world, everybody who waits is served or told why not.
    pub(in crate::engine::tests) fn serves_in_the_end(&self) -> Result<(), String> {
        let mut world = self.clone();
        let end = world.now + PATIENCE;
        while world.now < end {
            world.settle();
            if let Some(broken) = world.broken {
                return Err(broken);
            }
            if world.held() == 0 {
                return Ok(());
            }
            world.make(Move::Wait);
        }
        let waits: BTreeMap<String, u32> =
            world.ids().map(|id| (world.name(id), world.part(id).held)).collect();
        Err(format!("nobody answers those who wait: {waits:?}"))
    }

    /// Whether, in a fair world in which nobody comes any more, everything falls asleep.
    pub(in crate::engine::tests) fn sleeps_in_the_end(&self) -> Result<(), String> {
        let mut world = self.clone();
        for id in world.ids() {
            while world.part(id).inside > 0 {
                world.make(Move::Leave(id));
            }
        }
        let end = world.now + PATIENCE;
        while world.now < end {
            world.settle();
            for id in world.ids() {
                while world.part(id).inside > 0 {
                    world.make(Move::Leave(id));
                }
            }
            if let Some(broken) = world.broken {
                return Err(broken);
            }
            if world.ids().all(|id| world.engine.phase(id) == Phase::Asleep && world.part(id).desired == 0) {
                return Ok(());
            }
            world.make(Move::Wait);
        }
        let phases: Vec<String> =
            world.ids().map(|id| format!("{} is {}", world.name(id), world.engine.phase(id))).collect();
        Err(format!("it never falls asleep: {}", phases.join(", ")))
    }
}
