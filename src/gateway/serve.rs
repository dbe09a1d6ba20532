//! The accept loop of one listener, from the first connection to the last.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tower_service::Service;

use super::answers::Answers;
use super::connection::{Manners, Newcomer, Presence, Visit};
use super::crowd::{Crowd, refuse};
use super::proxy_protocol::Origins;
use super::stop::{Leaving, Stops};
use super::tls::Terminator;
use crate::model::{Bounds, Timeouts};
use crate::net::{Accepted, Listener};
use crate::proxy::BoxError;

/// The pause after an accept that failed for want of something (file descriptors, memory): trying again at once
/// would only burn the processor until a connection ends.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long those may take who were about to connect when the stop came: some round trips.
const LAST_ARRIVALS: Duration = Duration::from_millis(200);

/// How [`serve`] behaves.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// How long open connections may go on after the stop.
    pub drain: Duration,
    /// How many connections there may be, and how large requests. Not all of them concern this.
    pub bounds: Bounds,
    /// How long clients are waited for.
    pub timeouts: Timeouts,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self { drain: Duration::from_secs(30), bounds: Bounds::default(), timeouts: Timeouts::default() }
    }
}

/// How [`serve`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Every connection had ended.
    Whole,
    /// The time was up; connections are still open.
    Cut,
}

/// Serves HTTP/1.1, and HTTP/2 to those who begin with it, until `stop` resolves. Then it takes no more
/// connections, asks the open ones to end after what they are at (`Connection: close`, GOAWAY), and returns when they
/// have, tunnels included, or when the time for it is up.
///
/// The listener is tokio's `TcpListener`, or whatever a [`Net`](crate::net::Net) listens with.
///
/// Each request carries, as extensions, the [`Peer`](crate::peer::Peer) it came from and, over HTTP/1, a
/// [`PeerGone`](crate::peer::PeerGone). A request whose service panics takes its own connection along and
/// nothing else.
pub async fn serve<L, S, B>(
    listener: L,
    service: S,
    stop: impl Future<Output = ()>,
    options: ServeOptions,
) -> Drained
where
    L: Listener,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let entrance = Entrance {
        origins: Origins::default(),
        tls: None,
        crowd: Crowd::new(&options.bounds),
        leaving: Leaving::default(),
        is_direct: false,
    };
    serve_with(listener, entrance, service, stop, options).await
}

/// What a listener is besides its address.
pub(super) struct Entrance {
    /// Whom it takes, and for whom.
    pub(super) origins: Origins,
    pub(super) tls: Option<Arc<Terminator>>,
    /// Shared by listeners.
    pub(super) crowd: Crowd,
    /// Once this has begun, answers over HTTP/1 say that their connection ends with them.
    pub(super) leaving: Leaving,
    /// Whether its service passes on bodies as the proxy makes them, and looks into none.
    pub(super) is_direct: bool,
}

/// The same at an entrance.
pub(super) async fn serve_with<L, S>(
    listener: L,
    entrance: Entrance,
    service: S,
    stop: impl Future<Output = ()>,
    options: ServeOptions,
) -> Drained
where
    L: Listener,
    S: Answers,
{
    let Entrance { origins, tls, crowd, leaving, is_direct } = entrance;
    let (bounds, timeouts) = (options.bounds, options.timeouts);
    let manners = Arc::new(Manners { origins, bounds, timeouts, is_direct, ..Manners::default() });
    let stops = Stops::new(leaving, options.drain);
    // Nothing is ever sent: the channel closes when the last connection has dropped its end.
    let (open, mut all_closed) = mpsc::channel::<Infallible>(1);
    let take = |io, address: SocketAddr| {
        let place = crowd.enter().and_then(|mut place| {
            // Through a trusted proxy come many, each of whom has a request's limits.
            let may_enter = manners.origins.proxies.contains(address.ip()) || place.is_for(address.ip());
            may_enter.then_some(place)
        });
        let Some(place) = place else {
            if let (None, Some(told)) = (&tls, crowd.tell()) {
                tokio::spawn(refuse(io, told));
            }
            return;
        };
        let (tls, manners) = (tls.clone(), manners.clone());
        let presence = Presence { place, _open: open.clone() };
        let newcomer = Newcomer { io, address, presence };
        tokio::spawn(Visit::new(newcomer, tls, manners, service.clone(), stops.enter()));
    };
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.as_mut() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((io, address)) => take(io, address),
            Err(error) if is_of_the_client(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection; trying again soon");
                tokio::select! {
                    biased;
                    () = stop.as_mut() => break,
                    () = tokio::time::sleep(ACCEPT_PAUSE) => {}
                }
            }
        }
    }
    let end = Instant::now() + options.drain;
    stops.stop_all();
    for_the_last_arrivals(&listener, LAST_ARRIVALS.min(options.drain / 4), take).await;
    drop((listener, open));
    stops.stop_all();
    match timeout_at(end, all_closed.recv()).await {
        Ok(_) => Drained::Whole,
        Err(_) => Drained::Cut,
    }
}

/// Takes the connections that are here already, or half-way. A listener that closes resets them: their clients have
/// connected, and may have sent a request.
async fn for_the_last_arrivals(
    listener: &impl Listener,
    time: Duration,
    take: impl Fn(Box<dyn Accepted>, SocketAddr),
) {
    // Without that there would always be one more, and no end to wait for.
    let time = if listener.turn_away() { time } else { Duration::ZERO };
    let end = Instant::now() + time;
    while let Ok(accepted) = timeout_at(end, listener.accept()).await {
        match accepted {
            Ok((io, address)) => take(io, address),
            Err(error) if is_of_the_client(&error) => {}
            Err(error) => return tracing::warn!(%error, "cannot accept the last connections"),
        }
    }
}

/// The client left between its connect and our accept.
fn is_of_the_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}
