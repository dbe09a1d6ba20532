//! A gate, a proxy in front of it and small upstreams behind it, all on loopback.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tower_service::Service;
use wakegate::gate::{Bell, Budget, Gate, Pass, Ring, Rings};
use wakegate::gateway::{ServeOptions, serve};
use wakegate::model::{Kind, Protocol, Spec, Target};
use wakegate::net::{ANY_LOOPBACK, BoxFuture, TokioNet};
use wakegate::proxy::{BoxError, Proxy};

pub(crate) type TestBody = UnsyncBoxBody<Bytes, BoxError>;

/// Far more than any step takes; a test that hangs says so.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("did not happen")
}

// === The gate and what stands before it ===

/// A shut gate with the driver's end of its bell.
pub(crate) fn gate(change: impl FnOnce(&mut Spec)) -> (Arc<Gate>, Rings) {
    let mut spec = Spec::new("web", Kind::Fixed);
    change(&mut spec);
    let (bell, rings) = Bell::channel();
    (Gate::new(Arc::new(spec), Budget::new(100), bell), rings)
}

/// A gate open to these addresses, with a proxy before it.
pub(crate) async fn front(protocol: Protocol, targets: &[SocketAddr]) -> (SocketAddr, Arc<Gate>) {
    let (gate, _) = gate(|spec| spec.protocol = protocol);
    open(&gate, targets);
    (front_of(&gate).await, gate)
}

pub(crate) fn open(gate: &Arc<Gate>, targets: &[SocketAddr]) {
    let target = |address: &SocketAddr| Target { instance: "1".into(), address: (*address).into() };
    gate.open(targets.iter().map(target).collect());
}

pub(crate) async fn front_of(gate: &Arc<Gate>) -> SocketAddr {
    let listener = TcpListener::bind(ANY_LOOPBACK).await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = Front { gate: gate.clone(), proxy: Proxy::new(Arc::new(TokioNet)) };
    tokio::spawn(serve(listener, service, std::future::pending(), ServeOptions::default()));
    address
}

/// Waits until a target was reported as suspect.
pub(crate) async fn suspected(rings: &mut Rings) -> Target {
    loop {
        match soon(rings.next()).await.unwrap() {
            Ring::Suspect(_, target) => return target,
            Ring::Demand(_) => {}
        }
    }
}

/// What the gateway's layer does, as far as the proxy needs it.
#[derive(Clone)]
pub(crate) struct Front {
    pub(crate) gate: Arc<Gate>,
    pub(crate) proxy: Proxy,
}

impl Service<Request<Incoming>> for Front {
    type Response = Response<Kept>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Kept>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Incoming>) -> Self::Future {
        let Self { gate, mut proxy } = self.clone();
        Box::pin(async move {
            let pass = match gate.enter(true) {
                Some(pass) => Arc::new(pass),
                None => Arc::new(gate.hold(true).unwrap().await.unwrap()),
            };
            request.extensions_mut().insert(pass.clone());
            let response = proxy.call(request).await?;
            pass.answered();
            Ok(response.map(|body| Kept { body: body.map_err(Into::into).boxed_unsync(), _pass: pass }))
        })
    }
}

/// A body with the pass that it needs.
pub(crate) struct Kept {
    body: TestBody,
    _pass: Arc<Pass>,
}

impl Body for Kept {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

// === Upstreams ===

/// A server and how many connections it ever took.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Upstream {
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// An upstream that does with each connection, numbered from 0, what it is told.
pub(crate) async fn raw_upstream<F, R>(serve: F) -> Upstream
where
    F: Fn(TcpStream, usize) -> R + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind(ANY_LOOPBACK).await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = connections.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            tokio::spawn(serve(stream, count.fetch_add(1, Ordering::SeqCst)));
        }
    });
    Upstream { address, connections }
}

/// An HTTP/1.1 upstream.
pub(crate) async fn upstream<F, R>(handle: F) -> Upstream
where
    F: Fn(Request<Incoming>) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Response<TestBody>> + Send + 'static,
{
    raw_upstream(move |stream, _| {
        let handle = handle.clone();
        async move {
            let service = service_fn(move |request| {
                let answer = handle(request);
                async move { Ok::<_, Infallible>(answer.await) }
            });
            let builder = hyper::server::conn::http1::Builder::new();
            // Connections of tests break on purpose.
            drop(builder.serve_connection(TokioIo::new(stream), service).with_upgrades().await);
        }
    })
    .await
}

/// An HTTP/2 upstream with at most this many streams on a connection, and WebSockets when `connect`.
pub(crate) async fn h2_upstream<F, R>(streams: u32, connect: bool, handle: F) -> Upstream
where
    F: Fn(Request<Incoming>) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Response<TestBody>> + Send + 'static,
{
    raw_upstream(move |stream, _| {
        let handle = handle.clone();
        async move {
            let service = service_fn(move |request| {
                let answer = handle(request);
                async move { Ok::<_, Infallible>(answer.await) }
            });
            let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            builder.max_concurrent_streams(streams);
            if connect {
                builder.enable_connect_protocol();
            }
            drop(builder.serve_connection(TokioIo::new(stream), service).await);
        }
    })
    .await
}

