//! What a request counts of itself on its way: by route, without a lock. The rest of the metrics, and how they are
//! told, is in [`metrics`](crate::metrics).

mod outcome;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use prometheus::{Histogram, HistogramVec};
use tokio::time::Instant;

pub use outcome::Outcome;

/// One in this many requests to an open door is timed.
const SAMPLED: u64 = 64;

/// The counters of one route. Counting is one atomic addition: no lock, no look-up.
#[derive(Debug)]
pub struct RouteMeter {
    route: Arc<str>,
    counts: [AtomicU64; Outcome::ALL.len()],
    passed: AtomicU64,
    added_passed: Histogram,
    added_held: Histogram,
    holds: HistogramVec,
    /// This route's own histogram, made at its first hold.
    hold: OnceLock<Histogram>,
}

/// Runs from a request's arrival until it is handed on.
#[derive(Debug)]
#[must_use = "a stopwatch that is dropped measures nothing"]
pub struct Stopwatch<'a> {
    meter: &'a RouteMeter,
    started: Instant,
}

impl RouteMeter {
    /// A meter at zero. `added` is by `how` (`passed`, `held`), `holds` by route.
    pub(crate) fn new(route: Arc<str>, added: &HistogramVec, holds: HistogramVec) -> Self {
        Self {
            route,
            counts: Default::default(),
            passed: AtomicU64::new(0),
            added_passed: added.with_label_values(&["passed"]),
            added_held: added.with_label_values(&["held"]),
            holds,
            hold: OnceLock::new(),
        }
    }

    /// The route's name.
    pub fn route(&self) -> &Arc<str> {
        &self.route
    }

    /// Counts a request.
    pub fn count(&self, outcome: Outcome) {
        // Nothing is concluded from the order of two counts.
        self.counts[outcome as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How many requests ended this way.
    pub fn counted(&self, outcome: Outcome) -> u64 {
        self.counts[outcome as usize].load(Ordering::Relaxed)
    }

    /// To be called when a request arrives: a stopwatch for one request in 64, to be stopped where it is handed on.
    /// For the others this is one atomic addition; the clock is not read.
    #[inline]
    pub fn arrived(&self) -> Option<Stopwatch<'_>> {
        let before = self.passed.fetch_add(1, Ordering::Relaxed);
        before.is_multiple_of(SAMPLED).then(|| self.stopwatch())
    }

    /// Records that a request was held this long, whatever came of it.
    pub fn held(&self, how_long: Duration) {
        let seconds = how_long.as_secs_f64();
        self.added_held.observe(seconds);
        self.hold.get_or_init(|| self.holds.with_label_values(&[&self.route])).observe(seconds);
    }

    #[cold]
    fn stopwatch(&self) -> Stopwatch<'_> {
        Stopwatch { meter: self, started: Instant::now() }
    }
}

impl Stopwatch<'_> {
    /// The request is on its way to the service, and was not held.
    pub fn passed(self) {
        self.meter.added_passed.observe(self.started.elapsed().as_secs_f64());
    }
}
