//! HTTP/2: connections shared by all requests, a second one only where the first has no stream to spare.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::{Method, Request};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::sync::{Mutex, watch};
use tokio::time::Instant;

use super::super::sending::SendBody;
use super::{Failure, Lease, Pool, Reply};
use crate::net::Io;

/// How many connections one target gets. With these full, requests queue for a stream.
const MOST_CONNECTIONS: usize = 8;

/// How many streams are opened before the target has told its own bound (RFC 9113 section 6.5.2 recommends
/// targets to allow at least 100). Odd on purpose: another number means that its settings have arrived.
const STREAMS_AT_FIRST: usize = 101;

/// How long they are looked for.
const SETTINGS_PATIENCE: Duration = Duration::from_secs(1);

/// The pause between two looks for the target's settings.
const SETTINGS_INTERVAL: Duration = Duration::from_millis(2);

/// The connections to one target.
pub(super) struct Shared {
    open: ArcSwap<Vec<Arc<Connection>>>,
    /// The target's bound of streams as its last connection told it: a new one begins with it.
    most_streams: AtomicUsize,
    /// Held while a new connection is made, so that a burst makes one and not a burst of them.
    dialing: Mutex<()>,
    /// How many connections could not be made.
    failed: AtomicU64,
}

struct Connection {
    sender: SendRequest<SendBody>,
    in_flight: AtomicUsize,
    settings: Arc<Settings>,
}

/// What is known of the target's settings.
struct Settings {
    most_streams: AtomicUsize,
    /// Whether it takes WebSockets; `None` until its settings have arrived.
    websockets: watch::Sender<Option<bool>>,
}

impl Settings {
    async fn takes_websockets(&self) -> bool {
        match self.websockets.subscribe().wait_for(Option::is_some).await {
            Ok(known) => known.unwrap_or(false),
            Err(_) => false,
        }
    }
}

impl Connection {
    fn is_usable(&self) -> bool {
        !self.sender.is_closed()
    }

    /// A share of it, if it has a stream to spare.
    fn share(self: &Arc<Self>) -> Option<Share> {
        let before = self.in_flight.fetch_add(1, Ordering::Relaxed);
        let share = Share { connection: self.clone(), reused: true };
        (before < self.settings.most_streams.load(Ordering::Relaxed)).then_some(share)
    }

    fn share_anyhow(self: &Arc<Self>, reused: bool) -> Share {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Share { connection: self.clone(), reused }
    }
}

/// One request's share of a connection.
pub(in super::super) struct Share {
    connection: Arc<Connection>,
    /// It was not made for this request.
    reused: bool,
}

