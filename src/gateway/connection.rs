//! One accepted connection: which version of HTTP it speaks, and its requests until it ends.

mod answer;
mod frames;
mod http1;
mod http2;
mod lengths;
mod replay;
mod requests;
mod streams;
mod timed;

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{Notify, mpsc};
use tower_service::Service;

use super::crowd::Place;
use super::proxy_protocol::Origins;
use super::stop::Stopped;
use super::tls::Terminator;
use crate::clock::Alarms;
use crate::model::{Bounds, Timeouts};
use crate::net::{Accepted, BoxFuture};
use crate::peer::{ClientIo, Peer, Scheme};
use crate::proxy::BoxError;
use replay::FIRST_READ;
use requests::Requests;
use timed::Timed;

/// What HTTP/2 with prior knowledge begins with (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What all connections have in common.
#[derive(Clone, Debug)]
pub(super) struct Manners {
    pub(super) origins: Arc<Origins>,
    pub(super) bounds: Arc<Bounds>,
    pub(super) timeouts: Arc<Timeouts>,
    /// The alarms of those who have not said anything yet, and of those who may come to rest.
    pub(super) silent: Arc<Alarms>,
    pub(super) resting: Arc<Alarms>,
}

/// A connection that has just come.
pub(super) struct Newcomer {
    pub(super) io: Box<dyn Accepted>,
    pub(super) address: SocketAddr,
    pub(super) presence: Presence,
}

/// What a connection counts as, until the last who reads or writes it is done.
pub(super) struct Presence {
    pub(super) place: Place,
    /// Dropped when it has ended.
    pub(super) _open: mpsc::Sender<Infallible>,
}

/// A connection whose client has begun to speak.
type Served = BoxFuture<'static, hyper::Result<()>>;

/// Serves a connection until it ends. `stop` asks it to end soon.
pub(super) fn connection<S, B>(
    newcomer: Newcomer,
    tls: Option<Arc<Terminator>>,
    manners: Manners,
    service: S,
    stop: Stopped,
) -> impl Future<Output = ()> + Send
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    // In boxes, so that a connection carries the room for what it is and for nothing else that it was or could have been.
    let greeted = Box::pin(greet(newcomer, tls, manners, service, stop));
    async move {
        let Some(served) = greeted.await else { return };
        if let Err(error) = served.await {
            tracing::debug!(%error, "a client's connection broke");
        }
    }
}

/// Finds out who comes and what he speaks. `None`: there is nobody to be served.
async fn greet<S, B>(
    newcomer: Newcomer,
    tls: Option<Arc<Terminator>>,
    manners: Manners,
    service: S,
    mut stop: Stopped,
) -> Option<Served>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let Newcomer { io, address, mut presence } = newcomer;
    let mut io = ClientIo::new(io);
    let gone = io.peer_gone();
    let origin = tokio::select! {
        biased;
        origin = manners.origins.origin(&mut io, address, manners.timeouts.handshake) => origin,
        () = stop.asked() => return None,
    };
    let address = match origin {
        // Whom a proxy names has so many connections, as anybody has who comes himself.
        Ok(origin) if origin.ip() != address.ip() && !presence.place.is_for(origin.ip()) => return None,
        Ok(origin) => origin,
        Err(error) => {
            tracing::debug!(%error, %address, "a connection was not taken");
            return None;
        }
    };
    if let Some(tls) = tls {
        // In a box, so that who comes without TLS carries no room for it.
        let handshake = Box::pin(tls.accept(io));
        let shaken = tokio::select! {
            biased;
            shaken = tokio::time::timeout(manners.timeouts.handshake, handshake) => shaken,
            () = stop.asked() => return None,
        };
        let (io, session) = match shaken {
            Ok(Ok(shaken)) => shaken,
            Ok(Err(error)) => {
                tracing::debug!(%error, %address, "a client's TLS handshake failed");
                return None;
            }
            Err(_) => {
                tracing::debug!(%address, "a client took too long for its TLS handshake");
                return None;
            }
        };
        let is_http2 = session.is_http2;
        let peer = Peer::with_authority(address, session).trusted_if(&manners.origins.proxies);
        let requests = Requests::new(service, peer, gone, stop.leaving());
        Some(serve_requests(io, is_http2, &manners, presence, requests, stop))
    } else {
        let first = tokio::select! {
            biased;
            first = manners.silent.within(manners.timeouts.first_byte, first_bytes(&mut io)) => first?.ok()?,
            // Asked to stop before the first byte.
            () = stop.asked() => return None,
        };
        let is_http2 = first.starts_with(PREFACE);
        io.unread(first);
        let peer = Peer::new(address, Scheme::Http).trusted_if(&manners.origins.proxies);
        let requests = Requests::new(service, peer, gone, stop.leaving());
        Some(serve_requests(io, is_http2, &manners, presence, requests, stop))
    }
}

fn serve_requests<I, S, B>(
    io: I,
    is_http2: bool,
    manners: &Manners,
    presence: Presence,
    requests: Requests<S>,
    stop: Stopped,
) -> Served
where
    I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let uses = requests.uses.clone();
    if is_http2 {
        let idle = Arc::new(Notify::new());
        let io = Timed::http2(io, manners, uses, presence, idle.clone());
        Box::pin(http2::serve(TokioIo::new(io), requests.over_http2(), manners.clone(), stop, idle))
    } else {
        let io = Timed::http1(io, manners, uses, presence);
        Box::pin(http1::Exchange::new(io, requests, manners.bounds.clone(), stop))
    }
}

fn read_more(io: &mut ClientIo, bytes: &mut BytesMut, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
    let mut buffer = [MaybeUninit::uninit(); FIRST_READ];
    let mut buffer = ReadBuf::uninit(&mut buffer);
    ready!(Pin::new(io).poll_read(cx, &mut buffer))?;
    bytes.extend_from_slice(buffer.filled());
    Poll::Ready(Ok(buffer.filled().len()))
}

/// The first bytes: the whole preface of HTTP/2, or enough to tell that it is none.
async fn first_bytes(io: &mut ClientIo) -> io::Result<Bytes> {
    let mut bytes = BytesMut::new();
    loop {
        // Who has said nothing yet takes no room.
        let count = poll_fn(|cx| read_more(io, &mut bytes, cx)).await?;
        let is_beginning = bytes.len() < PREFACE.len() && PREFACE.starts_with(&bytes);
        if count == 0 || !is_beginning {
            return Ok(bytes.freeze());
        }
    }
}

#[cfg(test)]
mod tests;
