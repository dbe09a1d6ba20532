//! HTTP/2 in front of HTTP/1.1 (RFC 9113 section 8): nothing that a field can carry becomes a line of its own.

use super::client::Wire;
use super::frames::{DATA, END_HEADERS, END_STREAM, Ended, Frame, H2, HEADERS, RST_STREAM, block};
use super::table::{Row, Stage, http2, passes, refused, reset};

/// The code of an error of the protocol.
const PROTOCOL_ERROR: u32 = 1;

const HEADS: &[Row] = &[
    (
        "a request",
        ":method: GET|:scheme: http|:authority: a|:path: /x?y",
        passes("GET /x?y HTTP/1.1|host: a||"),
    ),
    (
        "a host that agrees",
        ":method: GET|:scheme: http|:authority: a|:path: /|host: a",
        passes("GET / HTTP/1.1|host: a||"),
    ),
    (
        "a host that does not",
        ":method: GET|:scheme: http|:authority: a|:path: /|host: evil",
        passes("GET / HTTP/1.1|host: a||"),
    ),
    ("a host alone", ":method: GET|:scheme: http|:path: /|host: a", passes("GET / HTTP/1.1|host: a||")),
    (
        "the other scheme",
        ":method: GET|:scheme: https|:authority: a|:path: /",
        passes("GET / HTTP/1.1|host: a||"),
    ),
    ("two hosts", ":method: GET|:scheme: http|:path: /|host: a|host: b", refused(&[400])),
    (
        "two hosts and an authority",
        ":method: GET|:scheme: http|:authority: a|:path: /|host: a|host: b",
        refused(&[400]),
    ),
    ("no host", ":method: GET|:scheme: http|:path: /", refused(&[400])),
    ("an empty authority", ":method: GET|:scheme: http|:authority: |:path: /", reset(PROTOCOL_ERROR)),
    ("a user", ":method: GET|:scheme: http|:authority: u@a|:path: /", refused(&[400])),
    ("a list of authorities", ":method: GET|:scheme: http|:authority: a, b|:path: /", reset(PROTOCOL_ERROR)),
    ("a path in the authority", ":method: GET|:scheme: http|:authority: a/b|:path: /", reset(PROTOCOL_ERROR)),
    ("another scheme", ":method: GET|:scheme: ftp|:authority: a|:path: /", refused(&[400])),
    (
        "a scheme with a line end",
        ":method: GET|:scheme: http\n|:authority: a|:path: /",
        reset(PROTOCOL_ERROR),
    ),
    (
        "a scheme that brings a host",
        ":method: GET|:scheme: http://evil/?|:authority: a|:path: /",
        reset(PROTOCOL_ERROR),
    ),
    ("no scheme", ":method: GET|:authority: a|:path: /", reset(PROTOCOL_ERROR)),
    ("no method", ":scheme: http|:authority: a|:path: /", reset(PROTOCOL_ERROR)),
    ("no path", ":method: GET|:scheme: http|:authority: a", reset(PROTOCOL_ERROR)),
    ("an empty path", ":method: GET|:scheme: http|:authority: a|:path: ", reset(PROTOCOL_ERROR)),
    ("a path without a slash", ":method: GET|:scheme: http|:authority: a|:path: x", reset(PROTOCOL_ERROR)),
    (
        "a path that is an address",
        ":method: GET|:scheme: http|:authority: a|:path: http://evil/",
        reset(PROTOCOL_ERROR),
    ),
    (
        "a path with a space and a version",
        ":method: GET|:scheme: http|:authority: a|:path: /x HTTP/1.1",
        reset(PROTOCOL_ERROR),
    ),
    (
        "a path with a line feed",
        ":method: GET|:scheme: http|:authority: a|:path: /\nx: y",
        reset(PROTOCOL_ERROR),
    ),
    (
        "the server",
        ":method: OPTIONS|:scheme: http|:authority: a|:path: *",
        passes("OPTIONS * HTTP/1.1|host: a||"),
    ),
    ("the server with GET", ":method: GET|:scheme: http|:authority: a|:path: *", refused(&[400])),
    (
        "a method with a space",
        ":method: GET /evil HTTP/1.1|:scheme: http|:authority: a|:path: /",
        reset(PROTOCOL_ERROR),
    ),
    ("a method in small letters", ":method: get|:scheme: http|:authority: a|:path: /", refused(&[405])),
    ("TRACE", ":method: TRACE|:scheme: http|:authority: a|:path: /", refused(&[405])),
    ("CONNECT", ":method: CONNECT|:authority: a:443", refused(&[405])),
    (
        "CONNECT for another protocol",
        ":method: CONNECT|:protocol: connect-udp|:scheme: http|:authority: a|:path: /",
        refused(&[405]),
    ),
    (
        "a protocol with GET",
        ":method: GET|:protocol: websocket|:scheme: http|:authority: a|:path: /",
        reset(PROTOCOL_ERROR),
    ),
    ("two methods", ":method: GET|:method: POST|:scheme: http|:authority: a|:path: /", reset(PROTOCOL_ERROR)),
    ("two paths", ":method: GET|:scheme: http|:authority: a|:path: /|:path: /evil", reset(PROTOCOL_ERROR)),
    (
        "two authorities",
        ":method: GET|:scheme: http|:authority: a|:authority: b|:path: /",
        reset(PROTOCOL_ERROR),
    ),
    ("a status", ":method: GET|:scheme: http|:authority: a|:path: /|:status: 200", reset(PROTOCOL_ERROR)),
    (
        "an unknown one of their kind",
        ":method: GET|:scheme: http|:authority: a|:path: /|:evil: x",
        reset(PROTOCOL_ERROR),
    ),
    (
        "a path after the fields",
        ":method: GET|:scheme: http|:authority: a|x: y|:path: /",
        reset(PROTOCOL_ERROR),
    ),
];

