//! WebSockets: every pair of versions that the two sides may speak.

use std::net::SocketAddr;

use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::ext::Protocol as ConnectProtocol;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use wakegate::model::Protocol;

use crate::proxy_kit::{
    Raw, TestBody, Upstream, ask, front, full, get, h2_client, h2_upstream, raw_upstream, soon, until,
    upstream,
};

/// The key and its answer from RFC 6455 section 1.3.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Says back what it hears, and a last word when it hears no more.
async fn echo(socket: hyper::upgrade::OnUpgrade) {
    let mut socket = TokioIo::new(socket.await.unwrap());
    let mut buffer = [0; 64];
    while let Ok(count @ 1..) = socket.read(&mut buffer).await {
        socket.write_all(&buffer[..count]).await.unwrap();
    }
    socket.write_all(b"bye").await.unwrap();
    socket.shutdown().await.unwrap();
}

/// An HTTP/1.1 upstream that talks WebSocket, with the key answered as a server does.
async fn h1_echo() -> Upstream {
    upstream(async |mut request: Request<Incoming>| {
        assert_eq!(request.headers()["upgrade"], "websocket");
        assert_eq!(request.headers()["connection"], "Upgrade");
        assert_eq!(request.headers()["sec-websocket-version"], "13");
        assert_eq!(request.headers()["sec-websocket-protocol"], "chat");
        let key = request.headers()["sec-websocket-key"].as_bytes();
        let mut hash = sha1_smol::Sha1::from(key);
        hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
        let accept = base64(&hash.digest().bytes());
        tokio::spawn(echo(hyper::upgrade::on(&mut request)));
        Response::builder()
            .status(101)
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-accept", accept)
            .header("sec-websocket-protocol", "chat")
            .body(full(""))
            .unwrap()
    })
    .await
}

/// Written apart from the proxy's own, bit by bit.
fn base64(bytes: &[u8]) -> String {
    let alphabet: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['+', '/']).collect();
    let bits: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
    let groups = bits.as_bytes().chunks(6);
    let mut text: String = groups
        .map(|group| {
            let padded = format!("{:0<6}", std::str::from_utf8(group).unwrap());
            alphabet[usize::from_str_radix(&padded, 2).unwrap()]
        })
        .collect();
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

async fn h2_echo() -> Upstream {
    h2_upstream(100, true, async |mut request: Request<Incoming>| {
        assert_eq!(*request.method(), Method::CONNECT);
        assert_eq!(request.extensions().get::<ConnectProtocol>().unwrap().as_str(), "websocket");
        assert!(!request.headers().contains_key("sec-websocket-key"));
        assert_eq!(request.headers()["sec-websocket-protocol"], "chat");
        assert_eq!(request.uri().path(), "/chat");
        tokio::spawn(echo(hyper::upgrade::on(&mut request)));
        Response::builder().header("sec-websocket-protocol", "chat").body(full("")).unwrap()
    })
    .await
}

/// Talks, closes its half, and hears the last word all the same.
async fn talk(mut socket: impl AsyncRead + AsyncWrite + Unpin) {
    for word in ["one", "two", "three"] {
        socket.write_all(word.as_bytes()).await.unwrap();
        let mut heard = vec![0; word.len()];
        soon(socket.read_exact(&mut heard)).await.unwrap();
        assert_eq!(heard, word.as_bytes());
    }
    socket.shutdown().await.unwrap();
    let mut rest = String::new();
    soon(socket.read_to_string(&mut rest)).await.unwrap();
    assert_eq!(rest, "bye");
}

async fn h1_talks(address: SocketAddr) {
    let mut client = Raw::connect(address).await;
    client
        .write(&format!(
            "GET /chat HTTP/1.1\r\nhost: a\r\nconnection: keep-alive, Upgrade\r\nupgrade: WebSocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: {KEY}\r\nsec-websocket-protocol: chat\r\n\r\n"
        ))
        .await;
    let head = client.read_to("\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{head}");
    for line in ["connection: Upgrade", "upgrade: websocket", "sec-websocket-protocol: chat"] {
        assert!(head.contains(&format!("{line}\r\n")), "{head}");
    }
    assert!(head.contains(&format!("sec-websocket-accept: {ACCEPT}\r\n")), "{head}");
    talk(client.into_stream()).await;
}

fn connect() -> Request<TestBody> {
    let mut request = Request::builder()
        .method(Method::CONNECT)
        .uri("http://shop.example/chat")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-protocol", "chat")
        .body(full(""))
        .unwrap();
    request.extensions_mut().insert(ConnectProtocol::from_static("websocket"));
    request
}

