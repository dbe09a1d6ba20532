//! What a request gets while its service wakes: every row of the table, seen from outside.

use std::io::ErrorKind;

use http::Request;
use http_body_util::BodyExt;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::binary_kit::{Answer, Gateway, Scene, config, get, merge, navigation};
use crate::binary_service::{BOOT, weighed};
use crate::proxy_kit::{Raw, full, h1_client, h2_client, post, soon};

/// A gateway in front of `web`, which boots once it is allowed to.
async fn sleeping(scene: &Scene, limits: serde_json::Value) -> Gateway {
    let mut config = config([("web", scene.service("web", &[(BOOT, "web")], json!({})))]);
    merge(&mut config["services"]["web"], limits);
    scene.start(&config).await
}

#[tokio::test]
async fn a_browser_gets_the_page_and_for_head_its_head_alone() {
    let scene = Scene::new();
    let gateway = sleeping(&scene, json!({ "page_after": "20ms" })).await;
    let mut head = navigation("/");
    *head.method_mut() = http::Method::HEAD;
    let answer = gateway.ask(head).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (503, ""));
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(answer.headers.contains_key("retry-after"), "{answer:?}");

    // A part of a page is not a page: it is held like anything else.
    let mut image = navigation("/logo.png");
    image.headers_mut().insert("sec-fetch-dest", "image".parse().unwrap());
    let image = gateway.asking(image);
    gateway.held("web", 1).await;
    scene.allow("web");
    soon(image).await.unwrap().is_from("web");
}

#[tokio::test]
async fn anything_else_is_held_until_the_hold_timeout() {
    let scene = Scene::new();
    let gateway = sleeping(&scene, json!({ "hold_timeout": "100ms" })).await;
    for request in [get("/"), post("/form", full("a=b"))] {
        let answer = gateway.ask(request).await;
        answer.is_problem(503, "hold_timeout");
        assert!(answer.header("retry-after").parse::<u32>().unwrap() >= 1);
    }
    gateway.held("web", 0).await;
    // Nobody waits any more, but the wake goes on.
    scene.allow("web");
    gateway.phase("web", "awake").await;
    gateway.get("/").await.is_from("web");
}

#[tokio::test]
async fn a_grpc_call_past_the_limit_is_answered_in_its_own_words() {
    let scene = Scene::new();
    let gateway = sleeping(&scene, json!({})).await;
    let mut client = h2_client(gateway.address).await;
    let call = Request::post("http://shop.example/shop.Cart/Add")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("grpc-timeout", "100m")
        .body(full("\0\0\0\0\0"));
    let response = soon(client.send_request(call.unwrap())).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/grpc");
    assert_eq!(response.headers()["grpc-status"], "14");
    assert!(!response.headers()["grpc-message"].is_empty());
    let rest = soon(response.into_body().collect()).await.unwrap();
    assert!(rest.trailers().is_none(), "all of it was in the head");
    assert!(rest.to_bytes().is_empty());
}

#[tokio::test]
async fn no_body_is_asked_for_before_the_service_is_awake() {
    let scene = Scene::new();
    let gateway = sleeping(&scene, json!({})).await;
    let mut client = TcpStream::connect(gateway.address).await.unwrap();
    let head = "POST /upload HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\
                connection: close\r\n\r\n";
    client.write_all(head.as_bytes()).await.unwrap();
    gateway.held("web", 1).await;
    gateway.phase("web", "waking").await;
    let silence = client.try_read(&mut [0; 64]).unwrap_err();
    assert_eq!(silence.kind(), ErrorKind::WouldBlock, "nothing is said while it waits");

    scene.allow("web");
    let mut client = Raw::new(client);
    assert_eq!(client.read_to("\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
    client.write("12345").await;
    let answer = client.read_all().await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with(&weighed(b"12345")), "{answer}");
}

#[tokio::test]
async fn an_upload_arrives_whole_and_once() {
    let scene = Scene::new();
    let gateway = sleeping(&scene, json!({})).await;
    let bytes: Vec<u8> = (0..5_000_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let upload = gateway.asking(post("/upload", full(bytes.clone())));
    gateway.held("web", 1).await;
    scene.allow("web");
    let answer = soon(upload).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.body), (200, weighed(&bytes)));
    assert_eq!(gateway.get("/arrivals").await.body, "POST /upload\nGET /arrivals");
}