impl Drop for Share {
    fn drop(&mut self) {
        self.connection.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Default for Shared {
    fn default() -> Self {
        let most_streams = AtomicUsize::new(STREAMS_AT_FIRST);
        Self { open: ArcSwap::default(), most_streams, dialing: Mutex::default(), failed: AtomicU64::new(0) }
    }
}

impl Shared {
    fn find(&self) -> Option<Share> {
        self.open.load().iter().filter(|connection| connection.is_usable()).find_map(Connection::share)
    }

    /// A share of a connection, made anew where none is left; `not` is one that was found not to work.
    async fn take(&self, pool: &Pool, not: Option<&Arc<Connection>>) -> io::Result<Share> {
        if not.is_none()
            && let Some(share) = self.find()
        {
            return Ok(share);
        }
        let failed = self.failed.load(Ordering::SeqCst);
        let _dialing = self.dialing.lock().await;
        let keeps = |connection: &&Arc<Connection>| {
            connection.is_usable() && not.is_none_or(|not| !Arc::ptr_eq(connection, not))
        };
        let mut open: Vec<_> = self.open.load().iter().filter(keeps).cloned().collect();
        // Somebody may have made one while we waited for the lock.
        if let Some(share) = open.iter().find_map(Connection::share) {
            self.open.store(Arc::new(open));
            return Ok(share);
        }
        if open.len() >= MOST_CONNECTIONS
            && let Some(least) = open.iter().min_by_key(|one| one.in_flight.load(Ordering::Relaxed))
        {
            return Ok(least.share_anyhow(true));
        }
        if let Some(known) = open.first() {
            let most_streams = known.settings.most_streams.load(Ordering::Relaxed);
            self.most_streams.store(most_streams, Ordering::Relaxed);
        }
        if self.failed.load(Ordering::SeqCst) != failed {
            // Somebody tried in vain while we waited. Trying one after the other would make the last wait for all.
            return Err(io::Error::other("a connection could not be made just now"));
        }
        let made = connect(pool, self.most_streams.load(Ordering::Relaxed)).await;
        let connection = Arc::new(made.inspect_err(|_| {
            self.failed.fetch_add(1, Ordering::SeqCst);
        })?);
        let share = connection.share_anyhow(false);
        open.push(connection);
        self.open.store(Arc::new(open));
        Ok(share)
    }
}

/// Sends a request over a shared connection. One that has died is known to be closed, so a repetition does not
/// meet it again.
pub(super) async fn send(pool: &Pool, request: &mut Request<SendBody>) -> Result<Reply, Failure> {
    let mut not = None;
    // A connection may close between our look and our use: nothing is written then, and the next one is tried.
    for _ in 0..=MOST_CONNECTIONS {
        let share = pool.h2.take(pool, not.as_ref()).await.map_err(Failure::Connect)?;
        let mut sender = share.connection.sender.clone();
        if *request.method() == Method::CONNECT && !share.connection.settings.takes_websockets().await {
            return Err(Failure::NoWebSocket);
        }
        match sender.try_send_request(std::mem::take(request)).await {
            Ok(response) => return Ok(Reply { response, lease: Lease::Http2(share) }),
            Err(mut error) => match error.take_message() {
                Some(unsent) => {
                    *request = unsent;
                    not = Some(share.connection.clone());
                }
                None => return Err(Failure::Died { error: error.into_error(), reused: share.reused }),
            },
        }
    }
    Err(Failure::Connect(io::Error::other("the target takes no streams")))
}

async fn connect(pool: &Pool, most_streams: usize) -> io::Result<Connection> {
    let stream = TokioIo::new(pool.connect().await?);
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_max_send_streams(STREAMS_AT_FIRST)
        .handshake(stream)
        .await
        .map_err(io::Error::other)?;
    let settings = Arc::new(Settings {
        most_streams: AtomicUsize::new(most_streams),
        websockets: watch::Sender::new(None),
    });
    tokio::spawn(drive(connection, settings.clone()));
    Ok(Connection { sender, in_flight: AtomicUsize::new(0), settings })
}

type Driven = http2::Connection<TokioIo<Box<dyn Io>>, SendBody, TokioExecutor>;

/// Ends when every sender is dropped and nothing is under way, or the target closes.
async fn drive(mut connection: Driven, settings: Arc<Settings>) {
    let mut driven = std::pin::pin!(poll_fn(|cx| {
        let done = Pin::new(&mut connection).poll(cx);
        let most_streams = connection.current_max_send_streams();
        if most_streams != STREAMS_AT_FIRST {
            settings.most_streams.store(most_streams, Ordering::Relaxed);
            learn(&settings, connection.is_extended_connect_protocol_enabled());
        }
        done
    }));
    // A target's settings are the first thing that it sends (RFC 9113 section 3.4). hyper has nothing to wait on for
    // them, so this looks until they are there. A target that names our own first number is never recognised.
    let give_up = Instant::now() + SETTINGS_PATIENCE;
    while settings.websockets.borrow().is_none() && Instant::now() < give_up {
        if let Ok(done) = tokio::time::timeout(SETTINGS_INTERVAL, driven.as_mut()).await {
            return ended(done);
        }
    }
    learn(&settings, false);
    ended(driven.await);
}

fn learn(settings: &Settings, websockets: bool) {
    settings.websockets.send_if_modified(|known| {
        let news = known.is_none();
        *known = known.or(Some(websockets));
        news
    });
}

fn ended(how: hyper::Result<()>) {
    if let Err(error) = how {
        tracing::debug!(%error, "a connection to a target broke");
    }
}
