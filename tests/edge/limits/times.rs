//! Each of the timeouts, alone: every other is an hour.

use std::future::Future;

use bytes::Bytes;
use http::Request;
use http_body::Frame;
use http_body_util::BodyExt;
use hyper::Response;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::before;
use super::frames::{Client, END_HEADERS, HEADERS, RST_STREAM, WINDOW_UPDATE, fields, frame, get as get_h2};
use crate::binary_kit::{Answer, Gateway, Scene, config, get};
use crate::binary_service::WS_KEY;
use crate::proxy_kit::{Nobody, Raw, TestBody, Upstream, feed, full, post, raw_upstream, soon, upstream};

const SHORT: &str = "250ms";

async fn echo() -> Upstream {
    upstream(|request| async {
        let body = request.into_body().collect().await;
        Response::new(full(body.map(|body| body.to_bytes()).unwrap_or_default()))
    })
    .await
}

fn only(timeout: &str) -> Value {
    json!({ "timeouts": { timeout: SHORT } })
}

/// A client of HTTP/2 that keeps the rules, and the end of its connection.
async fn h2_client(
    gateway: &Gateway,
) -> (hyper::client::conn::http2::SendRequest<TestBody>, impl Future<Output = hyper::Result<()>>) {
    let io = TokioIo::new(TcpStream::connect(gateway.address).await.unwrap());
    let (client, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    let ended = tokio::spawn(connection);
    (client, async { ended.await.unwrap() })
}

#[tokio::test]
async fn who_says_nothing_is_let_go() {
    let upstream = echo().await;
    let (_scene, gateway) = before(upstream.address, only("first_byte")).await;
    assert_eq!(Raw::connect(gateway.address).await.read_all().await, "");
    // Half of HTTP/2's preface is as good as nothing.
    let mut client = Raw::connect(gateway.address).await;
    client.write("PRI * HTTP/2.0\r\n").await;
    assert_eq!(client.read_all().await, "");
}

#[tokio::test]
async fn a_head_ends_in_time_however_slowly_it_comes() {
    let upstream = echo().await;
    let (_scene, gateway) = before(upstream.address, only("head")).await;
    let mut client = Raw::connect(gateway.address).await;
    client.write("GET / HTTP/1.1\r\nhost: shop.example\r\n").await;
    assert_eq!(client.read_all().await, "");

    // The second head of a connection, and one that is always about to go on.
    let mut client = Raw::connect(gateway.address).await;
    client.write("GET / HTTP/1.1\r\nhost: shop.example\r\n\r\n").await;
    client.read_to("\r\n\r\n").await;
    let (mut read, mut write) = client.into_stream().into_split();
    let drip = async {
        while tokio::io::AsyncWriteExt::write_all(&mut write, b"G").await.is_ok() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let mut rest = Vec::new();
    let end = tokio::io::AsyncReadExt::read_to_end(&mut read, &mut rest);
    soon(async {
        tokio::select! { _ = end => {}, () = drip => {} }
    })
    .await;
}

#[tokio::test]
async fn a_block_of_http_2_headers_ends_in_time_whatever_else_goes_on() {
    let scene = Scene::new();
    let mut config = config([("web", scene.service("web", &[], json!({})))]);
    config["timeouts"] = json!({ "head": SHORT });
    let gateway = scene.start(&config).await;
    gateway.get("/").await.is_from("web");
    let mut client = Client::connect(gateway.address, &[]).await;
    // A request that is being answered, then a block that does not go on.
    client.send(&get_h2(1, "/stream/later")).await;
    client.until(HEADERS, 1).await;
    client.send(&frame(HEADERS, 0, 3, &fields("GET", "/"))).await;
    client.farewell().await;
    // So is a frame of which the rest does not come.
    let mut client = Client::connect(gateway.address, &[]).await;
    client.send(&get_h2(1, "/stream/later")).await;
    client.until(HEADERS, 1).await;
    let block = frame(HEADERS, END_HEADERS, 3, &fields("GET", "/"));
    client.send(&block[..block.len() - 1]).await;
    client.farewell().await;
}

#[tokio::test]
async fn a_body_goes_on_in_time() {
    let upstream = echo().await;
    let (_scene, gateway) = before(upstream.address, only("body")).await;
    let mut client = Raw::connect(gateway.address).await;
    client.write("POST / HTTP/1.1\r\nhost: shop.example\r\ncontent-length: 10\r\n\r\nabc").await;
    let answer = client.read_all().await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("\"request_timeout\""), "{answer}");

    let (mut client, _end) = h2_client(&gateway).await;
    let (sender, body) = feed();
    sender.send(Ok(Frame::data(Bytes::from_static(b"abc")))).unwrap();
    let answer = soon(client.send_request(post("http://shop.example/", body))).await.unwrap();
    Answer::of(answer).await.is_problem(408, "request_timeout");
    // The connection goes on.
    let answer = soon(client.send_request(post("http://shop.example/", full("whole")))).await.unwrap();
    assert_eq!(Answer::of(answer).await.body, "whole");
}

/// An upstream whose answer has no end, and that tells when nobody wants more of it.
async fn endless() -> (Upstream, mpsc::UnboundedReceiver<()>) {
    let (ended, ends) = mpsc::unbounded_channel();
    let upstream = raw_upstream(move |mut stream, _| {
        let ended = ended.clone();
        async move {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let mut head = [0; 4096];
            while let Ok(1..) = stream.read(&mut head).await {
                if head.starts_with(b"GET /short") {
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
                    continue;
                }
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000000000\r\n\r\n").await.unwrap();
                while stream.write_all(&[b'x'; 65_536]).await.is_ok() {}
                ended.send(()).unwrap();
                return;
            }
        }
    })
    .await;
    (upstream, ends)
}

#[tokio::test]
async fn who_takes_nothing_of_an_answer_is_let_go() {
    let (upstream, mut ends) = endless().await;
    let (_scene, gateway) = before(upstream.address, only("write")).await;
    let mut client = Raw::connect(gateway.address).await;
    client.write("GET / HTTP/1.1\r\nhost: shop.example\r\n\r\n").await;
    client.read_to("\r\n\r\n").await;
    soon(ends.recv()).await.unwrap();

    // Over HTTP/2 it is one request that is let go, and not the connection.
    let mut client = Client::connect(gateway.address, &[]).await;
    client.send(&get_h2(1, "/")).await;
    soon(ends.recv()).await.unwrap();
    client.until(RST_STREAM, 1).await;
    // What it has not taken of the first is still in the way.
    client.send(&frame(WINDOW_UPDATE, 0, 0, &1_000_000_u32.to_be_bytes())).await;
    client.send(&get_h2(3, "/short")).await;
    client.until(HEADERS, 3).await;
}

#[tokio::test]
async fn a_connection_without_requests_ends() {
    let upstream = echo().await;
    let (_scene, gateway) = before(upstream.address, only("idle")).await;
    let mut client = Raw::connect(gateway.address).await;
    client.write("GET / HTTP/1.1\r\nhost: shop.example\r\n\r\n").await;
    assert!(client.read_all().await.starts_with("HTTP/1.1 200 "));

    let (mut client, end) = h2_client(&gateway).await;
    let answer = soon(client.send_request(get_from("/"))).await.unwrap();
    assert_eq!(answer.status(), 200);
    Answer::of(answer).await;
    // In good order, so that no request is lost: with a GOAWAY.
    soon(end).await.unwrap();
    let mut client = Client::connect(gateway.address, &[]).await;
    client.send(&get_h2(1, "/")).await;
    assert_eq!(client.until(7, 0).await.error(), 0);
}

fn get_from(path: &str) -> Request<TestBody> {
    Request::get(format!("http://shop.example{path}")).body(full("")).unwrap()
}

#[tokio::test]
async fn who_waits_for_us_is_not_hurried() {
    let scene = Scene::new();
    let mut config = config([("web", scene.service("web", &[("BOOT", "may-boot")], json!({})))]);
    let shorts = ["first_byte", "head", "body", "write", "idle"].map(|name| (name.to_owned(), json!(SHORT)));
    config["timeouts"] = serde_json::Map::from_iter(shorts).into();
    let gateway = scene.start(&config).await;
    let held = gateway.asking(get("/"));
    let upload = gateway.asking(post("/upload", full("a body")));
    let (mut client, _end) = h2_client(&gateway).await;
    let held_h2 =
        tokio::spawn(async move { Answer::of(client.send_request(get_from("/")).await.unwrap()).await });
    gateway.held("web", 3).await;
    // Twice as long as anybody may be idle.
    for _ in 0..2 {
        assert_eq!(Raw::connect(gateway.address).await.read_all().await, "");
    }
    scene.allow("may-boot");
    soon(held).await.unwrap().is_from("web");
    soon(held_h2).await.unwrap().is_from("web");
    assert!(soon(upload).await.unwrap().body.starts_with("6 bytes"));

    // Nor is a tunnel.
    let mut tunnel = Raw::connect(gateway.address).await;
    tunnel
        .write(&format!(
            "GET /websocket HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: {WS_KEY}\r\n\r\n"
        ))
        .await;
    assert!(tunnel.read_to("\r\n\r\n").await.starts_with("HTTP/1.1 101 "));
    for _ in 0..2 {
        assert_eq!(Raw::connect(gateway.address).await.read_all().await, "");
    }
    tunnel.write("still there").await;
    assert_eq!(tunnel.read_to("there").await, "still there");
}

#[tokio::test]
async fn an_answer_begins_in_time_counted_from_the_last_of_the_request() {
    let (waiting, mut waits) = mpsc::unbounded_channel::<()>();
    let upstream = upstream(move |request| {
        let waiting = waiting.clone();
        async move {
            if request.uri().path() == "/never" {
                waiting.send(()).unwrap();
                std::future::pending::<()>().await;
            }
            let body = request.into_body().collect().await.unwrap().to_bytes();
            Response::new(full(body))
        }
    })
    .await;
    let settings = json!({ "defaults": { "answer_timeout": SHORT } });
    let (_scene, gateway) = before(upstream.address, settings).await;
    gateway.get("/never").await.is_problem(504, "answer_timeout");
    waits.recv().await.unwrap();
    // A gRPC stream may take its time; this one is over when its client leaves.
    let grpc = Request::post("/never").header("host", "a").header("content-type", "application/grpc");
    let asking = gateway.asking(grpc.body(full("")).unwrap());
    soon(waits.recv()).await.unwrap();
    gateway.get("/never").await.is_problem(504, "answer_timeout");
    assert!(!asking.is_finished());
    asking.abort();
    // A body that takes longer than that in all, but goes on.
    let (sender, body) = feed();
    let asking = gateway.asking(post("/echo", body));
    for _ in 0..3 {
        sender.send(Ok(Frame::data(Bytes::from_static(b"abc")))).unwrap();
        // Two thirds of what it may take, by something that takes as long.
        tokio::time::sleep(std::time::Duration::from_millis(160)).await;
    }
    drop(sender);
    assert_eq!(soon(asking).await.unwrap().body, "abcabcabc");
}

#[tokio::test]
async fn a_target_that_takes_no_connection_is_passed_over_in_time() {
    // Its queue of connections is full, so that the next gets no answer at all.
    let nobody = Nobody::new();
    let address = nobody.address;
    let _listener = nobody.listen();
    let mut filling = Vec::new();
    while let Ok(Ok(stream)) =
        tokio::time::timeout(std::time::Duration::from_millis(300), TcpStream::connect(address)).await
    {
        filling.push(stream);
    }
    let settings = json!({ "timeouts": { "connect": "100ms" }, "defaults": { "hold_timeout": "500ms" } });
    let (_scene, gateway) = before(address, settings).await;
    gateway.get("/").await.is_problem(503, "hold_timeout");
}
