//! Upgrades (RFC 9110 section 7.8, RFC 6455): WebSockets alone, in good form; what is no upgrade goes on as a request.

use std::sync::Arc;

use tokio::sync::Notify;

use super::client::Wire;
use super::notation::bytes;
use super::table::{Row, Stage, answered, before, http1, passes, refused};
use crate::binary_kit::Scene;
use crate::proxy_kit::{raw_upstream, soon};

/// A handshake that the service declines by answering 200.
const HANDSHAKES: &[Row] = &[
    (
        "a whole handshake",
        "GET / HTTP/1.1|Host: a|Connection: Upgrade|Upgrade: websocket|Sec-WebSocket-Version: 13|Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==||",
        passes(
            "GET / HTTP/1.1|host: a|sec-websocket-version: 13|sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==|connection: Upgrade|upgrade: websocket||",
        ),
    ),
    (
        "what follows one that was declined is a request",
        "GET / HTTP/1.1|Host: a|Connection: Upgrade|Upgrade: websocket|Sec-WebSocket-Version: 13|Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==||GET /next HTTP/1.1|Host: a, b||",
        answered(
            &[200, 400],
            "GET / HTTP/1.1|host: a|sec-websocket-version: 13|sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==|connection: Upgrade|upgrade: websocket||",
        ),
    ),
    (
        "an older version",
        "GET / HTTP/1.1|Host: a|Connection: Upgrade|Upgrade: websocket|Sec-WebSocket-Version: 8|Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==||",
        refused(&[426]),
    ),
    (
        "a version and another",
        "GET / HTTP/1.1|Host: a|Connection: Upgrade|Upgrade: websocket|Sec-WebSocket-Version: 13, 8|Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==||",
        refused(&[426]),
    ),
    (
        "two versions",
        "GET / HTTP/1.1|Host: a|Connection: Upgrade|Upgrade: websocket|Sec-WebSocket-Version: 13|Sec-WebSocket-Version: 8|Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==||",
        refused(&[426]),
    ),
    (
        "no version",
        "GET / HTTP/1.1|Host: a|Connection: Upgrade|Upgrade: websocket|Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==||",
        refused(&[426]),
    ),
    (
        "no key",
        "GET / HTTP/1.1|Host: a|Connection: Upgrade|Upgrade: websocket|Sec-WebSocket-Version: 13||",
        refused(&[400]),
    ),
    (
        "two keys",
        "GET / HTTP/1.1|Host: a|Connection: Upgrade|Upgrade: websocket|Sec-WebSocket-Version: 13|Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==|Sec-WebSocket-Key: eGhlIHNhbXBsZSBub25jZQ==||",
        refused(&[400]),
    ),
    (
        "a key that is too short",
        "GET / HTTP/1.1|Host: a|Connection: Upgrade|Upgrade: websocket|Sec-WebSocket-Version: 13|Sec-WebSocket-Key: dGhl||",
        refused(&[400]),
    ),
    (
        "a body",
        "GET / HTTP/1.1|Host: a|Connection: Upgrade|Upgrade: websocket|Sec-WebSocket-Version: 13|Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==|Content-Length: 2||hi",
        refused(&[400]),
    ),
    (
        "a body in chunks",
        "GET / HTTP/1.1|Host: a|Connection: Upgrade|Upgrade: websocket|Sec-WebSocket-Version: 13|Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==|Transfer-Encoding: chunked||2|hi|0||",
        refused(&[400]),
    ),
    (
        "a body that is a request",
        "GET / HTTP/1.1|Host: a|Connection: Upgrade|Upgrade: websocket|Sec-WebSocket-Version: 13|Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==|Content-Length: 34||GET /evil HTTP/1.1|Host: evil||",
        refused(&[400]),
    ),
    (
        "POST",
        "POST / HTTP/1.1|Host: a|Connection: Upgrade|Upgrade: websocket|Sec-WebSocket-Version: 13|Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==||",
        refused(&[400]),
    ),
];