const FIELDS: &[Row] = &[
    (
        "a field",
        ":method: GET|:scheme: http|:authority: a|:path: /|x: y",
        passes("GET / HTTP/1.1|x: y|host: a||"),
    ),
    (
        "cookies become one",
        ":method: GET|:scheme: http|:authority: a|:path: /|cookie: a=1|cookie: b=2",
        passes("GET / HTTP/1.1|cookie: a=1; b=2|host: a||"),
    ),
    (
        "trailers that it takes",
        ":method: GET|:scheme: http|:authority: a|:path: /|te: trailers",
        passes("GET / HTTP/1.1|host: a|te: trailers|connection: te||"),
    ),
    (
        "who came",
        ":method: GET|:scheme: http|:authority: a|:path: /|x-forwarded-for: 6.6.6.6|x_real_ip: 6",
        passes("GET / HTTP/1.1|host: a||"),
    ),
    (
        "an expectation",
        ":method: POST|:scheme: http|:authority: a|:path: /|expect: 100-continue||hi",
        passes("POST / HTTP/1.1|host: a|transfer-encoding: chunked||2|hi|0||"),
    ),
    (
        "another expectation",
        ":method: POST|:scheme: http|:authority: a|:path: /|expect: cake||hi",
        refused(&[417]),
    ),
    ("codings", ":method: GET|:scheme: http|:authority: a|:path: /|te: gzip", reset(PROTOCOL_ERROR)),
    (
        "a connection",
        ":method: GET|:scheme: http|:authority: a|:path: /|connection: x",
        reset(PROTOCOL_ERROR),
    ),
    (
        "chunks",
        ":method: POST|:scheme: http|:authority: a|:path: /|transfer-encoding: chunked||0||",
        reset(PROTOCOL_ERROR),
    ),
    ("keep-alive", ":method: GET|:scheme: http|:authority: a|:path: /|keep-alive: 1", reset(PROTOCOL_ERROR)),
    (
        "a proxy's connection",
        ":method: GET|:scheme: http|:authority: a|:path: /|proxy-connection: close",
        reset(PROTOCOL_ERROR),
    ),
    (
        "an upgrade",
        ":method: GET|:scheme: http|:authority: a|:path: /|upgrade: websocket",
        reset(PROTOCOL_ERROR),
    ),
    ("a name in capitals", ":method: GET|:scheme: http|:authority: a|:path: /|X: y", reset(PROTOCOL_ERROR)),
    (
        "a name with a space",
        ":method: GET|:scheme: http|:authority: a|:path: /|x y: z",
        reset(PROTOCOL_ERROR),
    ),
    (
        "a name with a line feed",
        ":method: GET|:scheme: http|:authority: a|:path: /|x\ny: z",
        reset(PROTOCOL_ERROR),
    ),
    (
        "a name with a colon",
        ":method: GET|:scheme: http|:authority: a|:path: /|x:y: z",
        reset(PROTOCOL_ERROR),
    ),
    (
        "a value with a line feed",
        ":method: GET|:scheme: http|:authority: a|:path: /|x: y\nz: 1",
        reset(PROTOCOL_ERROR),
    ),
    (
        "a value with a carriage return",
        ":method: GET|:scheme: http|:authority: a|:path: /|x: y\rz: 1",
        reset(PROTOCOL_ERROR),
    ),
    ("a value with NUL", ":method: GET|:scheme: http|:authority: a|:path: /|x: \0", reset(PROTOCOL_ERROR)),
    ("space around a value", ":method: GET|:scheme: http|:authority: a|:path: /|x:  y", refused(&[400])),
    (
        "an authority with a line feed",
        ":method: GET|:scheme: http|:authority: a\nx: y|:path: /",
        reset(PROTOCOL_ERROR),
    ),
    ("a host with a line feed", ":method: GET|:scheme: http|:path: /|host: a\nx: y", reset(PROTOCOL_ERROR)),
];

