//! How a gateway goes down: what it says first, whom it lets finish, and when it is over.

use std::time::{Duration, Instant};

use http::Request;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::binary_kit::{Answer, Gateway, Scene, config, get, merge};
use crate::binary_service::{BOOT, WS_KEY};
use crate::proxy_kit::{Raw, TestBody, full, h1_client, soon};

const CLOSED: &str = "no new connections";
const LEAVES: &str = "no longer ready";

/// A gateway before one service, `web`.
async fn start(scene: &Scene, env: &[(&str, &str)], shutdown: Value) -> Gateway {
    let mut config = config([("web", scene.service("web", env, json!({})))]);
    merge(&mut config, json!({ "shutdown": shutdown }));
    scene.start(&config).await
}

async fn ends_well(gateway: &mut Gateway) {
    assert_eq!(gateway.ended().await.code(), Some(0), "{:#?}", gateway.log().all());
}

/// Tells when the log has it, by this clock.
async fn told_at(gateway: &Gateway, text: &str) -> Instant {
    gateway.logs(text).await;
    now()
}

#[expect(clippy::disallowed_methods, reason = "how long a real process takes")]
fn now() -> Instant {
    Instant::now()
}

fn over_h2(path: &str) -> Request<TestBody> {
    Request::get(format!("http://shop.example{path}")).body(full("")).unwrap()
}

#[tokio::test]
async fn it_says_that_it_leaves_before_it_takes_nobody_any_more() {
    let scene = Scene::new();
    let shutdown = json!({ "drain_delay": "1s", "drain_timeout": "10s" });
    let mut gateway = start(&scene, &[], shutdown).await;
    gateway.get("/").await.is_from("web");
    assert_eq!(gateway.manage("GET", "/readyz", "").await.status, 200);
    let mut kept = h1_client(gateway.address).await;
    let answer = Answer::of(soon(kept.send_request(get("/kept"))).await.unwrap()).await;
    assert_eq!(answer.header("connection"), "");

    gateway.signal(Signal::TERM);
    gateway.logs(LEAVES).await;
    soon(async { while gateway.manage("GET", "/readyz", "").await.status != 503 {} }).await;
    assert_eq!(gateway.count(CLOSED), 0, "not ready comes first");
    let answer = gateway.get("/").await;
    answer.is_from("web");
    assert_eq!(answer.header("connection"), "close");
    let answer = Answer::of(soon(kept.send_request(get("/kept"))).await.unwrap()).await;
    answer.is_from("web");
    assert_eq!(answer.header("connection"), "close");
    soon(async { while kept.ready().await.is_ok() {} }).await;
    assert_eq!(gateway.count(CLOSED), 0, "all of that was before the listeners closed");
    ends_well(&mut gateway).await;
    assert!(TcpStream::connect(gateway.address).await.is_err());
}

#[tokio::test]
async fn somebody_at_a_keyboard_does_not_wait_and_a_second_signal_cuts() {
    let scene = Scene::new();
    let shutdown = json!({ "drain_delay": "1h", "drain_timeout": "1h" });
    let mut gateway = start(&scene, &[], shutdown.clone()).await;
    gateway.get("/").await.is_from("web");
    gateway.signal(Signal::INT);
    ends_well(&mut gateway).await;

    for second in [Signal::INT, Signal::TERM] {
        let mut gateway = start(&scene, &[], shutdown.clone()).await;
        let slow = gateway.head(get("/stream/never")).await;
        gateway.signal(Signal::TERM);
        gateway.logs(LEAVES).await;
        gateway.signal(second);
        ends_well(&mut gateway).await;
        drop(slow);
    }
}

#[tokio::test]
async fn who_is_held_is_served_if_the_service_wakes_in_time() {
    let scene = Scene::new();
    let shutdown = json!({ "drain_delay": "200ms", "drain_timeout": "30s" });
    let mut gateway = start(&scene, &[(BOOT, "boot")], shutdown).await;
    let before = gateway.asking(get("/"));
    gateway.held("web", 1).await;
    gateway.signal(Signal::TERM);
    gateway.logs(LEAVES).await;
    let during = gateway.asking(get("/"));
    gateway.logs(CLOSED).await;
    gateway.still_runs();
    scene.allow("boot");
    soon(before).await.unwrap().is_from("web");
    soon(during).await.unwrap().is_from("web");
    ends_well(&mut gateway).await;
}

