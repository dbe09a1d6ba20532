//! One accepted connection: which version of HTTP it speaks, and its requests until it ends.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;
use tower_service::Service;

use super::stop::{Leaving, Stopped};
use super::tls::Terminator;
use crate::net::Accepted;
use crate::peer::{ClientIo, Peer, PeerGone, Scheme};
use crate::proxy::BoxError;

/// What HTTP/2 with prior knowledge begins with (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How much is read before the version is known. A request's head mostly fits.
const FIRST_READ: usize = 1024;

/// How long a client may take for a request's head, and how long a connection is kept between two requests: hyper
/// counts both as one. Longer than the 60 s of the load balancers that may stand before us, which otherwise send
/// a request into a connection that we are closing.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);

/// How long a client may take for the TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The largest head of a request.
const MOST_HEAD: usize = 64 * 1024;

/// Bounds of an HTTP/2 client, as Envoy's guide for the edge has them: streams at once, what one stream and the
/// connection may send ahead of being read.
const MOST_STREAMS: u32 = 100;
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// An HTTP/2 client that is silent is asked this often whether it is still there.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(15);

/// Serves a connection until it ends. `stop` asks it to end soon; `open` is dropped when it has, tunnels included.
pub(super) async fn connection<S, B>(
    io: Box<dyn Accepted>,
    address: SocketAddr,
    tls: Option<Arc<Terminator>>,
    service: S,
    mut stop: Stopped,
    open: mpsc::Sender<Infallible>,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let mut io = ClientIo::new(io);
    let gone = io.peer_gone();
    let ended = if let Some(tls) = tls {
        let shaken = tokio::select! {
            biased;
            shaken = tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(io)) => shaken,
            () = stop.asked() => return,
        };
        let (io, session) = match shaken {
            Ok(Ok(shaken)) => shaken,
            Ok(Err(error)) => return tracing::debug!(%error, %address, "a client's TLS handshake failed"),
            Err(_) => return tracing::debug!(%address, "a client took too long for its TLS handshake"),
        };
        let is_http2 = session.is_http2;
        let peer = Peer::with_authority(address, session);
        serve_requests(Counted { io, _open: open }, is_http2, service, peer, gone, stop).await
    } else {
        let first = tokio::select! {
            biased;
            first = tokio::time::timeout(HEAD_TIMEOUT, first_bytes(&mut io)) => first.ok().and_then(Result::ok),
            () = stop.asked() => None,
        };
        // Closed, silent or asked to stop before the first byte.
        let Some(first) = first else { return };
        let is_http2 = first.starts_with(PREFACE);
        io.unread(first);
        let peer = Peer::new(address, Scheme::Http);
        serve_requests(Counted { io, _open: open }, is_http2, service, peer, gone, stop).await
    };
    if let Err(error) = ended {
        tracing::debug!(%error, %address, "a client's connection broke");
    }
}

async fn serve_requests<I, S, B>(
    io: Counted<I>,
    is_http2: bool,
    service: S,
    peer: Peer,
    gone: PeerGone,
    stop: Stopped,
) -> hyper::Result<()>
where
    I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let io = TokioIo::new(io);
    if is_http2 {
        serve_http2(io, Requests { service, peer, http1: None }, stop).await
    } else {
        let http1 = Some((gone, stop.leaving()));
        serve_http1(io, Requests { service, peer, http1 }, stop).await
    }
}

/// The first bytes: the whole preface of HTTP/2, or enough to tell that it is none.
async fn first_bytes(io: &mut ClientIo) -> io::Result<Bytes> {
    let mut buffer = [0; FIRST_READ];
    let mut filled = 0;
    loop {
        let count = io.read(&mut buffer[filled..]).await?;
        filled += count;
        let is_beginning = filled < PREFACE.len() && PREFACE.starts_with(&buffer[..filled]);
        if count == 0 || !is_beginning {
            return Ok(Bytes::copy_from_slice(&buffer[..filled]));
        }
    }
}

async fn serve_http1<I, S, B>(io: I, service: Requests<S>, mut stop: Stopped) -> hyper::Result<()>
where
    I: hyper::rt::Read + hyper::rt::Write + Send + Unpin + 'static,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MOST_HEAD)
        .half_close(false)
        .serve_connection(io, service)
        .with_upgrades();
    let mut connection = pin!(connection);
    tokio::select! {
        biased;
        ended = connection.as_mut() => return ended,
        () = stop.asked() => {}
    }
    connection.as_mut().graceful_shutdown();
    connection.await
}

async fn serve_http2<I, S, B>(io: I, service: Requests<S>, mut stop: Stopped) -> hyper::Result<()>
where
    I: hyper::rt::Read + hyper::rt::Write + Send + Unpin + 'static,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(MOST_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(MOST_HEAD as u32)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .enable_connect_protocol()
        .serve_connection(io, service);
    let mut connection = pin!(connection);
    tokio::select! {
        biased;
        ended = connection.as_mut() => return ended,
        () = stop.asked() => {}
    }
    connection.as_mut().graceful_shutdown();
    connection.await
}

/// Hands each request on, with the facts of its connection.
struct Requests<S> {
    service: S,
    peer: Peer,
    /// What HTTP/1 alone needs. HTTP/2 sees itself when its client goes, and has GOAWAY.
    http1: Option<(PeerGone, Leaving)>,
}

impl<S, B> hyper::service::Service<Request<Incoming>> for Requests<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response<B>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<B>, Infallible>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.peer.clone());
        let mut leaving = None;
        if let Some((gone, at)) = &self.http1 {
            request.extensions_mut().insert(gone.clone());
            leaving = Some(at.clone());
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
            Ok(response)
        })
    }
}

/// A connection that is counted as open until the last who reads or writes it is done: after an upgrade that is
/// the tunnel, not hyper.
struct Counted<I> {
    io: I,
    _open: mpsc::Sender<Infallible>,
}

impl<I: AsyncRead + Unpin> AsyncRead for Counted<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Counted<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
