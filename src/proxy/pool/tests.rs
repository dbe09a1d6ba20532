//! The pool's times, over connections in memory, so that the clock can be stopped.

use std::convert::Infallible;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::{BodyExt, Empty, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::Notify;
use tokio::time::{Instant, advance};

use super::*;
use crate::net::{ANY_LOOPBACK, BoxFuture};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Connects to a server in memory, or never.
#[derive(Debug)]
struct MemoryNet {
    connections: Arc<AtomicUsize>,
    answers: bool,
    /// Tells the server to close what is idle.
    closing: Arc<Notify>,
}

impl Net for MemoryNet {
    fn connect<'a>(&'a self, _to: &'a Address) -> BoxFuture<'a, io::Result<Box<dyn Io>>> {
        if !self.answers {
            return Box::pin(std::future::pending());
        }
        self.connections.fetch_add(1, Ordering::SeqCst);
        let (ours, theirs) = tokio::io::duplex(4096);
        let service = service_fn(async |_| Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())));
        let served =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(theirs), service);
        let closing = self.closing.clone();
        tokio::spawn(async move {
            let mut served = std::pin::pin!(served);
            tokio::select! {
                ended = &mut served => ended,
                () = closing.notified() => {
                    served.as_mut().graceful_shutdown();
                    served.await
                }
            }
        });
        Box::pin(async { Ok(Box::new(ours) as Box<dyn Io>) })
    }
}

/// Has one connection to give.
#[derive(Debug)]
struct OneConnection(Mutex<Option<DuplexStream>>);

impl Net for OneConnection {
    fn connect<'a>(&'a self, _to: &'a Address) -> BoxFuture<'a, io::Result<Box<dyn Io>>> {
        let one = self.0.lock().unwrap().take();
        Box::pin(async { Ok(Box::new(one.unwrap()) as Box<dyn Io>) })
    }
}

fn pool(answers: bool) -> (Pool, Arc<AtomicUsize>) {
    pool_that_closes(answers, Arc::default())
}

fn pool_that_closes(answers: bool, closing: Arc<Notify>) -> (Pool, Arc<AtomicUsize>) {
    let connections = Arc::new(AtomicUsize::new(0));
    let net = MemoryNet { connections: connections.clone(), answers, closing };
    (Pool::new(Arc::new(net), ANY_LOOPBACK.into(), CONNECT_TIMEOUT), connections)
}

async fn exchange(pool: &Pool) {
    let mut request = Request::get("/").header("host", "a").body(SendBody::Empty).unwrap();
    let Ok(reply) = pool.send(&mut request, Protocol::Http1, Wish::default()).await else {
        panic!("not answered")
    };
    reply.response.into_body().collect().await.unwrap();
    reply.lease.release();
    // The connection may settle in a task of its own.
    while pool.h1.count() == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_used_again_while_it_is_young() {
    let (pool, connections) = pool(true);
    for _ in 0..5 {
        exchange(&pool).await;
        advance(h1::IDLE_LIMIT * 3 / 4).await;
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    advance(h1::IDLE_LIMIT).await;
    exchange(&pool).await;
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_the_target_has_closed_costs_no_request() {
    let closing = Arc::new(Notify::new());
    let (pool, connections) = pool_that_closes(true, closing.clone());
    for round in 1..=3 {
        exchange(&pool).await;
        assert_eq!(connections.load(Ordering::SeqCst), round);
        closing.notify_waiters();
        // The server's turn.
        tokio::task::yield_now().await;
    }
}

/// Answers once the request has begun to come, and reads on later. How much of a body of `x` came in the end.
async fn answers_early(mut stream: DuplexStream) -> usize {
    let mut bytes = vec![0; 1024];
    let mut count = stream.read(&mut bytes).await.unwrap();
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut body = 0;
    while count > 0 {
        body += bytes[..count].iter().filter(|&&byte| byte == b'x').count();
        if body == BODY {
            break;
        }
        count = stream.read(&mut bytes).await.unwrap();
    }
    body
}

const BODY: usize = 64 * 1024;

/// Uploads to a target that is at the other end of this.
async fn upload(ours: DuplexStream) -> Reply {
    let net = OneConnection(Mutex::new(Some(ours)));
    let pool = Pool::new(Arc::new(net), ANY_LOOPBACK.into(), CONNECT_TIMEOUT);
    let body = Full::new(Bytes::from(vec![b'x'; BODY]));
    let body = SendBody::new(body, http::Version::HTTP_11, Duration::from_secs(1));
    let request = Request::post("/").header("host", "a").header("content-length", BODY);
    let sent = pool.send(&mut request.body(body).unwrap(), Protocol::Http1, Wish::default()).await;
    let Ok(reply) = sent else { panic!("not answered") };
    reply
}

#[tokio::test(start_paused = true)]
async fn a_target_that_answers_early_gets_all_that_was_sent_to_it() {
    for released in [true, false] {
        let (ours, theirs) = tokio::io::duplex(4096);
        let target = tokio::spawn(answers_early(theirs));
        let reply = upload(ours).await;
        if released {
            reply.lease.release();
        } else {
            drop(reply);
        }
        assert_eq!(target.await.unwrap(), BODY, "{released}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_that_takes_nothing_is_left_in_the_end() {
    for (pause, has_all) in [(link::TAIL_LIMIT / 2, true), (link::TAIL_LIMIT * 2, false)] {
        let (ours, mut theirs) = tokio::io::duplex(4096);
        let answered = tokio::spawn(upload(ours));
        theirs.read_u8().await.unwrap();
        theirs.write_all(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        answered.await.unwrap().lease.release();
        tokio::time::sleep(pause).await;
        let mut rest = Vec::new();
        theirs.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest.len() > BODY, has_all, "{} bytes after {pause:?}", rest.len());
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_idle_for_long_is_closed_without_a_request() {
    let (pool, _) = pool(true);
    exchange(&pool).await;
    assert_eq!(pool.h1.count(), 1);
    tokio::time::sleep(h1::IDLE_LIMIT * 3).await;
    assert_eq!(pool.h1.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn nothing_keeps_a_pool_alive() {
    let (pool, _) = pool(true);
    exchange(&pool).await;
    let idle = Arc::downgrade(&pool.h1);
    drop(pool);
    assert!(idle.upgrade().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_connect_takes_no_longer_than_it_may() {
    let (pool, _) = pool(false);
    for protocol in [Protocol::Http1, Protocol::H2] {
        let begun = Instant::now();
        let mut request = Request::get("http://a/").body(SendBody::Empty).unwrap();
        match pool.send(&mut request, protocol, Wish::default()).await {
            Err(Failure::Connect(error)) => assert_eq!(error.kind(), io::ErrorKind::TimedOut),
            _ => panic!("not the failure to connect"),
        }
        assert_eq!(begun.elapsed().as_secs(), CONNECT_TIMEOUT.as_secs());
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_connection_that_cannot_be_made_does_not_try_in_turn() {
    let pool = Arc::new(pool(false).0);
    let began = Instant::now();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let pool = pool.clone();
        calls.spawn(async move {
            let mut request = Request::get("http://a/").body(SendBody::Empty).unwrap();
            pool.send(&mut request, Protocol::H2, Wish::default()).await.is_err()
        });
    }
    assert!(calls.join_all().await.into_iter().all(|failed| failed));
    assert!(began.elapsed() < CONNECT_TIMEOUT * 3, "{:?}", began.elapsed());
}
