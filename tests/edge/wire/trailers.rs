//! Fields after a body (RFC 9110 section 6.5): those that were announced and can do no harm.

use http::Request;
use http_body_util::BodyExt;

use super::client::Wire;
use super::notation::bytes;
use super::table::{Row, before, http1, http2, passes};
use crate::binary_kit::Scene;
use crate::proxy_kit::{full, h2_client, raw_upstream, soon};

const HTTP1: &[Row] = &[
    (
        "announced",
        "POST / HTTP/1.1|Host: a|Trailer: X-Sum|Transfer-Encoding: chunked||2|hi|0|X-Sum: 1||",
        passes("POST / HTTP/1.1|host: a|trailer: X-Sum|transfer-encoding: chunked||2|hi|0|x-sum: 1||"),
    ),
    (
        "not announced",
        "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked||2|hi|0|X-Sum: 1||",
        passes("POST / HTTP/1.1|host: a|transfer-encoding: chunked||2|hi|0||"),
    ),
    (
        "one of two announced",
        "POST / HTTP/1.1|Host: a|Trailer: X-Sum|Transfer-Encoding: chunked||2|hi|0|X-Sum: 1|X-Other: 2||",
        passes("POST / HTTP/1.1|host: a|trailer: X-Sum|transfer-encoding: chunked||2|hi|0|x-sum: 1||"),
    ),
    (
        "a length",
        "POST / HTTP/1.1|Host: a|Trailer: Content-Length, X-Sum|Transfer-Encoding: chunked||2|hi|0|Content-Length: 9|X-Sum: 1||",
        passes(
            "POST / HTTP/1.1|host: a|trailer: Content-Length, X-Sum|transfer-encoding: chunked||2|hi|0|x-sum: 1||",
        ),
    ),
    (
        "a coding",
        "POST / HTTP/1.1|Host: a|Trailer: Transfer-Encoding|Transfer-Encoding: chunked||2|hi|0|Transfer-Encoding: chunked||",
        passes("POST / HTTP/1.1|host: a|trailer: Transfer-Encoding|transfer-encoding: chunked||2|hi|0||"),
    ),
    (
        "a host",
        "POST / HTTP/1.1|Host: a|Trailer: Host|Transfer-Encoding: chunked||2|hi|0|Host: evil||",
        passes("POST / HTTP/1.1|host: a|trailer: Host|transfer-encoding: chunked||2|hi|0||"),
    ),
    (
        "a password",
        "POST / HTTP/1.1|Host: a|Trailer: Authorization|Transfer-Encoding: chunked||2|hi|0|Authorization: Basic eDp5||",
        passes("POST / HTTP/1.1|host: a|trailer: Authorization|transfer-encoding: chunked||2|hi|0||"),
    ),
    (
        "cookies",
        "POST / HTTP/1.1|Host: a|Trailer: Cookie, Set-Cookie|Transfer-Encoding: chunked||2|hi|0|Cookie: a=1|Set-Cookie: b=2||",
        passes("POST / HTTP/1.1|host: a|trailer: Cookie, Set-Cookie|transfer-encoding: chunked||2|hi|0||"),
    ),
    (
        "who came",
        "POST / HTTP/1.1|Host: a|Trailer: X-Forwarded-For, X_Real_IP, Forwarded|Transfer-Encoding: chunked||2|hi|0|X-Forwarded-For: 6.6.6.6|X_Real_IP: 6|Forwarded: for=6||",
        passes(
            "POST / HTTP/1.1|host: a|trailer: X-Forwarded-For, X_Real_IP, Forwarded|transfer-encoding: chunked||2|hi|0||",
        ),
    ),
    (
        "what is for one hop",
        "POST / HTTP/1.1|Host: a|Trailer: Connection, Upgrade, Keep-Alive, Expect|Transfer-Encoding: chunked||2|hi|0|Connection: close|Upgrade: h2c|Keep-Alive: 1|Expect: 100-continue||",
        passes(
            "POST / HTTP/1.1|host: a|trailer: Connection, Upgrade, Keep-Alive, Expect|transfer-encoding: chunked||2|hi|0||",
        ),
    ),
    (
        "what the body is",
        "POST / HTTP/1.1|Host: a|Trailer: Content-Type, Content-Encoding, Content-Range|Transfer-Encoding: chunked||2|hi|0|Content-Type: a/b|Content-Encoding: gzip|Content-Range: bytes 0-1/2||",
        passes(
            "POST / HTTP/1.1|host: a|trailer: Content-Type, Content-Encoding, Content-Range|transfer-encoding: chunked||2|hi|0||",
        ),
    ),
    (
        "conditions and control",
        "POST / HTTP/1.1|Host: a|Trailer: If-Match, Range, Cache-Control, Max-Forwards, TE|Transfer-Encoding: chunked||2|hi|0|If-Match: *|Range: bytes=0-1|Cache-Control: no-store|Max-Forwards: 1|TE: trailers||",
        passes(
            "POST / HTTP/1.1|host: a|trailer: If-Match, Range, Cache-Control, Max-Forwards, TE|transfer-encoding: chunked||2|hi|0||",
        ),
    ),
];

