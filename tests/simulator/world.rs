//! The world: everything that exists, and the passing of time over it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::agenda::Agenda;
use super::app::SeenLog;
use super::hosts::Hosts;
use super::service::{Service, ServiceKey};
use super::simulator::Clock;
use super::task::Task;
use super::timings::Timings;

/// Everything that exists.
pub(crate) struct World {
    /// Up to when everything has happened.
    pub(super) now: Duration,
    /// The wall clock's time at the start, since 1970.
    pub(super) epoch: Duration,
    pub(super) region: String,
    pub(super) account: String,
    pub(super) rng: fastrand::Rng,
    pub(super) clock: Clock,
    pub(super) hosts: Arc<dyn Hosts>,
    pub(super) timings: Timings,
    pub(super) agenda: Agenda,
    pub(super) services: BTreeMap<ServiceKey, Service>,
    /// By ARN.
    pub(super) tasks: BTreeMap<String, Task>,
    pub(super) seen: SeenLog,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("now", &self.now).finish_non_exhaustive()
    }
}

impl World {
    /// A world in which nothing is yet.
    pub(super) fn new(seed: u64, clock: Clock, hosts: Arc<dyn Hosts>) -> Self {
        Self {
            now: Duration::ZERO,
            epoch: Duration::from_secs(1_750_000_000),
            region: "eu-central-1".to_owned(),
            account: "123456789012".to_owned(),
            rng: fastrand::Rng::with_seed(seed),
            clock,
            hosts,
            timings: Timings::default(),
            agenda: Agenda::default(),
            services: BTreeMap::new(),
            tasks: BTreeMap::new(),
            seen: SeenLog::default(),
        }
    }

    /// When the next thing happens.
    pub(super) fn next_due(&self) -> Option<Duration> {
        self.agenda.next()
    }

    /// Lets everything happen that is due at `now`.
    pub(super) fn advance(&mut self, now: Duration) {
        while let Some((at, _due)) = self.agenda.take(now) {
            self.now = self.now.max(at);
        }
        self.now = self.now.max(now);
    }
}