const BODIES: &[Row] = &[
    (
        "a length",
        ":method: POST|:scheme: http|:authority: a|:path: /|content-length: 2||hi",
        passes("POST / HTTP/1.1|content-length: 2|host: a||hi"),
    ),
    (
        "no length",
        ":method: POST|:scheme: http|:authority: a|:path: /||hi",
        passes("POST / HTTP/1.1|host: a|transfer-encoding: chunked||2|hi|0||"),
    ),
    (
        "no length and GET",
        ":method: GET|:scheme: http|:authority: a|:path: /||hi",
        passes("GET / HTTP/1.1|host: a|transfer-encoding: chunked||2|hi|0||"),
    ),
    ("no body", ":method: POST|:scheme: http|:authority: a|:path: /", passes("POST / HTTP/1.1|host: a||")),
    (
        "no body but a length",
        ":method: POST|:scheme: http|:authority: a|:path: /|content-length: 2",
        reset(PROTOCOL_ERROR),
    ),
    (
        "two lengths that differ",
        ":method: POST|:scheme: http|:authority: a|:path: /|content-length: 2|content-length: 3||hi",
        reset(PROTOCOL_ERROR),
    ),
    (
        "a length that is none",
        ":method: POST|:scheme: http|:authority: a|:path: /|content-length: x||hi",
        reset(PROTOCOL_ERROR),
    ),
    (
        "a length with a sign",
        ":method: POST|:scheme: http|:authority: a|:path: /|content-length: +2||hi",
        reset(PROTOCOL_ERROR),
    ),
    (
        "chunks are data",
        ":method: POST|:scheme: http|:authority: a|:path: /|content-length: 4||0|x",
        passes("POST / HTTP/1.1|content-length: 4|host: a||0|x"),
    ),
];

#[tokio::test]
async fn the_head_of_http_2_becomes_one_of_http_1() {
    http2(HEADS).await;
}

#[tokio::test]
async fn a_field_of_http_2_stays_one_field() {
    http2(FIELDS).await;
}

#[tokio::test]
async fn the_length_of_http_2_is_that_of_its_data() {
    http2(BODIES).await;
}

/// However a body goes wrong that has begun, the service sees a request without an end.
#[tokio::test]
async fn a_body_that_goes_wrong_never_ends_for_the_service() {
    let stage = Stage::new().await;
    let head = ":method: POST|:scheme: http|:authority: a|:path: /";
    let trailers = |fields| Frame::new(HEADERS, END_HEADERS | END_STREAM, 1, block(fields));
    for (name, length, then) in [
        ("less than the length", "|content-length: 5", Frame::new(DATA, END_STREAM, 1, b"hi".into())),
        ("more than the length", "|content-length: 1", Frame::new(DATA, END_STREAM, 1, b"hi".into())),
        ("a name in capitals among the trailers", "", trailers("X: y")),
        ("a reset", "", Frame::new(RST_STREAM, 0, 1, vec![0, 0, 0, 8])),
        ("a reset without an error", "", Frame::new(RST_STREAM, 0, 1, vec![0, 0, 0, 0])),
    ] {
        let mut client = H2::connect(stage.gateway.address).await;
        let begun = Frame::new(HEADERS, END_HEADERS, 1, block(&format!("{head}{length}")));
        client.write(&begun).await;
        stage.witness.sees_something().await;
        client.write(&then).await;
        if then.kind != RST_STREAM {
            let ended = client.ended(1).await;
            assert!(
                matches!(ended, Ended::Reset { code: PROTOCOL_ERROR, .. } | Ended::GoneAway(PROTOCOL_ERROR)),
                "{name}: {ended:?}"
            );
        }
        stage.witness.sees_a_cut().await;
        let mut other = Wire::connect(stage.gateway.address).await;
        other.write(b"GET /fence HTTP/1.1\r\nhost: fence\r\n\r\n").await;
        assert_eq!(other.response(false).await.unwrap().body, "/fence");
        let fence = "GET /fence HTTP/1.1|host: fence||";
        let seen = stage.witness.take_to(fence).await;
        assert!(seen.strip_suffix(fence).unwrap().ends_with('✂'), "{name}: {seen}");
    }
}