/// RFC 9110 section 7.8: an upgrade that is not understood is left alone.
const IGNORED: &[Row] = &[
    (
        "something unknown",
        "GET / HTTP/1.1|Host: a|Connection: Upgrade|Upgrade: foo||",
        passes("GET / HTTP/1.1|host: a||"),
    ),
    (
        "something unknown and a second request",
        "GET / HTTP/1.1|Host: a|Connection: Upgrade|Upgrade: foo||GET /evil HTTP/1.1|Host: a, b||",
        answered(&[200, 400], "GET / HTTP/1.1|host: a||"),
    ),
    (
        "HTTP/2",
        "GET / HTTP/1.1|Host: a|Connection: Upgrade, HTTP2-Settings|Upgrade: h2c|HTTP2-Settings: AAMAAABkAAQAAP__||",
        passes("GET / HTTP/1.1|host: a||"),
    ),
    (
        "HTTP/2, settings not listed",
        "GET / HTTP/1.1|Host: a|Connection: Upgrade|Upgrade: h2c|HTTP2-Settings: AAMAAABkAAQAAP__||",
        passes("GET / HTTP/1.1|host: a||"),
    ),
    (
        "HTTP/2 with a body",
        "POST / HTTP/1.1|Host: a|Connection: Upgrade|Upgrade: h2c|Content-Length: 2||hi",
        passes("POST / HTTP/1.1|host: a|content-length: 2||hi"),
    ),
    (
        "TLS",
        "OPTIONS * HTTP/1.1|Host: a|Connection: Upgrade|Upgrade: TLS/1.0||",
        passes("OPTIONS * HTTP/1.1|host: a||"),
    ),
    (
        "several",
        "GET / HTTP/1.1|Host: a|Connection: Upgrade|Upgrade: foo, h2c||",
        passes("GET / HTTP/1.1|host: a||"),
    ),
    (
        "a websocket that Connection does not list",
        "GET / HTTP/1.1|Host: a|Upgrade: websocket|Sec-WebSocket-Version: 13|Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==||",
        passes(
            "GET / HTTP/1.1|host: a|sec-websocket-version: 13|sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==||",
        ),
    ),
    (
        "a websocket from HTTP/1.0",
        "GET / HTTP/1.0|Host: a|Connection: Upgrade|Upgrade: websocket|Sec-WebSocket-Version: 13|Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==||",
        passes(
            "GET / HTTP/1.1|host: a|sec-websocket-version: 13|sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==||",
        ),
    ),
    (
        "a websocket or something else",
        "GET / HTTP/1.1|Host: a|Connection: Upgrade|Upgrade: websocket, h2c|Sec-WebSocket-Version: 13|Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==||GET /2 HTTP/1.1|Host: a||",
        answered(
            &[200, 200],
            "GET / HTTP/1.1|host: a|sec-websocket-version: 13|sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==||GET /2 HTTP/1.1|host: a||",
        ),
    ),
    (
        "a websocket, and something else in another line",
        "GET / HTTP/1.1|Host: a|Connection: Upgrade|Upgrade: websocket|Upgrade: h2c|Sec-WebSocket-Version: 13|Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==||",
        passes(
            "GET / HTTP/1.1|host: a|sec-websocket-version: 13|sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==||",
        ),
    ),
];

#[tokio::test]
async fn a_handshake_is_whole_or_refused() {
    http1(HANDSHAKES).await;
}

#[tokio::test]
async fn any_other_upgrade_is_an_ordinary_request() {
    http1(IGNORED).await;
}

#[tokio::test]
async fn who_asks_for_another_version_is_told_the_one_that_goes() {
    let stage = Stage::new().await;
    let mut client = Wire::connect(stage.gateway.address).await;
    let asked = "GET / HTTP/1.1|Host: a|Connection: Upgrade|Upgrade: websocket|Sec-WebSocket-Version: 8||";
    client.write(&bytes(asked)).await;
    let answer = client.response(false).await.unwrap();
    assert_eq!(answer.status(), 426);
    assert_eq!(answer.value("sec-websocket-version"), "13");
    assert_eq!((answer.value("upgrade"), answer.value("connection")), ("websocket", "upgrade"));
}

/// What a client sends ahead goes nowhere before the service has agreed.
#[tokio::test]
async fn a_tunnel_opens_with_the_services_agreement_and_not_before() {
    let (asked, agree) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (has_asked, may_agree) = (asked.clone(), agree.clone());
    let service = raw_upstream(move |stream, _| {
        let (asked, agree) = (has_asked.clone(), may_agree.clone());
        async move {
            let mut wire = Wire::new(stream);
            if wire.head().await.is_none() {
                return;
            }
            asked.notify_one();
            agree.notified().await;
            assert_eq!(wire.there(), "", "before the agreement");
            let agreement = "HTTP/1.1 101 Switching Protocols|Connection: upgrade|Upgrade: websocket|\
                             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=||welcome";
            wire.write(&bytes(agreement)).await;
            let sent = wire.exactly(5).await.unwrap();
            wire.write(&sent).await;
        }
    })
    .await;
    let scene = Scene::new();
    let gateway = before(&scene, service.address, "http1").await;
    let mut client = Wire::connect(gateway.address).await;
    let handshake = "GET / HTTP/1.1|Host: a|Connection: Upgrade|Upgrade: websocket|Sec-WebSocket-Version: 13|\
                     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==||hello";
    client.write(&bytes(handshake)).await;
    soon(asked.notified()).await;
    agree.notify_one();
    let answer = client.response(false).await.unwrap();
    assert_eq!(answer.status(), 101);
    assert_eq!(client.exactly(12).await.unwrap(), b"welcomehello");
}
