//! The handle to a world.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::hosts::Hosts;
use super::world::World;

/// Tells the time since the simulator's start.
pub(crate) type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

/// The handle to a world; clones are handles to the same one.
#[derive(Clone)]
pub(crate) struct Simulator {
    shared: Arc<Shared>,
}

struct Shared {
    world: Mutex<World>,
    clock: Clock,
    /// Rung when something is due earlier than the ticker knows.
    earlier: Notify,
}

impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulator").finish_non_exhaustive()
    }
}

impl Simulator {
    /// A world in which nothing is yet. The same seed, and the same calls at the same times, give the same history.
    pub(crate) fn new(seed: u64, clock: Clock, hosts: Arc<dyn Hosts>) -> Self {
        let world = World::new(seed, clock.clone(), hosts);
        Self { shared: Arc::new(Shared { world: Mutex::new(world), clock, earlier: Notify::new() }) }
    }

    /// The time since its start.
    pub(crate) fn now(&self) -> Duration {
        (self.shared.clock)()
    }

    /// Lets everything happen that is due, then does something with the world. Not to be called from within itself.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.shared.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.advance(self.now());
        let before = world.next_due();
        let result = act(&mut world);
        if world.next_due().is_some_and(|next| before.is_none_or(|before| next < before)) {
            self.shared.earlier.notify_one();
        }
        result
    }

    /// Lets things happen at their time; to be run as a task of its own. Never returns.
    pub(crate) async fn tick(&self) {
        loop {
            let next = self.with(|world| world.next_due());
            let wait = next.map_or(Duration::from_secs(3_600), |next| next.saturating_sub(self.now()));
            // In a fixed order, so that a simulation can be replayed.
            tokio::select! {
                biased;
                () = tokio::time::sleep(wait) => {}
                () = self.shared.earlier.notified() => {}
            }
        }
    }
}