#[tokio::test]
async fn who_is_held_for_too_long_is_told_when_to_come_back() {
    let scene = Scene::new();
    let shutdown = json!({ "drain_delay": "200ms", "drain_timeout": "1s" });
    let mut gateway = start(&scene, &[(BOOT, "never")], shutdown).await;
    let held = gateway.asking(get("/"));
    gateway.held("web", 1).await;
    gateway.signal(Signal::TERM);
    let answer = soon(held).await.unwrap();
    answer.is_problem(503, "going_down");
    assert!(answer.header("retry-after").parse::<u32>().unwrap() >= 1, "{answer:?}");
    assert_eq!(answer.header("connection"), "close");
    ends_well(&mut gateway).await;
}

#[tokio::test]
async fn streams_of_http2_finish_after_goaway() {
    let scene = Scene::new();
    let shutdown = json!({ "drain_delay": "200ms", "drain_timeout": "30s" });
    let mut gateway = start(&scene, &[], shutdown).await;
    gateway.get("/").await.is_from("web");
    let stream = TcpStream::connect(gateway.address).await.unwrap();
    let (mut client, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let slow = tokio::spawn(client.send_request(over_h2("/wait/slow")));
    gateway.until("web", |status| status["in_flight"] == 1).await;
    gateway.signal(Signal::TERM);
    gateway.logs(LEAVES).await;
    let answer = Answer::of(soon(client.send_request(over_h2("/"))).await.unwrap()).await;
    answer.is_from("web");
    // GOAWAY: no stream may be opened any more. Each that was is answered.
    let asking = async {
        while let Ok(response) = client.send_request(over_h2("/")).await {
            Answer::of(response).await.is_from("web");
        }
    };
    soon(asking).await;
    gateway.logs(CLOSED).await;
    gateway.still_runs();
    scene.allow("slow");
    let answer = Answer::of(soon(slow).await.unwrap().unwrap()).await;
    assert_eq!((answer.status.as_u16(), &*answer.body), (200, "waited"));
    soon(connection).await.unwrap().unwrap();
    ends_well(&mut gateway).await;
}

#[tokio::test]
async fn a_websocket_goes_on_until_the_time_is_up() {
    let scene = Scene::new();
    let handshake = format!(
        "GET /websocket HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: {WS_KEY}\r\n\r\n"
    );
    for timeout in ["1500ms", "1h"] {
        let shutdown = json!({ "drain_delay": "200ms", "drain_timeout": timeout });
        let mut gateway = start(&scene, &[], shutdown).await;
        let mut opened = Raw::connect(gateway.address).await;
        opened.write(&handshake).await;
        assert!(opened.read_to("\r\n\r\n").await.starts_with("HTTP/1.1 101 "));
        let mut socket = opened.into_stream();
        gateway.signal(Signal::TERM);
        let closed = told_at(&gateway, CLOSED).await;
        let mut echo = async |said: &[u8]| {
            socket.write_all(said).await?;
            let mut back = vec![0; said.len()];
            socket.read_exact(&mut back).await.map(|_| assert_eq!(back, said))
        };
        soon(echo(b"after the end")).await.unwrap();
        if timeout == "1h" {
            // The client's own end is the end.
            drop(socket);
        } else {
            soon(async { while echo(b"still").await.is_ok() {} }).await;
            let lasted = closed.elapsed();
            assert!(lasted >= Duration::from_millis(1_300), "{lasted:?}");
        }
        ends_well(&mut gateway).await;
    }
}

/// Every client connects anew for each request, as fast as it can, until nobody listens. Whoever was connected is
/// answered: the system had taken the connection, and the request may have been on its way.
#[tokio::test]
async fn nobody_who_is_connected_is_forgotten_when_the_listeners_close() {
    let mut connected = 0;
    for round in 0..3 {
        let config = json!({
            "listeners": [{ "address": "127.0.0.1:0" }],
            "admin": { "address": "127.0.0.1:0" },
            "shutdown": { "drain_delay": "0s", "drain_timeout": "10s" },
            "services": {},
            "routes": [{ "respond": { "status": 200, "body": "here" } }],
        });
        let mut gateway = Scene::new().start(&config).await;
        let to = gateway.address;
        let client = move || async move {
            let mut answered = 0;
            while let Ok(mut stream) = TcpStream::connect(to).await {
                stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
                let mut answer = String::new();
                soon(stream.read_to_string(&mut answer)).await.unwrap();
                assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "round {round}: {answer:?}");
                answered += 1;
            }
            answered
        };
        let clients: Vec<_> = (0..32).map(|_| tokio::spawn(client())).collect();
        while Answer::of(crate::proxy_kit::ask(to, get("/")).await).await.status != 200 {}
        gateway.signal(if round == 0 { Signal::INT } else { Signal::TERM });
        for client in clients {
            connected += soon(client).await.unwrap();
        }
        ends_well(&mut gateway).await;
    }
    assert!(connected >= 96, "{connected}");
}
