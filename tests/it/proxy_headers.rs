//! What a target is told, and what is not passed on.

use http::Response;
use wakegate::model::Protocol;

use crate::proxy_kit::{Raw, ask, front, full, get, h2_client, h2_upstream, soon, text, upstream};

/// An answer that lists the request's head, a line a field.
fn listed(request: &http::Request<hyper::body::Incoming>) -> String {
    let mut lines = vec![format!("{} {}", request.method(), request.uri())];
    for (name, value) in request.headers() {
        lines.push(format!("{name}: {}", value.to_str().unwrap()));
    }
    lines[1..].sort();
    lines.join("\n")
}

#[tokio::test]
async fn the_target_is_told_who_came_and_nothing_that_was_made_up() {
    let target = upstream(async |request| Response::new(full(listed(&request)))).await;
    let (address, _gate) = front(Protocol::Http1, &[target.address]).await;
    let request = http::Request::get("/x?y=z")
        .header("host", "shop.example:8080")
        .header("connection", "close, x-drop, x-forwarded-proto")
        .header("x-drop", "1")
        .header("x-forwarded-for", "6.6.6.6")
        .header("x-forwarded-prefix", "/evil")
        .header("forwarded", "for=6.6.6.6")
        .header("proxy-connection", "keep-alive")
        .header("x-keep", "1")
        .body(full(""))
        .unwrap();
    assert_eq!(
        text(ask(address, request).await).await,
        "GET /x?y=z\n\
         forwarded: for=127.0.0.1;host=\"shop.example:8080\";proto=http\n\
         host: shop.example:8080\n\
         x-forwarded-for: 127.0.0.1\n\
         x-forwarded-host: shop.example:8080\n\
         x-forwarded-port: 8080\n\
         x-forwarded-proto: http\n\
         x-keep: 1\n\
         x-real-ip: 127.0.0.1"
    );
}

#[tokio::test]
async fn the_clients_host_goes_along_from_http_2() {
    let target = upstream(async |request| Response::new(full(listed(&request)))).await;
    let (address, _gate) = front(Protocol::Http1, &[target.address]).await;
    let mut client = h2_client(address).await;
    let request = http::Request::get("http://shop.example/x")
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .body(full(""))
        .unwrap();
    let listed = text(soon(client.send_request(request)).await.unwrap()).await;
    assert!(listed.starts_with("GET /x\n"), "{listed}");
    assert!(listed.contains("\nhost: shop.example\n"), "{listed}");
    assert!(listed.contains("\ncookie: a=1; b=2\n"), "{listed}");
}

#[tokio::test]
async fn the_clients_host_goes_along_to_http_2() {
    let target = h2_upstream(100, false, async |request| Response::new(full(listed(&request)))).await;
    let (address, _gate) = front(Protocol::H2, &[target.address]).await;
    let listed = text(ask(address, get("/x")).await).await;
    assert!(listed.starts_with("GET http://shop.example/x\n"), "{listed}");
    assert!(!listed.contains("\nhost:"), "{listed}");
    assert!(listed.contains("\nx-forwarded-host: shop.example\n"), "{listed}");
}

#[tokio::test]
async fn what_a_target_says_for_one_hop_stays_on_it() {
    let target = upstream(async |_| {
        Response::builder()
            .header("connection", "x-drop")
            .header("x-drop", "1")
            .header("keep-alive", "timeout=1")
            .header("upgrade", "h2c")
            .header("x-keep", "1")
            .body(full("hello"))
            .unwrap()
    })
    .await;
    let (address, _gate) = front(Protocol::Http1, &[target.address]).await;
    let response = ask(address, get("/")).await;
    for dropped in ["connection", "x-drop", "keep-alive", "upgrade"] {
        assert!(!response.headers().contains_key(dropped), "{dropped}");
    }
    assert_eq!(response.headers()["x-keep"], "1");
}

#[tokio::test]
async fn what_is_not_valid_reaches_no_target() {
    let target = upstream(async |_| Response::new(full(""))).await;
    let (address, gate) = front(Protocol::Http1, &[target.address]).await;
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n", "400 Bad Request"),
        ("GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", "400 Bad Request"),
        ("GET / HTTP/1.1\r\nhost: a, b\r\n\r\n", "400 Bad Request"),
        ("TRACE / HTTP/1.1\r\nhost: a\r\n\r\n", "405 Method Not Allowed"),
        ("CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\n", "405 Method Not Allowed"),
        ("get / HTTP/1.1\r\nhost: a\r\n\r\n", "405 Method Not Allowed"),
        (
            "GET / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            "501 Not Implemented",
        ),
        ("GET / HTTP/1.1\r\nhost: a\r\nexpect: cake\r\n\r\n", "417 Expectation Failed"),
    ] {
        let mut client = Raw::connect(address).await;
        client.write(request).await;
        let head = client.read_to("\r\n\r\n").await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request}{head}");
        assert!(head.contains("content-type: application/problem+json\r\n"), "{head}");
    }
    assert_eq!(target.connections(), 0);
    crate::proxy_kit::until(|| gate.activity().in_flight == 0).await;
}

#[tokio::test]
async fn an_absolute_target_replaces_the_host() {
    let target = upstream(async |request| Response::new(full(listed(&request)))).await;
    let (address, _gate) = front(Protocol::Http1, &[target.address]).await;
    let mut client = Raw::connect(address).await;
    client
        .write("GET http://good.example/x HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n")
        .await;
    let answer = client.read_all().await;
    assert!(answer.contains("GET /x\n") && answer.contains("\nhost: good.example\n"), "{answer}");
    assert!(!answer.contains("evil"), "{answer}");
}
