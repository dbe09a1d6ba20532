//! One accepted connection: which version of HTTP it speaks, and its requests until it ends.

mod answer;
mod frames;
mod lengths;
mod streams;
mod timed;

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{Notify, mpsc};
use tower_service::Service;

use super::crowd::Place;
use super::proxy_protocol::Origins;
use super::stop::{Leaving, Stopped};
use super::tls::Terminator;
use crate::model::{Bounds, Timeouts};
use crate::net::Accepted;
use crate::peer::{ClientIo, Peer, PeerGone, Scheme, Uses};
use crate::proxy::BoxError;
use answer::Answer;
use streams::Streams;
use timed::Timed;

/// What HTTP/2 with prior knowledge begins with (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How much is read before the version is known. A request's head mostly fits.
const FIRST_READ: usize = 1024;

/// What one stream of an HTTP/2 client and its connection may send ahead of being read, as Envoy's guide for the edge has
/// it.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// An HTTP/2 client that is silent is asked this often whether it is still there.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(15);

/// Requests that an HTTP/2 client may begin and take back before they were looked at, and that it may have us refuse, until
/// its connection ends (CVE-2023-44487, CVE-2025-8671).
const MOST_TAKEN_BACK: usize = 20;
const MOST_REFUSED: usize = 100;

/// hyper's own bound of header fields. Where it is to be another one, each head costs an allocation.
const USUAL_HEADERS: usize = 100;

/// What all connections have in common.
#[derive(Clone, Debug)]
pub(super) struct Manners {
    pub(super) origins: Arc<Origins>,
    pub(super) bounds: Arc<Bounds>,
    pub(super) timeouts: Arc<Timeouts>,
}

/// A connection that has just come.
pub(super) struct Newcomer {
    pub(super) io: Box<dyn Accepted>,
    pub(super) address: SocketAddr,
    pub(super) place: Place,
}

/// Serves a connection until it ends. `stop` asks it to end soon; `open` is dropped when it has, tunnels included.
pub(super) async fn connection<S, B>(
    newcomer: Newcomer,
    tls: Option<Arc<Terminator>>,
    manners: Manners,
    service: S,
    mut stop: Stopped,
    open: mpsc::Sender<Infallible>,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let Newcomer { io, address, mut place } = newcomer;
    let mut io = ClientIo::new(io);
    let gone = io.peer_gone();
    let origin = tokio::select! {
        biased;
        origin = manners.origins.origin(&mut io, address, manners.timeouts.handshake) => origin,
        () = stop.asked() => return,
    };
    let address = match origin {
        // Whom a proxy names has so many connections, as anybody has who comes himself.
        Ok(origin) if origin.ip() != address.ip() && !place.is_for(origin.ip()) => return,
        Ok(origin) => origin,
        Err(error) => return tracing::debug!(%error, %address, "a connection was not taken"),
    };
    let ended = if let Some(tls) = tls {
        let shaken = tokio::select! {
            biased;
            shaken = tokio::time::timeout(manners.timeouts.handshake, Box::pin(tls.accept(io))) => shaken,
            () = stop.asked() => return,
        };
        let (io, session) = match shaken {
            Ok(Ok(shaken)) => shaken,
            Ok(Err(error)) => return tracing::debug!(%error, %address, "a client's TLS handshake failed"),
            Err(_) => return tracing::debug!(%address, "a client took too long for its TLS handshake"),
        };
        let is_http2 = session.is_http2;
        let peer = Peer::with_authority(address, session).trusted_if(&manners.origins.proxies);
        serve_requests(io, is_http2, manners, open, Requests::new(service, peer, gone, stop.leaving()), stop)
            .await
    } else {
        let first = tokio::select! {
            biased;
            first = tokio::time::timeout(manners.timeouts.first_byte, first_bytes(&mut io)) => first.ok().and_then(Result::ok),
            () = stop.asked() => None,
        };
        // Closed, silent or asked to stop before the first byte.
        let Some(first) = first else { return };
        let is_http2 = first.starts_with(PREFACE);
        io.unread(first);
        let peer = Peer::new(address, Scheme::Http).trusted_if(&manners.origins.proxies);
        serve_requests(io, is_http2, manners, open, Requests::new(service, peer, gone, stop.leaving()), stop)
            .await
    };
    if let Err(error) = ended {
        tracing::debug!(%error, %address, "a client's connection broke");
    }
}

