//! HTTP/1 connections as their clients find them, in time that is stopped.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::*;
use crate::gateway::crowd::Crowd;
use crate::gateway::stop::{Leaving, Stops};
use crate::layer::Parking;
use crate::net::{BoxFuture, PeerWatch};

struct Pipe(DuplexStream);

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl Accepted for Pipe {
    fn peer(&self) -> Arc<dyn PeerWatch> {
        Arc::new(Stays)
    }
}

#[derive(Debug)]
struct Stays;

impl PeerWatch for Stays {
    fn gone(self: Arc<Self>) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

/// Answers with the body, and with whether the request is the first that its reader has seen.
async fn echo(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let is_first = request.extensions().get::<Parking>().is_some();
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let text = format!("{} {}", if is_first { "first" } else { "later" }, String::from_utf8_lossy(&body));
    Ok(Response::new(Full::new(text.into())))
}

const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 5000);

fn presence() -> Presence {
    let place = Crowd::new(&Bounds::default()).enter().unwrap();
    let (open, _) = mpsc::channel(1);
    Presence { place, _open: open }
}

struct Client {
    io: DuplexStream,
    stops: Stops,
}

impl Client {
    fn new() -> Self {
        let (io, ours) = duplex(64 * 1024);
        let stops = Stops::new(Leaving::default(), Duration::from_secs(4));
        let newcomer = Newcomer { io: Box::new(Pipe(ours)), address: ADDRESS, presence: presence() };
        tokio::spawn(Visit::new(newcomer, None, Arc::default(), tower::service_fn(echo), stops.enter()));
        Self { io, stops }
    }

    async fn write(&mut self, text: &str) {
        self.io.write_all(text.as_bytes()).await.unwrap();
    }

    /// The body of the next answer.
    async fn answer(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.io.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        let length = head.split("content-length: ").nth(1).unwrap().split('\r').next().unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        self.io.read_exact(&mut body).await.unwrap();
        String::from_utf8(body).unwrap()
    }

    async fn ends(&mut self) -> Duration {
        let began = tokio::time::Instant::now();
        assert_eq!(self.io.read(&mut [0; 1]).await.unwrap(), 0);
        began.elapsed()
    }
}

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
const POST: &str = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi";

#[tokio::test(start_paused = true)]
async fn a_quiet_connection_is_read_anew() {
    let mut client = Client::new();
    for _ in 0..3 {
        client.write(GET).await;
        assert_eq!(client.answer().await, "first ");
        sleep(Duration::from_millis(900)).await;
        client.write(GET).await;
        assert_eq!(client.answer().await, "later ");
        sleep(Duration::from_secs(5)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_may_have_more_to_say_is_not() {
    let mut client = Client::new();
    client.write(POST).await;
    assert_eq!(client.answer().await, "first hi");
    sleep(Duration::from_secs(5)).await;
    // A body: who knows what the client still sends of it.
    client.write(GET).await;
    assert_eq!(client.answer().await, "later ");
    let (some, more) = GET.split_at(9);
    client.write(some).await;
    sleep(Duration::from_secs(5)).await;
    client.write(more).await;
    assert_eq!(client.answer().await, "later ");
    // Here as well, between two readers.
    sleep(Duration::from_secs(5)).await;
    client.write(some).await;
    sleep(Duration::from_secs(5)).await;
    client.write(more).await;
    assert_eq!(client.answer().await, "first ");
}

#[tokio::test(start_paused = true)]
async fn what_comes_behind_a_request_is_answered_in_its_turn() {
    let mut client = Client::new();
    let (some, more) = GET.split_at(9);
    client.write(&format!("{GET}{POST}{some}")).await;
    assert_eq!(client.answer().await, "first ");
    assert_eq!(client.answer().await, "later hi");
    sleep(Duration::from_secs(5)).await;
    client.write(more).await;
    assert_eq!(client.answer().await, "later ");
    client.write(&format!("{GET}{some}")).await;
    assert_eq!(client.answer().await, "later ");
    sleep(Duration::from_secs(5)).await;
    client.write(more).await;
    client.answer().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_asks_for_the_end_gets_it() {
    let mut client = Client::new();
    client.write(GET).await;
    client.answer().await;
    client.write("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    assert_eq!(client.answer().await, "later ");
    assert_eq!(client.ends().await, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_connection_ends_in_its_time() {
    let mut client = Client::new();
    client.write(GET).await;
    client.answer().await;
    let took = client.ends().await;
    assert_eq!(took.as_secs(), Timeouts::default().idle.as_secs());
}

#[tokio::test(start_paused = true)]
async fn one_that_says_nothing_ends_in_its_time() {
    let (mut io, ours) = duplex(64);
    let stop = Stops::new(Leaving::default(), Duration::ZERO).enter();
    let gone = PeerGone::of(&Pipe(duplex(1).0));
    // As it is after a TLS handshake.
    let peer = Peer::new(ADDRESS, Scheme::Https);
    let guest = Guest::new(tower::service_fn(echo), peer, gone, Arc::default(), presence(), stop);
    let served = guest.by_http1(ours, Bytes::new());
    let began = tokio::time::Instant::now();
    let mut said = Vec::new();
    let (_, read) = tokio::join!(served, io.read_to_end(&mut said));
    assert_eq!(read.unwrap(), 0);
    assert_eq!(began.elapsed().as_secs(), Timeouts::default().first_byte.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_its_time_gets_all_of_an_answer() {
    let mut client = Client::new();
    let body = "x".repeat(120_000);
    client
        .write(&format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}", body.len()))
        .await;
    let (idle, write) = (Timeouts::default().idle, Timeouts::default().write);
    assert!(write * 9 / 10 * 4 > idle, "long enough");
    let mut all = Vec::new();
    for _ in 0..4 {
        sleep(write * 9 / 10).await;
        let mut some = [0; 1000];
        client.io.read_exact(&mut some).await.unwrap();
        all.extend(some);
    }
    let began = tokio::time::Instant::now();
    client.io.read_to_end(&mut all).await.unwrap();
    assert!(all.ends_with(body.as_bytes()), "{}", all.len());
    assert_eq!(began.elapsed().as_secs(), idle.as_secs(), "it is idle only now");
}

#[tokio::test(start_paused = true)]
async fn a_quiet_connection_ends_when_it_is_asked_to() {
    for pause in [Duration::ZERO, Duration::from_secs(5)] {
        let mut client = Client::new();
        client.write(GET).await;
        client.answer().await;
        sleep(pause).await;
        client.stops.stop_all();
        assert!(client.ends().await < Duration::from_secs(2));
    }
}

#[test]
fn a_quiet_connection_takes_little_room() {
    use crate::gateway::front::Front;

    let exchange = size_of::<http1::Exchange<Box<dyn Accepted>, Front>>();
    assert!(exchange <= 384, "{exchange}");
}
