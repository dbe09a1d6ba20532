//! How many connections and requests there may be, and how large.

use http::Request;
use hyper::Response;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::net::TcpStream;

use super::before;
use super::frames::{Client, SETTINGS};
use crate::binary_kit::{Answer, Scene, config, get};
use crate::proxy_kit::{Raw, Upstream, full, post, soon, upstream};

const GET: &str = "GET / HTTP/1.1\r\nhost: shop.example\r\n\r\n";

async fn hello() -> Upstream {
    upstream(|_| async { Response::new(full("hello")) }).await
}

/// Sends a request again until it is served.
async fn served_again(gateway: &crate::binary_kit::Gateway) {
    let trying = async {
        loop {
            let mut client = Raw::connect(gateway.address).await;
            client.write(GET).await;
            if client.try_read_to("\r\n\r\n").await.is_some_and(|head| head.starts_with("HTTP/1.1 200 ")) {
                return;
            }
        }
    };
    soon(trying).await;
}

#[tokio::test]
async fn there_are_so_many_connections_and_the_next_is_told_so() {
    let upstream = hello().await;
    for limits in [
        json!({ "connections": 2, "connections_per_client": 9 }),
        json!({ "connections": 9, "connections_per_client": 2 }),
    ] {
        let (_scene, gateway) = before(upstream.address, json!({ "limits": limits })).await;
        let mut clients = Vec::new();
        for _ in 0..2 {
            let mut client = Raw::connect(gateway.address).await;
            client.write(GET).await;
            client.read_to("hello").await;
            clients.push(client);
        }
        let mut third = Raw::connect(gateway.address).await;
        // Told at once, asked or not.
        let answer = third.read_all().await;
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(answer.contains("\r\nretry-after: 1\r\n") && answer.ends_with("}\n"), "{answer}");
        assert_eq!(gateway.manage("GET", "/healthz", "").await.status, 200);
        // Who is in is served as before.
        clients[0].write(GET).await;
        clients[0].read_to("hello").await;
        clients.pop();
        served_again(&gateway).await;
    }
}

#[tokio::test]
async fn an_http_2_connection_has_so_many_requests() {
    let upstream = hello().await;
    let (_scene, gateway) = before(upstream.address, json!({ "limits": { "streams": 7 } })).await;
    let mut client = Client::connect(gateway.address, &[]).await;
    let settings = client.until(SETTINGS, 0).await;
    let streams = settings.payload.chunks(6).find(|setting| setting[..2] == [0, 3]).unwrap();
    assert_eq!(streams[2..], [0, 0, 0, 7]);
}

#[tokio::test]
async fn a_head_is_so_large_and_has_so_many_fields() {
    let upstream = hello().await;
    let limits = json!({ "head_size": "16KiB", "headers": 20, "uri_size": "1KiB" });
    let (_scene, gateway) = before(upstream.address, json!({ "limits": limits })).await;
    let request = |path: usize, fields: usize, size: usize| {
        let mut request = Request::get(format!("http://shop.example/{}", "p".repeat(path)));
        for number in 0..fields {
            request = request.header(format!("x-{number}"), "v".repeat(size));
        }
        request.body(full("")).unwrap()
    };
    // Host and what the client library adds come on top.
    for (path, fields, size, status) in
        [(1000, 15, 900, 200), (1024, 1, 1, 414), (1, 21, 1, 431), (1, 10, 2000, 431)]
    {
        let mut http1 = request(path, fields, size);
        *http1.uri_mut() = http1.uri().path().parse().unwrap();
        http1.headers_mut().insert("host", "shop.example".parse().unwrap());
        assert_eq!(gateway.ask(http1).await.status, status, "HTTP/1.1: {path} {fields} {size}");
        let io = TokioIo::new(TcpStream::connect(gateway.address).await.unwrap());
        let (mut client, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(connection);
        let answer = soon(client.send_request(request(path, fields, size))).await.unwrap();
        assert_eq!(answer.status(), status, "HTTP/2: {path} {fields} {size}");
    }
    // More than hyper's own hundred, where that is allowed.
    let settings = json!({ "limits": { "headers": 200 }, "routes": [{ "respond": {} }] });
    let (_scene, gateway) = before(upstream.address, settings).await;
    let mut many = request(1, 150, 1);
    *many.uri_mut() = many.uri().path().parse().unwrap();
    many.headers_mut().insert("host", "shop.example".parse().unwrap());
    assert_eq!(gateway.ask(many).await.status, 200);
}

#[tokio::test]
async fn what_waits_takes_up_so_much_at_most() {
    let scene = Scene::new();
    let mut config = config([("web", scene.service("web", &[("BOOT", "may-boot")], json!({})))]);
    config["limits"] = json!({ "held_size": "1MiB" });
    let gateway = scene.start(&config).await;
    let large = "v".repeat(50_000);
    let request = || Request::get("/").header("host", "a").header("x-large", &large).body(full("")).unwrap();
    let held: Vec<_> = (0..20).map(|_| gateway.asking(request())).collect();
    gateway.held("web", 20).await;
    let full_house = gateway.ask(request()).await;
    full_house.is_problem(503, "full");
    assert_ne!(full_house.header("retry-after"), "");
    // There is room for something small.
    let small = gateway.asking(get("/"));
    gateway.held("web", 21).await;
    scene.allow("may-boot");
    for held in held.into_iter().chain([small]) {
        soon(held).await.unwrap().is_from("web");
    }
    assert_eq!(gateway.ask(request()).await.status, 200);
}

#[tokio::test]
async fn an_answer_reaches_who_is_still_sending() {
    let upstream = hello().await;
    let routes = json!({ "routes": [{ "respond": { "status": 403, "body": "no" } }] });
    let (_scene, gateway) = before(upstream.address, routes).await;
    let body = "x".repeat(4 << 20);
    for _ in 0..20 {
        let mut client = Raw::connect(gateway.address).await;
        let head = format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n", body.len());
        client.write(&head).await;
        // All of it, before the answer is looked at.
        client.write(&body).await;
        let answer = client.read_all().await;
        assert!(answer.starts_with("HTTP/1.1 403 ") && answer.ends_with("\r\n\r\nno"), "{answer}");
    }
    assert_eq!(Answer::of(gateway.head(post("/", full(""))).await).await.status, 403);
}