const HTTP2: &[Row] = &[
    (
        "a target is dropped",
        ":method: POST|:scheme: http|:authority: a|:path: /|trailer: x-sum||hi||:path: /evil|x-sum: 1",
        passes("POST / HTTP/1.1|trailer: x-sum|host: a|transfer-encoding: chunked||2|hi|0|x-sum: 1||"),
    ),
    (
        "announced",
        ":method: POST|:scheme: http|:authority: a|:path: /|trailer: x-sum||hi||x-sum: 1",
        passes("POST / HTTP/1.1|trailer: x-sum|host: a|transfer-encoding: chunked||2|hi|0|x-sum: 1||"),
    ),
    (
        "not announced",
        ":method: POST|:scheme: http|:authority: a|:path: /||hi||x-sum: 1",
        passes("POST / HTTP/1.1|host: a|transfer-encoding: chunked||2|hi|0||"),
    ),
    (
        "a length and a host",
        ":method: POST|:scheme: http|:authority: a|:path: /|trailer: content-length, host||hi||content-length: 9|host: evil",
        passes("POST / HTTP/1.1|trailer: content-length, host|host: a|transfer-encoding: chunked||2|hi|0||"),
    ),
    (
        "who came",
        ":method: POST|:scheme: http|:authority: a|:path: /|trailer: x-forwarded-for||hi||x-forwarded-for: 6.6.6.6",
        passes("POST / HTTP/1.1|trailer: x-forwarded-for|host: a|transfer-encoding: chunked||2|hi|0||"),
    ),
];

#[tokio::test]
async fn trailers_that_were_announced_and_are_harmless_pass() {
    http1(HTTP1).await;
}

#[tokio::test]
async fn trailers_pass_from_http_2_by_the_same_rules() {
    http2(HTTP2).await;
}

/// What a service sends after its answer, and what comes of it for a client that takes trailers.
const ANSWERED: &[(&str, &str, &str)] = &[
    ("announced", "Trailer: X-Sum|Transfer-Encoding: chunked||2|hi|0|X-Sum: 1||", "x-sum: 1|"),
    ("not announced", "Transfer-Encoding: chunked||2|hi|0|X-Sum: 1||", ""),
    (
        "what would change the answer",
        "Trailer: Set-Cookie, Location, Content-Length, Cache-Control, X-Sum|Transfer-Encoding: chunked||2|hi|0|\
         Set-Cookie: a=1|Location: /evil|Content-Length: 9|Cache-Control: public|X-Sum: 1||",
        "x-sum: 1|",
    ),
    (
        "what is for one hop",
        "Trailer: Connection, Transfer-Encoding|Transfer-Encoding: chunked||2|hi|0|\
         Connection: close|Transfer-Encoding: chunked||",
        "",
    ),
];

#[tokio::test]
async fn trailers_of_an_answer_pass_by_the_same_rules() {
    for (name, answer, expected) in ANSWERED {
        let service = raw_upstream(move |stream, _| async move {
            let mut wire = Wire::new(stream);
            while let Some(Ok(_)) = wire.head().await {
                wire.write(&bytes(&format!("HTTP/1.1 200 OK|{answer}"))).await;
            }
        })
        .await;
        let scene = Scene::new();
        let gateway = before(&scene, service.address, "http1").await;

        let mut client = Wire::connect(gateway.address).await;
        client.write(b"GET / HTTP/1.1\r\nhost: a\r\nte: trailers\r\nconnection: te\r\n\r\n").await;
        let response = client.response(false).await.unwrap();
        assert_eq!(response.body, format!("2|hi|0|{expected}|"), "{name}");
        client.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
        let response = client.response(false).await.unwrap();
        assert_eq!(response.body, "2|hi|0||", "{name}: for who takes none");

        let mut client = h2_client(gateway.address).await;
        let request = Request::get("http://a/").header("te", "trailers").body(full("")).unwrap();
        let response = soon(client.send_request(request)).await.unwrap();
        let body = soon(response.into_body().collect()).await.unwrap();
        // HTTP/2 needs no announcement; what is harmful goes all the same.
        for name in body.trailers().unwrap().keys() {
            assert_eq!(name, "x-sum");
        }
    }
}
