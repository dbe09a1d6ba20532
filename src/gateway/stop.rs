//! How the gateway is told to end, and how it tells its connections.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::yield_now;
use tokio::time::{Instant, Sleep, sleep_until};

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
pub(super) struct Stops(Arc<Connections>);

struct Connections {
    open: Mutex<Open>,
    leaving: Leaving,
    newcomer: Duration,
}

#[derive(Default)]
struct Open {
    next: u64,
    all: BTreeMap<u64, oneshot::Sender<()>>,
}

impl Stops {
    /// For connections that have this long to end once they are asked.
    pub(super) fn new(leaving: Leaving, drain: Duration) -> Self {
        Self(Arc::new(Connections { open: Mutex::default(), leaving, newcomer: NEWCOMER.min(drain / 2) }))
    }

    /// One more is open until this is dropped.
    pub(super) fn enter(&self) -> Stopped {
        let (sender, signal) = oneshot::channel();
        let mut open = self.open();
        let id = open.next;
        open.next += 1;
        open.all.insert(id, sender);
        let new_until = Instant::now() + self.0.newcomer;
        Stopped { stops: self.clone(), id, state: State::Waits(signal), new_until }
    }

    /// Asks all that have entered so far. A signal is a dropped sender.
    pub(super) fn stop_all(&self) {
        self.0.leaving.begin();
        self.open().all.clear();
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's end of the signal, and its place among the open ones.
pub(super) struct Stopped {
    stops: Stops,
    id: u64,
    state: State,
    new_until: Instant,
}

impl Drop for Stopped {
    fn drop(&mut self) {
        self.stops.open().all.remove(&self.id);
    }
}

enum State {
    Waits(oneshot::Receiver<()>),
    /// The signal has come. Who has just connected has some time yet.
    Newcomer(Option<Pin<Box<Sleep>>>),
    /// The system may have a request that the runtime has not heard of yet. This lets it look once more, and the
    /// connection is polled before it goes on.
    LastLook,
    Asked,
}

impl Stopped {
    /// Whether the next answers should say that the connection ends with them.
    pub(super) fn leaving(&self) -> Leaving {
        self.stops.0.leaving.clone()
    }

    /// Resolves when the connection is to end as soon as it is idle. May be asked again.
    pub(super) async fn asked(&mut self) {
        poll_fn(|cx| self.poll_asked(cx)).await;
    }

    /// The same. To be called after the connection was polled.
    pub(super) fn poll_asked(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.state = match &mut self.state {
                State::Waits(signal) => {
                    // Never sent, only dropped.
                    drop(ready!(Pin::new(signal).poll(cx)));
                    let is_new = Instant::now() < self.new_until;
                    State::Newcomer(is_new.then(|| Box::pin(sleep_until(self.new_until))))
                }
                State::Newcomer(time) => {
                    if let Some(time) = time {
                        ready!(time.as_mut().poll(cx));
                    }
                    // Polled once, it has the task woken after the runtime has looked for events.
                    let _: Poll<()> = pin!(yield_now()).poll(cx);
                    self.state = State::LastLook;
                    return Poll::Pending;
                }
                State::LastLook => State::Asked,
                State::Asked => return Poll::Ready(()),
            };
        }
    }
}
