//! One accepted connection: which version of HTTP it speaks, and its requests until it ends.

mod answer;
mod frames;
mod http1;
mod http2;
mod lengths;
mod requests;
mod streams;
mod timed;

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncRead;
use tokio::sync::{Notify, mpsc};

use super::answers::Answers;
use super::crowd::Place;
use super::proxy_protocol::Origins;
use super::replay::Replay;
use super::stop::Stopped;
use super::tls::Terminator;
use crate::clock::Alarms;
use crate::model::{Bounds, Timeouts};
use crate::net::splice::is_sink;
use crate::net::{Accepted, BoxFuture, Io};
use crate::peer::{Peer, PeerGone, Scheme};
use requests::Requests;
use timed::Timed;

/// What HTTP/2 with prior knowledge begins with (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What all connections have in common.
#[derive(Debug, Default)]
pub(super) struct Manners {
    pub(super) origins: Origins,
    pub(super) bounds: Bounds,
    /// Whether the service passes on bodies as the proxy makes them, and looks into none.
    pub(super) is_direct: bool,
    pub(super) timeouts: Timeouts,
    /// The alarms of those who have not said anything yet, and of those who may come to rest.
    pub(super) silent: Alarms,
    pub(super) resting: Alarms,
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

/// A connection until it ends. It carries the room for what it is, in a box, and for nothing else that it was or could have
/// been.
pub(super) enum Visit {
    /// Who comes, and what he speaks, is still to be found out.
    Greeted(BoxFuture<'static, Option<Served>>),
    Served(Served),
}

/// A connection whose client has begun to speak.
type Served = BoxFuture<'static, hyper::Result<()>>;

impl Visit {
    /// `stop` asks it to end soon.
    pub(super) fn new<S>(
        newcomer: Newcomer,
        tls: Option<Arc<Terminator>>,
        manners: Arc<Manners>,
        service: S,
        stop: Stopped,
    ) -> Self
    where
        S: Answers,
    {
        Self::Greeted(Box::pin(greet(newcomer, tls, manners, service, stop)))
    }
}

impl Future for Visit {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match &mut *self {
                Self::Greeted(greeted) => match ready!(greeted.as_mut().poll(cx)) {
                    Some(served) => *self = Self::Served(served),
                    None => return Poll::Ready(()),
                },
                Self::Served(served) => {
                    return served.as_mut().poll(cx).map(|ended| {
                        if let Err(error) = ended {
                            tracing::debug!(%error, "a client's connection broke");
                        }
                    });
                }
            }
        }
    }
}

/// A client that is known, and what its connection is served with.
struct Guest<S> {
    requests: Requests<S>,
    manners: Arc<Manners>,
    presence: Presence,
    stop: Stopped,
}

impl<S: Answers> Guest<S> {
    fn new(
        service: S,
        peer: Peer,
        gone: PeerGone,
        manners: Arc<Manners>,
        presence: Presence,
        stop: Stopped,
    ) -> Self {
        let requests = Requests::new(service, peer, gone, stop.leaving());
        Self { requests, manners, presence, stop }
    }

    /// `first` was read of it already.
    fn by_http1(self, io: impl Io, first: Bytes) -> Served {
        let Self { requests, manners, presence, stop } = self;
        let mut io = Timed::http1(io, manners.clone(), requests.uses.clone(), presence);
        io.follow(&first);
        Box::pin(http1::Exchange::new(Replay::new(io, first), requests, manners, stop))
    }

    fn by_http2(self, io: impl Io) -> Served {
        let Self { requests, manners, presence, stop } = self;
        let idle = Arc::new(Notify::new());
        let io = Timed::http2(io, manners.clone(), requests.uses.clone(), presence, idle.clone());
        Box::pin(http2::serve(TokioIo::new(io), requests.over_http2(), manners, stop, idle))
    }
}

/// Finds out who comes and what he speaks. `None`: there is nobody to be served.
async fn greet<S>(
    newcomer: Newcomer,
    tls: Option<Arc<Terminator>>,
    manners: Arc<Manners>,
    service: S,
    mut stop: Stopped,
) -> Option<Served>
where
    S: Answers,
{
    let Newcomer { io, address, mut presence } = newcomer;
    let (gone, is_sink) = (PeerGone::of(&*io), is_sink(&*io));
    let mut io = Replay::new(io, Bytes::new());
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
        let guest = Guest::new(service, peer, gone, manners, presence, stop);
        Some(if is_http2 { guest.by_http2(io) } else { guest.by_http1(io, Bytes::new()) })
    } else {
        let is_http2 = tokio::select! {
            biased;
            is_http2 = manners.silent.within(manners.timeouts.first_byte, begins_http2(&mut io)) => is_http2?.ok()?,
            // Asked to stop before the first byte.
            () = stop.asked() => return None,
        };
        let peer = Peer::new(address, Scheme::Http)
            .trusted_if(&manners.origins.proxies)
            .direct_if(manners.is_direct && is_sink && !is_http2);
        let guest = Guest::new(service, peer, gone, manners, presence, stop);
        Some(if is_http2 {
            guest.by_http2(io)
        } else {
            // Whoever says no more has no need of room for what was read ahead.
            let (io, first) = io.into_parts();
            guest.by_http1(io, first)
        })
    }
}

/// Reads ahead until there is the whole preface of HTTP/2, or enough to tell that it is none.
async fn begins_http2(io: &mut Replay<impl AsyncRead + Unpin>) -> io::Result<bool> {
    let is_beginning = |ahead: &[u8]| ahead.len() < PREFACE.len() && PREFACE.starts_with(ahead);
    while is_beginning(io.ahead()) && poll_fn(|cx| io.poll_more(cx)).await? {}
    Ok(io.ahead().starts_with(PREFACE))
}

#[cfg(test)]
mod tests;
