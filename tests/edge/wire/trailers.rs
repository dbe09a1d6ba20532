//! Fields after a body (RFC 9110 section 6.5): those that were announced and can do no harm.

use super::table::{Row, http1, http2, passes};

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
