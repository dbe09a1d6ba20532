//! Who is asking: what trusted proxies say of the client, by headers and by the PROXY protocol, and what anybody else says.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use http::{Request, Response};
use rustls::pki_types::ServerName;
use rustls::version::TLS13;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;

use crate::binary_kit::{Gateway, Scene, wakegate};
use crate::proxy_kit::{TestBody, Upstream, full, soon, upstream};
use crate::tls::{certificate, client, files, put};

/// Tests connect from here as the trusted proxy, and from the next address as a stranger.
const PROXY: Ipv4Addr = Ipv4Addr::LOCALHOST;
const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// A header of version 2 that names 192.0.2.7 as the client.
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\xc6\x33\x64\x01\x12\x67\x01\xbb";
/// One in which the balancer speaks for itself, with a field that says nothing.
const V2_LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\x04\x04\0\x01\0";
const V1: &[u8] = b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n";

/// A service that answers with the headers it was sent.
async fn mirror() -> Upstream {
    upstream(|request: Request<_>| async move {
        let lines =
            request.headers().iter().map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap()));
        Response::new(full(lines.collect::<String>()))
    })
    .await
}

/// Everything goes to the mirror, but from 192.0.2.0/24, for which the gateway answers.
fn config(mirror: &Upstream, change: Value) -> Value {
    let mut config = json!({
        "listeners": [{ "address": "127.0.0.1:0" }],
        "admin": { "address": "127.0.0.1:0" },
        "trusted_proxies": [PROXY.to_string()],
        "services": { "mirror": { "upstream": format!("http://{}", mirror.address) } },
        "routes": [
            { "path": "/where", "source": "192.0.2.0/24", "respond": { "body": "inside" } },
            { "path": "/where", "source": STRANGER.to_string(), "respond": { "body": "stranger" } },
            { "path": "/where", "source": PROXY.to_string(), "respond": { "body": "proxy" } },
            { "path": "/where", "respond": { "body": "elsewhere" } },
            { "service": "mirror" },
        ],
    });
    crate::binary_kit::merge(&mut config, change);
    config
}

async fn start(scene: &Scene, config: &Value) -> Gateway {
    let path = scene.write(&config.to_string());
    let mut gateway = Gateway::spawn(wakegate(&["serve", "--config"]).arg(path));
    gateway.listens().await;
    gateway
}

async fn connect(from: Ipv4Addr, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    soon(socket.connect(to)).await.unwrap()
}

fn request(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: shop.example\r\nconnection: close\r\n{headers}\r\n")
}

/// All that comes back for these bytes, until the gateway closes; as text.
async fn said(from: Ipv4Addr, to: SocketAddr, pieces: &[&[u8]]) -> String {
    let mut stream = connect(from, to).await;
    stream.set_nodelay(true).unwrap();
    for piece in pieces {
        // It may have been closed before all is written.
        if stream.write_all(piece).await.is_err() {
            break;
        }
    }
    let mut said = Vec::new();
    // A reset says as much as an end.
    drop(soon(stream.read_to_end(&mut said)).await);
    String::from_utf8(said).unwrap()
}