/// In boxes, so that a connection carries the room for what it is and for nothing else it could have been.
async fn serve_requests<I, S, B>(
    io: I,
    is_http2: bool,
    manners: Manners,
    open: mpsc::Sender<Infallible>,
    requests: Requests<S>,
    stop: Stopped,
) -> hyper::Result<()>
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
        let io = Timed::http2(io, manners.timeouts.clone(), uses, open, idle.clone());
        // Its client ends its requests by itself when it leaves.
        let requests = Requests { http1: None, ..requests };
        Box::pin(serve_http2(TokioIo::new(io), requests, &manners, stop, idle)).await
    } else {
        let io = Timed::http1(io, manners.timeouts.clone(), uses, open);
        Box::pin(serve_http1(TokioIo::new(io), requests, &manners, stop)).await
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

async fn serve_http1<I, S, B>(
    io: I,
    requests: Requests<S>,
    manners: &Manners,
    mut stop: Stopped,
) -> hyper::Result<()>
where
    I: hyper::rt::Read + hyper::rt::Write + Send + Unpin + 'static,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let mut builder = http1::Builder::new();
    // The times are kept by the connection itself.
    builder.header_read_timeout(None).max_buf_size(manners.bounds.head_size).half_close(false);
    if manners.bounds.headers > USUAL_HEADERS {
        builder.max_headers(manners.bounds.headers);
    }
    let connection = builder.serve_connection(io, requests).with_upgrades();
    let mut connection = pin!(connection);
    tokio::select! {
        biased;
        ended = connection.as_mut() => return ended,
        () = stop.asked() => {}
    }
    connection.as_mut().graceful_shutdown();
    connection.await
}

async fn serve_http2<I, S, B>(
    io: I,
    requests: Requests<S>,
    manners: &Manners,
    mut stop: Stopped,
    idle: Arc<Notify>,
) -> hyper::Result<()>
where
    I: hyper::rt::Read + hyper::rt::Write + Send + Unpin + 'static,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let bounds = &manners.bounds;
    let connection = http2::Builder::new(Streams::new(manners.timeouts.write))
        .timer(TokioTimer::new())
        .max_concurrent_streams(bounds.streams)
        .max_pending_accept_reset_streams(MOST_TAKEN_BACK)
        .max_local_error_reset_streams(MOST_REFUSED)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(u32::try_from(bounds.head_size).unwrap_or(u32::MAX))
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .enable_connect_protocol()
        .serve_connection(io, requests);
    let mut connection = pin!(connection);
    tokio::select! {
        biased;
        ended = connection.as_mut() => return ended,
        () = stop.asked() => {}
        () = idle.notified() => {}
    }
    connection.as_mut().graceful_shutdown();
    connection.await
}

/// Hands each request on, with the facts of its connection.
struct Requests<S> {
    service: S,
    peer: Peer,
    uses: Arc<Uses>,
    /// What HTTP/1 alone needs. HTTP/2 sees itself when its client goes, and has GOAWAY.
    http1: Option<(PeerGone, Leaving)>,
}

impl<S> Requests<S> {
    fn new(service: S, peer: Peer, gone: PeerGone, leaving: Leaving) -> Self {
        Self { service, peer, uses: Uses::new(), http1: Some((gone, leaving)) }
    }
}

impl<S, B> hyper::service::Service<Request<Incoming>> for Requests<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response<Answer<B>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        if self.uses.has_length() && request.headers().contains_key(TRANSFER_ENCODING) {
            // It was there, and hyper has taken it out. Whether that may be is not for hyper to say.
            request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let in_use = self.uses.begin(!request.body().is_end_stream());
        let may_become_tunnel =
            *request.method() == Method::CONNECT || request.headers().contains_key(UPGRADE);
        let extensions = request.extensions_mut();
        extensions.insert(self.peer.clone());
        let mut leaving = None;
        if let Some((gone, at)) = &self.http1 {
            extensions.insert(gone.clone());
            leaving = Some(at.clone());
        }
        if may_become_tunnel {
            extensions.insert(in_use.clone());
        }
        let mut service = self.service.clone();
        // Boxed, so that a connection does not carry the room for a request while it has none.
        Box::pin(async move {
            poll_fn(|cx| service.poll_ready(cx)).await?;
            let mut response = service.call(request).await?;
            let is_last = leaving.is_some_and(|leaving| leaving.has_begun());
            if is_last && response.status() != StatusCode::SWITCHING_PROTOCOLS {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(response.map(|body| Answer::new(body, in_use)))
        })
    }
}
