//! The accept loop of one listener, from the first connection to the last.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::sync::{mpsc, oneshot};
use tower_service::Service;

use super::connection::{Manners, connection};
use super::crowd::{Crowd, refuse};
use super::proxy_protocol::Origins;
use super::tls::Terminator;
use crate::model::{Bounds, Timeouts};
use crate::net::Listener;
use crate::proxy::BoxError;

/// The pause after an accept that failed for want of something (file descriptors, memory): trying again at once
/// would only burn the processor until a connection ends.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

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
    let crowd = Crowd::new(&options.bounds);
    serve_with(listener, Origins::default(), None, crowd, service, stop, options).await
}

/// The same, for whom `origins` takes, and over TLS where that is given. The crowd is shared by listeners.
pub(super) async fn serve_with<L, S, B>(
    listener: L,
    origins: Origins,
    tls: Option<Arc<Terminator>>,
    crowd: Crowd,
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
    let manners =
        Manners { origins: origins.into(), bounds: options.bounds.into(), timeouts: options.timeouts.into() };
    let stops = Stops::default();
    // Nothing is ever sent: the channel closes when the last connection has dropped its end.
    let (open, mut all_closed) = mpsc::channel::<Infallible>(1);
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.as_mut() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((io, address)) => {
                let Some(place) = crowd.enter(address.ip()) else {
                    if let (None, Some(told)) = (&tls, crowd.tell()) {
                        tokio::spawn(refuse(io, told));
                    }
                    continue;
                };
                let (entry, stopped) = stops.enter();
                let served = connection(
                    io,
                    address,
                    tls.clone(),
                    manners.clone(),
                    service.clone(),
                    stopped,
                    open.clone(),
                );
                tokio::spawn(async move {
                    served.await;
                    drop((entry, place));
                });
            }
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
    drop((listener, open));
    stops.stop_all();
    match tokio::time::timeout(options.drain, all_closed.recv()).await {
        Ok(_) => Drained::Whole,
        Err(_) => Drained::Cut,
    }
}

/// The client left between its connect and our accept.
fn is_of_the_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

/// How to ask each open connection to end. One signal a connection: a signal shared by all would take its lock each
/// time that one of them is polled.
#[derive(Clone, Default)]
struct Stops(Arc<Mutex<Open>>);

#[derive(Default)]
struct Open {
    next: u64,
    all: BTreeMap<u64, oneshot::Sender<()>>,
}

/// A connection's place among the open ones; dropped with it.
struct Entry {
    stops: Stops,
    id: u64,
}

impl Stops {
    fn enter(&self) -> (Entry, oneshot::Receiver<()>) {
        let (sender, receiver) = oneshot::channel();
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let id = open.next;
        open.next += 1;
        open.all.insert(id, sender);
        (Entry { stops: self.clone(), id }, receiver)
    }

    /// A signal is a dropped sender.
    fn stop_all(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).all.clear();
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.stops.0.lock().unwrap_or_else(PoisonError::into_inner).all.remove(&self.id);
    }
}
