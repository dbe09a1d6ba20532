//! The accept loop: versions on one port, panics, shutdown.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;
use tower_service::Service;
use wakegate::gateway::{Drained, ServeOptions, serve};
use wakegate::net::{ANY_LOOPBACK, BoxFuture};
use wakegate::peer::{Peer, Scheme};

use crate::proxy_kit::{Raw, TestBody, ask, full, get, h2_client, soon, text};

/// `/panic` panics, `/wait` waits to be told to go on, and anything else tells who asked.
#[derive(Clone)]
struct App(Arc<Semaphore>);

impl Service<Request<Incoming>> for App {
    type Response = Response<TestBody>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<TestBody>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let go = self.0.clone();
        Box::pin(async move {
            let peer = request.extensions().get::<Peer>().unwrap();
            assert_eq!(peer.scheme(), Scheme::Http);
            match request.uri().path() {
                "/panic" => panic!("on purpose"),
                "/wait" => go.acquire().await.unwrap().forget(),
                _ => {}
            }
            Ok(Response::new(full(format!("{:?} {}", request.version(), peer.address()))))
        })
    }
}

struct Running {
    address: SocketAddr,
    go: Arc<Semaphore>,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<Drained>,
}

async fn run(drain: Duration) -> Running {
    let listener = TcpListener::bind(ANY_LOOPBACK).await.unwrap();
    let address = listener.local_addr().unwrap();
    let go = Arc::new(Semaphore::new(0));
    let (stop, stopped) = oneshot::channel();
    let stopped = async { drop(stopped.await) };
    let ended = tokio::spawn(serve(
        listener,
        App(go.clone()),
        stopped,
        ServeOptions { drain, ..ServeOptions::default() },
    ));
    Running { address, go, stop, ended }
}

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn both_versions_are_spoken_on_one_port() {
    let running = run(LONG).await;
    assert!(text(ask(running.address, get("/")).await).await.starts_with("HTTP/1.1 127.0.0.1:"));
    let mut client = h2_client(running.address).await;
    let request = Request::get("http://a/").body(full("")).unwrap();
    let answer = text(soon(client.send_request(request)).await.unwrap()).await;
    assert!(answer.starts_with("HTTP/2.0 127.0.0.1:"), "{answer}");
}

#[tokio::test]
async fn a_first_read_of_any_length_tells_the_version() {
    let running = run(LONG).await;
    for request in [
        "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
        // Begins as HTTP/2 does, and is not.
        "PRI / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
    ] {
        let mut client = Raw::connect(running.address).await;
        for byte in request.chars() {
            client.write(&byte.to_string()).await;
            tokio::task::yield_now().await;
        }
        let answer = client.read_all().await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
    let long =
        format!("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx-long: {}\r\n\r\n", "x".repeat(5000));
    let mut client = Raw::connect(running.address).await;
    client.write(&long).await;
    assert!(client.read_all().await.starts_with("HTTP/1.1 200 OK\r\n"));
}

#[tokio::test]
async fn a_panic_ends_its_own_connection_and_no_other() {
    let running = run(LONG).await;
    let mut other = Raw::connect(running.address).await;
    let mut client = Raw::connect(running.address).await;
    client.write("GET /panic HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(client.read_all().await, "");
    other.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(other.read_to("\r\n\r\n").await.starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!(ask(running.address, get("/")).await.status(), 200);
}

#[tokio::test]
async fn a_stop_waits_for_what_is_under_way() {
    let running = run(LONG).await;
    let mut client = Raw::connect(running.address).await;
    client.write("GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut h2 = h2_client(running.address).await;
    let request = Request::get("http://a/wait").body(full("")).unwrap();
    let h2_answer = tokio::spawn(h2.send_request(request));
    // An idle connection and a silent one do not keep it up.
    let mut idle = Raw::connect(running.address).await;
    idle.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    idle.read_to("\r\n\r\n").await;
    let silent = TcpStream::connect(running.address).await.unwrap();
    while Arc::strong_count(&running.go) < 5 {
        tokio::task::yield_now().await;
    }
    running.stop.send(()).unwrap();
    idle.read_all().await;
    assert!(!running.ended.is_finished());
    running.go.add_permits(2);
    let answer = client.read_all().await;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("connection: close\r\n"),
        "{answer}"
    );
    assert_eq!(soon(h2_answer).await.unwrap().unwrap().status(), 200);
    assert_eq!(soon(running.ended).await.unwrap(), Drained::Whole);
    assert!(TcpStream::connect(running.address).await.is_err(), "nobody listens any more");
    drop(silent);
}

#[tokio::test]
async fn a_stop_does_not_wait_for_ever() {
    let running = run(Duration::from_millis(50)).await;
    let mut client = Raw::connect(running.address).await;
    client.write("GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await;
    while Arc::strong_count(&running.go) < 3 {
        tokio::task::yield_now().await;
    }
    running.stop.send(()).unwrap();
    assert_eq!(soon(running.ended).await.unwrap(), Drained::Cut);
}

/// Runs in a process of its own, with few file descriptors; see the test below.
#[tokio::test]
#[ignore = "run by another test, in a process of its own"]
async fn serves_with_few_descriptors() {
    let running = run(LONG).await;
    println!("\nlistening on {}", running.address);
    drop(running.ended.await);
}

/// The accept loop meets EMFILE, waits, and goes on as connections end.
#[cfg(unix)]
#[tokio::test]
async fn running_out_of_descriptors_is_survived() {
    use tokio::io::{AsyncBufReadExt, BufReader};

    let mut child = tokio::process::Command::new("sh")
        .args(["-c", "ulimit -n 40 && exec \"$0\" --exact gateway_serve::serves_with_few_descriptors --ignored --nocapture"])
        .arg(std::env::current_exe().unwrap())
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let address: SocketAddr = loop {
        let line = soon(lines.next_line()).await.unwrap().expect("the child ended");
        if let Some(address) = line.strip_prefix("listening on ") {
            break address.parse().unwrap();
        }
    };
    // More than it can accept; the rest waits in the backlog.
    let mut clients = Vec::new();
    for _ in 0..80 {
        let mut client = Raw::connect(address).await;
        client.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
        clients.push(client);
    }
    // Each is answered in its turn, and makes room for a later one by leaving.
    for mut client in clients {
        assert!(client.read_to("\r\n\r\n").await.starts_with("HTTP/1.1 200 OK\r\n"));
    }
    assert_eq!(ask(address, get("/")).await.status(), 200);
    soon(child.kill()).await.unwrap();
}
