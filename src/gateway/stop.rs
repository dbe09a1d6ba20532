//! How the gateway is told to end, and how it tells its connections.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

/// How long a new connection may take for its first request where it comes just before the end. Somebody who connects
/// has something to ask; a connection that has long been idle mostly has not.
const NEWCOMER: Duration = Duration::from_secs(1);

/// How [`Gateway::run`](super::Gateway::run) is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a third way would be a change for every caller")]
pub enum Stop {
    /// Said first, done later: the gateway is no longer ready, and serves on for `drain_delay`, so that load balancers
    /// find that out before its listeners close.
    Announced,
    /// The listeners close now.
    Now,
}

/// Whether the gateway is on its way out. One load of an atomic that changes once.
#[derive(Clone, Debug, Default)]
pub(super) struct Leaving(Arc<AtomicBool>);

impl Leaving {
    pub(super) fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether clients should look for another connection.
    pub(super) fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// How to ask each open connection to end. One signal a connection: a signal shared by all would take its lock each
/// time that one of them is polled.
#[derive(Clone)]
pub(super) struct Stops {
    open: Arc<Mutex<Open>>,
    leaving: Leaving,
    newcomer: Duration,
}

#[derive(Default)]
struct Open {
    next: u64,
    all: BTreeMap<u64, oneshot::Sender<()>>,
}

/// A connection's place among the open ones; dropped with it.
pub(super) struct Entry {
    stops: Stops,
    id: u64,
}

impl Stops {
    /// For connections that have this long to end once they are asked.
    pub(super) fn new(leaving: Leaving, drain: Duration) -> Self {
        Self { open: Arc::default(), leaving, newcomer: NEWCOMER.min(drain / 2) }
    }

    pub(super) fn enter(&self) -> (Entry, Stopped) {
        let (sender, signal) = oneshot::channel();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let id = open.next;
        open.next += 1;
        open.all.insert(id, sender);
        let (leaving, new_until) = (self.leaving.clone(), Instant::now() + self.newcomer);
        (Entry { stops: self.clone(), id }, Stopped { signal: Some(signal), leaving, new_until })
    }

    /// Asks all that have entered so far. A signal is a dropped sender.
    pub(super) fn stop_all(&self) {
        self.leaving.begin();
        self.open.lock().unwrap_or_else(PoisonError::into_inner).all.clear();
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.stops.open.lock().unwrap_or_else(PoisonError::into_inner).all.remove(&self.id);
    }
}

/// A connection's end of the signal.
pub(super) struct Stopped {
    /// `None` once it has come.
    signal: Option<oneshot::Receiver<()>>,
    leaving: Leaving,
    new_until: Instant,
}

impl Stopped {
    /// Whether the next answers should say that the connection ends with them.
    pub(super) fn leaving(&self) -> Leaving {
        self.leaving.clone()
    }

    /// Resolves when the connection is to end as soon as it is idle. May be asked again if it was dropped.
    pub(super) async fn asked(&mut self) {
        if let Some(signal) = &mut self.signal {
            // Never sent, only dropped.
            drop(signal.await);
            self.signal = None;
        }
        if Instant::now() < self.new_until {
            // In a box, so that connections do not carry the room for it all their life.
            Box::pin(sleep_until(self.new_until)).await;
        }
        // The system may have a request that the runtime has not heard of yet. This lets it look once more, and
        // the connection is polled before this goes on.
        tokio::task::yield_now().await;
    }
}