/// Where the gateway takes a request with these headers to come from.
async fn place(gateway: &Gateway, from: Ipv4Addr, headers: &str) -> String {
    let said = said(from, gateway.address, &[request("/where", headers).as_bytes()]).await;
    said.split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[tokio::test]
async fn a_trusted_proxy_is_believed_and_nobody_else() {
    let scene = Scene::new();
    let mirror = mirror().await;
    let gateway = start(&scene, &config(&mirror, json!({}))).await;
    for told in [
        "x-forwarded-for: 192.0.2.7\r\n",
        "x-forwarded-for: 6.6.6.6\r\nx-forwarded-for: 192.0.2.7, 127.0.0.1\r\n",
        "forwarded: for=192.0.2.7;proto=https\r\n",
    ] {
        assert_eq!(place(&gateway, PROXY, told).await, "inside", "{told}");
        assert_eq!(place(&gateway, STRANGER, told).await, "stranger", "{told}");
    }
    for (told, is) in [
        ("", "proxy"),
        ("x-forwarded-for: 192.0.2.7, 6.6.6.6\r\n", "elsewhere"),
        ("x-forwarded-for: 192.0.2.7, nonsense\r\n", "proxy"),
        ("forwarded: for=192.0.2.7\r\nx-forwarded-for: 6.6.6.6\r\n", "elsewhere"),
        ("x-real-ip: 192.0.2.7\r\nx_forwarded_for: 192.0.2.7\r\n", "proxy"),
        ("connection: x-forwarded-for\r\nx-forwarded-for: 192.0.2.7\r\n", "proxy"),
    ] {
        assert_eq!(place(&gateway, PROXY, told).await, is, "{told}");
    }
}

#[tokio::test]
async fn the_service_is_told_what_was_believed() {
    let scene = Scene::new();
    let mirror = mirror().await;
    let gateway = start(&scene, &config(&mirror, json!({}))).await;
    let told = request(
        "/",
        "x-forwarded-for: 192.0.2.7\r\nx-forwarded-proto: https\r\nx-forwarded-host: shop.example.com\r\n\
         x-forwarded-client-cert: Subject=admin\r\nx_real_ip: 6.6.6.6\r\ncf-connecting-ip: 192.0.2.7\r\n",
    );
    let got = said(PROXY, gateway.address, &[told.as_bytes()]).await;
    for line in [
        "x-forwarded-for: 192.0.2.7, 127.0.0.1\n",
        "x-forwarded-proto: https\n",
        "x-forwarded-host: shop.example.com\n",
        "x-forwarded-port: 443\n",
        "x-forwarded-client-cert: Subject=admin\n",
        "x-real-ip: 192.0.2.7\n",
        "forwarded: for=192.0.2.7;host=shop.example.com;proto=https, for=127.0.0.1;host=shop.example;proto=http\n",
    ] {
        assert!(got.contains(line), "{line} is not in {got}");
    }
    assert!(!got.contains("x_real_ip"), "{got}");

    let got = said(STRANGER, gateway.address, &[told.as_bytes()]).await;
    for line in [
        "x-forwarded-for: 127.0.0.2\n",
        "x-forwarded-proto: http\n",
        "x-forwarded-host: shop.example\n",
        "x-forwarded-port: 80\n",
        "x-real-ip: 127.0.0.2\n",
        "forwarded: for=127.0.0.2;host=shop.example;proto=http\n",
    ] {
        assert!(got.contains(line), "{line} is not in {got}");
    }
    for name in ["x-forwarded-client-cert", "x_real_ip", "cf-connecting-ip", "192.0.2.7"] {
        assert!(!got.contains(name), "{name} is in {got}");
    }
}

// === The PROXY protocol ===

fn behind_a_balancer(mirror: &Upstream) -> Value {
    config(mirror, json!({ "listeners": [{ "address": "127.0.0.1:0", "proxy_protocol": true }] }))
}

#[tokio::test]
async fn a_header_of_either_version_names_the_client() {
    let scene = Scene::new();
    let mirror = mirror().await;
    let gateway = start(&scene, &behind_a_balancer(&mirror)).await;
    let to = gateway.address;
    let ask = request("/where", "x-forwarded-for: 10.9.8.7\r\n");
    for (header, is) in
        [(V1, "inside"), (V2, "inside"), (&b"PROXY UNKNOWN\r\n"[..], "elsewhere"), (V2_LOCAL, "elsewhere")]
    {
        let got = said(PROXY, to, &[header, ask.as_bytes()]).await;
        assert!(got.starts_with("HTTP/1.1 200") && got.ends_with(is), "{header:?}: {got}");
        let together = [header, ask.as_bytes()].concat();
        let got = said(PROXY, to, &[&together]).await;
        assert!(got.starts_with("HTTP/1.1 200") && got.ends_with(is), "in one piece, {header:?}: {got}");
        let bytes: Vec<&[u8]> = together.chunks(1).collect();
        let got = said(PROXY, to, &bytes).await;
        assert!(got.starts_with("HTTP/1.1 200") && got.ends_with(is), "byte by byte, {header:?}: {got}");
    }
    // A health check of the balancer's own.
    let got = said(PROXY, to, &[V2_LOCAL, request("/where", "").as_bytes()]).await;
    assert!(got.ends_with("proxy"), "{got}");
    // Whoever is named is no trusted proxy, so what it says is not believed.
    let got = said(PROXY, to, &[V2, request("/", "x-forwarded-for: 6.6.6.6\r\n").as_bytes()]).await;
    assert!(got.contains("x-forwarded-for: 192.0.2.7\n"), "{got}");
}

#[tokio::test]
async fn a_long_head_behind_a_header_is_read_whole() {
    let scene = Scene::new();
    let mirror = mirror().await;
    let gateway = start(&scene, &behind_a_balancer(&mirror)).await;
    let line = format!("x-long: {}", "x".repeat(20_000));
    let long = request("/", &format!("{line}\r\n"));
    // So long that much of what follows is read along with it.
    let field = [&b"\x04\x08\x34"[..], &[0; 2100]].concat();
    let length = u16::try_from(V2.len() - 16 + field.len()).unwrap().to_be_bytes();
    let padded = [&V2[..14], &length, &V2[16..], &field].concat();
    for header in [V2, &padded] {
        let got = said(PROXY, gateway.address, &[&[header, long.as_bytes()].concat()]).await;
        assert!(got.contains(&format!("{line}\n")), "{} bytes", got.len());
    }
}

#[tokio::test]
async fn what_does_not_begin_with_a_header_is_closed() {
    let scene = Scene::new();
    let mirror = mirror().await;
    let gateway = start(&scene, &behind_a_balancer(&mirror)).await;
    let to = gateway.address;
    let ask = request("/where", "");
    let damaged = [&V2[..12], b"\x21\x11\0\x13", &V2[16..], b"\x03\0\x04abcd"].concat();
    let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(100));
    let endless = [&V2[..12], b"\x20\x00\xff\xff", &[0; 8192]].concat();
    for begins in [
        &b""[..],
        b"PROXY TCP4 192.0.2.7 nowhere 1 2\r\n",
        b"PROXY TCP6 192.0.2.7 198.51.100.1 4711 443\r\n",
        long.as_bytes(),
        b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c",
        &damaged,
        &endless,
        b"\x16\x03\x01\x02\x00",
    ] {
        let got = said(PROXY, to, &[begins, ask.as_bytes()]).await;
        assert_eq!(got, "", "{begins:?}");
    }
    for header in [V1, V2, V2_LOCAL] {
        let got = said(STRANGER, to, &[header, ask.as_bytes()]).await;
        assert_eq!(got, "", "a stranger may not connect at all");
    }
    let got = said(PROXY, to, &[V1, ask.as_bytes()]).await;
    assert!(got.ends_with("inside"), "and others are served as before: {got}");
}