#[tokio::test]
async fn who_leaves_frees_the_place_at_once() {
    let scene = Scene::new();
    let gateway = sleeping(&scene, json!({})).await;

    let mut h1 = h1_client(gateway.address).await;
    let held = tokio::spawn(h1.send_request(get("/left")));
    gateway.held("web", 1).await;
    held.abort();
    drop(h1);
    gateway.held("web", 0).await;

    // With the beginning of a body that nobody has read; then with so much of it that the network takes no more,
    // where only a reset gets through.
    for full in [false, true] {
        let mut client = TcpStream::connect(gateway.address).await.unwrap();
        let head = b"POST /left HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999\r\n\r\n";
        client.write_all(head).await.unwrap();
        client.write_all(&[b'x'; 16 * 1024]).await.unwrap();
        gateway.held("web", 1).await;
        if full {
            while client.try_write(&[b'x'; 64 * 1024]).is_ok() {}
            client.set_zero_linger().unwrap();
        }
        drop(client);
        gateway.held("web", 0).await;
    }

    // One of two streams of a connection.
    let mut h2 = h2_client(gateway.address).await;
    let leaves = tokio::spawn(h2.send_request(Request::get("http://a/left").body(full("")).unwrap()));
    let stays = tokio::spawn(h2.send_request(Request::get("http://a/").body(full("")).unwrap()));
    gateway.held("web", 2).await;
    leaves.abort();
    gateway.held("web", 1).await;

    // The wake went on, and nothing of theirs comes after.
    scene.allow("web");
    Answer::of(soon(stays).await.unwrap().unwrap()).await.is_from("web");
    let arrivals = gateway.get("/arrivals").await.body;
    assert!(!arrivals.contains("left"), "{arrivals}");
}

#[tokio::test]
async fn no_more_are_held_than_may_be() {
    let scene = Scene::new();
    let service = |name, limits| scene.service(name, &[(BOOT, "boot")], limits);
    let mut config =
        config([("web", service("web", json!({ "max_held": 2 }))), ("other", service("other", json!({})))]);
    config["limits"] = json!({ "max_held": 3 });
    let gateway = scene.start(&config).await;

    let mut held = vec![gateway.asking(get("/")), gateway.asking(get("/"))];
    gateway.held("web", 2).await;
    let full = gateway.get("/").await;
    full.is_problem(503, "full");
    assert!(full.headers.contains_key("retry-after"), "{full:?}");
    // A browser too: a page for it would be a place more.
    gateway.ask(navigation("/")).await.is_problem(503, "full");

    held.push(gateway.asking(get("/other/")));
    gateway.held("other", 1).await;
    gateway.get("/other/").await.is_problem(503, "full");

    scene.allow("boot");
    for held in held {
        assert_eq!(soon(held).await.unwrap().status, 200);
    }
    gateway.get("/other/").await.is_from("other");
}

#[tokio::test]
async fn a_websocket_is_held_and_then_opened() {
    let scene = Scene::new();
    let gateway = sleeping(&scene, json!({})).await;
    let mut client = Raw::connect(gateway.address).await;
    client.write(&crate::binary_activity::handshake()).await;
    gateway.held("web", 1).await;
    scene.allow("web");
    let head = client.read_to("\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    client.write("over the tunnel;").await;
    client.read_to("over the tunnel;").await;
}

#[tokio::test]
async fn a_thousand_at_once_are_one_start_and_all_answered() {
    let scene = Scene::new();
    let gateway = sleeping(&scene, json!({})).await;
    let mut all = JoinSet::new();
    for _ in 0..10 {
        let client = h2_client(gateway.address).await;
        for _ in 0..100 {
            let mut client = client.clone();
            all.spawn(async move {
                let request = Request::get("http://a/").body(full("")).unwrap();
                Answer::of(soon(client.send_request(request)).await.unwrap()).await
            });
        }
    }
    gateway.held("web", 1000).await;
    scene.allow("web");
    let mut answered = 0;
    while let Some(answer) = all.join_next().await {
        answer.unwrap().is_from("web");
        answered += 1;
    }
    assert_eq!((answered, scene.starts("web")), (1000, 1));
    gateway.until("web", |status| status["held"] == 0 && status["in_flight"] == 0).await;
}

/// The page of a wake that fails ends with that, and the status of a wake that has failed is told at once.
#[tokio::test]
async fn the_page_shows_that_the_wake_failed() {
    let scene = Scene::new();
    let gateway = sleeping(&scene, json!({ "page_after": "20ms", "wake_timeout": "500ms" })).await;
    let mut page = gateway.head(navigation("/")).await;
    assert_eq!(page.status(), 503);
    let mut text = String::new();
    while !text.contains("took too long to start") {
        let frame = soon(page.body_mut().frame()).await.unwrap_or_else(|| panic!("ended: {text}"));
        text.push_str(std::str::from_utf8(&frame.unwrap().into_data().unwrap()).unwrap());
    }
    assert!(!text.contains("not ready after"), "the operator's words are not the visitor's");
}

/// A connection that is only half open: it has sent its request and shut its side. Whether anybody still listens there
/// cannot be told; it is treated as one that left, and what it may still be told is no answer of the service's.
#[tokio::test]
async fn the_answer_is_for_those_who_listen() {
    let scene = Scene::new();
    let gateway = sleeping(&scene, json!({})).await;
    let mut client = TcpStream::connect(gateway.address).await.unwrap();
    client.write_all(b"GET /left HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    gateway.held("web", 1).await;
    client.shutdown().await.unwrap();
    gateway.held("web", 0).await;
    scene.allow("web");
    gateway.phase("web", "awake").await;
    let answer = Raw::new(client).read_all().await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert_eq!(gateway.get("/arrivals").await.body, "GET /arrivals");
}