/// An address that nobody listens on, nor will by accident: it is taken as long as this lives.
pub(crate) struct Nobody {
    pub(crate) address: SocketAddr,
    socket: TcpSocket,
}

impl Nobody {
    pub(crate) fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(ANY_LOOPBACK).unwrap();
        Self { address: socket.local_addr().unwrap(), socket }
    }

    /// Now somebody does.
    pub(crate) fn listen(self) -> TcpListener {
        self.socket.listen(16).unwrap()
    }
}

// === Bodies ===

pub(crate) fn full(text: impl Into<Bytes>) -> TestBody {
    Full::new(text.into()).map_err(|never| match never {}).boxed_unsync()
}

/// A body that is fed frame by frame; it breaks off when it is fed an error.
pub(crate) fn feed() -> (mpsc::UnboundedSender<io::Result<Frame<Bytes>>>, TestBody) {
    struct Fed(mpsc::UnboundedReceiver<io::Result<Frame<Bytes>>>);
    impl Body for Fed {
        type Data = Bytes;
        type Error = BoxError;
        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            self.0.poll_recv(cx).map_err(Into::into)
        }
    }
    let (sender, receiver) = mpsc::unbounded_channel();
    (sender, Fed(receiver).boxed_unsync())
}

/// The next data of a body.
pub(crate) async fn data(body: &mut Incoming) -> Bytes {
    soon(body.frame()).await.expect("the body ended").unwrap().into_data().expect("no data")
}

// === Clients ===

pub(crate) async fn h1_client(to: SocketAddr) -> http1::SendRequest<TestBody> {
    let stream = TcpStream::connect(to).await.unwrap();
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection.with_upgrades());
    sender
}

pub(crate) async fn h2_client(to: SocketAddr) -> http2::SendRequest<TestBody> {
    let stream = TcpStream::connect(to).await.unwrap();
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

/// One request over a connection of its own.
pub(crate) async fn ask(to: SocketAddr, request: Request<TestBody>) -> Response<Incoming> {
    let mut client = h1_client(to).await;
    let response = soon(client.send_request(request)).await.unwrap();
    // The connection ends with the response.
    response
}

/// The whole of a response's body, as text.
pub(crate) async fn text(response: Response<Incoming>) -> String {
    let body = soon(response.into_body().collect()).await.unwrap();
    String::from_utf8(body.to_bytes().to_vec()).unwrap()
}

pub(crate) fn get(path: &str) -> Request<TestBody> {
    Request::get(path).header("host", "shop.example").body(full("")).unwrap()
}

pub(crate) fn post(path: &str, body: TestBody) -> Request<TestBody> {
    Request::post(path).header("host", "shop.example").body(body).unwrap()
}

/// Bytes back and forth, with nothing in between that knows HTTP.
pub(crate) struct Raw {
    stream: TcpStream,
    ahead: BytesMut,
}

impl Raw {
    pub(crate) async fn connect(to: SocketAddr) -> Self {
        Self::new(TcpStream::connect(to).await.unwrap())
    }

    pub(crate) fn new(stream: TcpStream) -> Self {
        Self { stream, ahead: BytesMut::new() }
    }

    pub(crate) async fn write(&mut self, bytes: &str) {
        self.stream.write_all(bytes.as_bytes()).await.unwrap();
    }

    /// All up to and including `end`; `None` when the stream ends before.
    pub(crate) async fn try_read_to(&mut self, end: &str) -> Option<String> {
        loop {
            let found = self.ahead.windows(end.len()).position(|window| window == end.as_bytes());
            if let Some(at) = found {
                let bytes = self.ahead.split_to(at + end.len());
                return Some(String::from_utf8(bytes.to_vec()).unwrap());
            }
            match soon(self.stream.read_buf(&mut self.ahead)).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    pub(crate) async fn read_to(&mut self, end: &str) -> String {
        let read = self.try_read_to(end).await;
        read.unwrap_or_else(|| panic!("ended with {:?}", self.ahead))
    }

    /// All that comes until the other side closes.
    pub(crate) async fn read_all(&mut self) -> String {
        while let Ok(1..) = soon(self.stream.read_buf(&mut self.ahead)).await {}
        let bytes = self.ahead.copy_to_bytes(self.ahead.remaining());
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    pub(crate) fn into_stream(self) -> TcpStream {
        self.stream
    }
}

/// Lets every other task of this runtime do what it can, until `done`.
pub(crate) async fn until(mut done: impl FnMut() -> bool) {
    soon(poll_fn(|cx| {
        if done() {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }))
    .await;
}