#[tokio::test]
async fn whoever_takes_too_long_for_a_header_is_closed() {
    let scene = Scene::new();
    let mirror = mirror().await;
    let gateway = start(&scene, &behind_a_balancer(&mirror)).await;
    let begun = [&V2[..20]];
    let to = gateway.address;
    let (silent, slow) = tokio::join!(said(PROXY, to, &[]), said(PROXY, to, &begun));
    assert_eq!((silent.as_str(), slow.as_str()), ("", ""));
}

#[tokio::test]
async fn the_header_comes_before_tls() {
    let scene = Scene::new();
    let mirror = mirror().await;
    put(&scene, "a", &certificate(&["shop.example"]));
    let listeners = json!({
        "listeners": [{ "address": "127.0.0.1:0", "proxy_protocol": true, "tls": files("a") }],
    });
    let gateway = start(&scene, &config(&mirror, listeners)).await;
    for (header, is) in [(V2, "inside"), (V1, "inside"), (V2_LOCAL, "proxy")] {
        let mut stream = connect(PROXY, gateway.address).await;
        stream.write_all(header).await.unwrap();
        let connector = TlsConnector::from(Arc::new(client(&["http/1.1"], &[&TLS13])));
        let name = ServerName::try_from("shop.example").unwrap();
        let mut stream = soon(connector.connect(name, stream)).await.unwrap();
        stream.write_all(request("/where", "").as_bytes()).await.unwrap();
        let mut got = String::new();
        soon(stream.read_to_string(&mut got)).await.unwrap();
        assert!(got.ends_with(is), "{header:?}: {got}");
    }
}

#[tokio::test]
async fn http_2_behind_a_header() {
    let scene = Scene::new();
    let mirror = mirror().await;
    let gateway = start(&scene, &behind_a_balancer(&mirror)).await;
    let mut stream = connect(PROXY, gateway.address).await;
    stream.write_all(V2).await.unwrap();
    let executor = hyper_util::rt::TokioExecutor::new();
    let io = hyper_util::rt::TokioIo::new(stream);
    let (mut send, connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    tokio::spawn(connection);
    let request: Request<TestBody> = Request::get("http://shop.example/where").body(full("")).unwrap();
    let answer = soon(send.send_request(request)).await.unwrap();
    assert_eq!(crate::proxy_kit::text(answer).await, "inside");
}

#[tokio::test]
async fn a_listener_with_the_protocol_needs_trusted_proxies() {
    let scene = Scene::new();
    let mirror = mirror().await;
    let mut config = behind_a_balancer(&mirror);
    config.as_object_mut().unwrap().remove("trusted_proxies");
    let ran = scene.run(&["check"], &config.to_string()).await;
    assert!(ran.code == 64 && ran.err.contains("needs `trusted_proxies`"), "{ran:?}");
}