async fn h2_talks(address: SocketAddr) {
    let mut client = h2_client(address).await;
    let response = soon(client.send_request(connect())).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["sec-websocket-protocol"], "chat");
    assert!(!response.headers().contains_key("sec-websocket-accept"));
    talk(TokioIo::new(soon(hyper::upgrade::on(response)).await.unwrap())).await;
}

#[tokio::test]
async fn http_1_to_http_1() {
    let target = h1_echo().await;
    let (address, gate) = front(Protocol::Http1, &[target.address]).await;
    h1_talks(address).await;
    until(|| gate.activity().in_flight == 0).await;
}

#[tokio::test]
async fn http_2_to_http_1() {
    let target = h1_echo().await;
    let (address, gate) = front(Protocol::Http1, &[target.address]).await;
    h2_talks(address).await;
    until(|| gate.activity().in_flight == 0).await;
}

#[tokio::test]
async fn http_1_to_http_2() {
    let target = h2_echo().await;
    let (address, gate) = front(Protocol::H2, &[target.address]).await;
    h1_talks(address).await;
    until(|| gate.activity().in_flight == 0).await;
}

#[tokio::test]
async fn http_2_to_http_2() {
    let target = h2_echo().await;
    let (address, gate) = front(Protocol::H2, &[target.address]).await;
    h2_talks(address).await;
    until(|| gate.activity().in_flight == 0).await;
}

#[tokio::test]
async fn an_open_socket_keeps_the_service_awake_until_both_sides_have_closed() {
    let target = h1_echo().await;
    let (address, gate) = front(Protocol::Http1, &[target.address]).await;
    let mut client = h2_client(address).await;
    let response = soon(client.send_request(connect())).await.unwrap();
    let socket = soon(hyper::upgrade::on(response)).await.unwrap();
    let mut socket = TokioIo::new(socket);
    for _ in 0..3 {
        assert_eq!(gate.activity().active, 1);
        socket.write_all(b"x").await.unwrap();
        soon(socket.read_exact(&mut [0])).await.unwrap();
    }
    drop(socket);
    until(|| gate.activity().active == 0).await;
}

#[tokio::test]
async fn a_target_that_declines_is_heard() {
    let target = upstream(async |_| Response::builder().status(403).body(full("no")).unwrap()).await;
    let (address, _gate) = front(Protocol::Http1, &[target.address]).await;
    let mut client = h2_client(address).await;
    let response = soon(client.send_request(connect())).await.unwrap();
    assert_eq!(response.status(), 403);
}

#[tokio::test]
async fn a_target_that_does_not_understand_opens_no_tunnel() {
    // To a CONNECT over HTTP/2, this 200 would say that the tunnel stands.
    let target = upstream(async |_| Response::new(full("a page"))).await;
    let (address, _gate) = front(Protocol::Http1, &[target.address]).await;
    let mut client = h2_client(address).await;
    assert_eq!(soon(client.send_request(connect())).await.unwrap().status(), 502);

    // An HTTP/2 server without RFC 8441.
    let target = h2_upstream(100, false, async |_| Response::new(full("a page"))).await;
    let (address, _gate) = front(Protocol::H2, &[target.address]).await;
    let mut client = h2_client(address).await;
    assert_eq!(soon(client.send_request(connect())).await.unwrap().status(), 502);
}

#[tokio::test]
async fn a_wrong_accept_or_a_switch_unasked_is_not_believed() {
    let target = raw_upstream(|stream, _| async move {
        let mut stream = Raw::new(stream);
        stream.read_to("\r\n\r\n").await;
        stream
            .write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
            .await;
        stream.read_all().await;
    })
    .await;
    let (address, gate) = front(Protocol::Http1, &[target.address]).await;
    let mut client = h2_client(address).await;
    assert_eq!(soon(client.send_request(connect())).await.unwrap().status(), 502);
    assert_eq!(ask(address, get("/")).await.status(), 502);
    until(|| gate.activity().in_flight == 0).await;
}

#[tokio::test]
async fn other_upgrades_are_ordinary_requests() {
    let target = upstream(async |request| {
        assert!(!request.headers().contains_key("upgrade"));
        assert!(!request.headers().contains_key("connection"));
        Response::new(full("plain"))
    })
    .await;
    let (address, _gate) = front(Protocol::Http1, &[target.address]).await;
    for upgrade in ["h2c", "foo", "websocket, h2c"] {
        let mut client = Raw::connect(address).await;
        client
            .write(&format!(
                "GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: {upgrade}\r\n\
                 sec-websocket-version: 13\r\nsec-websocket-key: {KEY}\r\n\r\n\
                 GET /second HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
            ))
            .await;
        // The second request is one, not the first bytes of a tunnel.
        let answers = client.read_all().await;
        assert_eq!(answers.matches("HTTP/1.1 200 OK\r\n").count(), 2, "{upgrade}: {answers}");
    }
}
