//! What is for one hop alone stays on it (RFC 9110 section 7.6.1), and what a client says of its way here is not believed.

use super::table::{Row, http1, passes};

const HOPS: &[Row] = &[
    ("close", "GET / HTTP/1.1|Host: a|Connection: close||", passes("GET / HTTP/1.1|host: a||")),
    (
        "keep-alive",
        "GET / HTTP/1.1|Host: a|Connection: keep-alive|Keep-Alive: timeout=5||",
        passes("GET / HTTP/1.1|host: a||"),
    ),
    (
        "keep-alive from HTTP/1.0",
        "GET / HTTP/1.0|Host: a|Connection: keep-alive||",
        passes("GET / HTTP/1.1|host: a||"),
    ),
    (
        "a field that is listed",
        "GET / HTTP/1.1|Host: a|Connection: close, X-A|X-A: 1|X-B: 2||",
        passes("GET / HTTP/1.1|host: a|x-b: 2||"),
    ),
    (
        "listed in any case",
        "GET / HTTP/1.1|Host: a|Connection: x-A, CLOSE|X-a: 1||",
        passes("GET / HTTP/1.1|host: a||"),
    ),
    (
        "listed in two lines",
        "GET / HTTP/1.1|Host: a|Connection: X-A|Connection: X-B|X-A: 1|X-B: 2||",
        passes("GET / HTTP/1.1|host: a||"),
    ),
    (
        "listed with odd commas",
        "GET / HTTP/1.1|Host: a|Connection: ,, X-A ,\t,X-B,|X-A: 1|X-B: 2||",
        passes("GET / HTTP/1.1|host: a||"),
    ),
    (
        "listed, and there several times",
        "GET / HTTP/1.1|Host: a|Connection: X-A|X-A: 1|X-A: 2||",
        passes("GET / HTTP/1.1|host: a||"),
    ),
    (
        "a list of nonsense",
        "GET / HTTP/1.1|Host: a|Connection: (, \u{e4}, x y||",
        passes("GET / HTTP/1.1|host: a||"),
    ),
    ("the host is listed", "GET / HTTP/1.1|Host: a|Connection: Host||", passes("GET / HTTP/1.1|host: a||")),
    (
        "the length is listed",
        "POST / HTTP/1.1|Host: a|Connection: Content-Length|Content-Length: 2||hi",
        passes("POST / HTTP/1.1|host: a|content-length: 2||hi"),
    ),
    (
        "the coding is listed",
        "POST / HTTP/1.1|Host: a|Connection: Transfer-Encoding|Transfer-Encoding: chunked||2|hi|0||",
        passes("POST / HTTP/1.1|host: a|transfer-encoding: chunked||2|hi|0||"),
    ),
    (
        "ours are listed",
        "GET / HTTP/1.1|Host: a|Connection: X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto, X-Forwarded-Port, Forwarded||",
        passes("GET / HTTP/1.1|host: a||"),
    ),
    (
        "a connection to the proxy",
        "GET / HTTP/1.1|Host: a|Proxy-Connection: keep-alive||",
        passes("GET / HTTP/1.1|host: a||"),
    ),
    (
        "a password for the proxy",
        "GET / HTTP/1.1|Host: a|Proxy-Authorization: Basic eDp5||",
        passes("GET / HTTP/1.1|host: a||"),
    ),
    ("codings that it takes", "GET / HTTP/1.1|Host: a|TE: gzip;q=0.5||", passes("GET / HTTP/1.1|host: a||")),
    (
        "trailers that it takes",
        "GET / HTTP/1.1|Host: a|TE: gzip, Trailers|Connection: TE||",
        passes("GET / HTTP/1.1|host: a|te: trailers|connection: te||"),
    ),
    (
        "an upgrade listed",
        "GET / HTTP/1.1|Host: a|Connection: Upgrade, X-A|Upgrade: foo|X-A: 1||",
        passes("GET / HTTP/1.1|host: a||"),
    ),
];

const SAID: &[Row] = &[
    ("who came", "GET / HTTP/1.1|Host: a|X-Forwarded-For: 6.6.6.6||", passes("GET / HTTP/1.1|host: a||")),
    (
        "who came, twice",
        "GET / HTTP/1.1|Host: a|X-Forwarded-For: 6.6.6.6|X-Forwarded-For: 7.7.7.7||",
        passes("GET / HTTP/1.1|host: a||"),
    ),
    (
        "who came, standardised",
        "GET / HTTP/1.1|Host: a|Forwarded: for=6.6.6.6;proto=https||",
        passes("GET / HTTP/1.1|host: a||"),
    ),
    (
        "who came, in one word",
        "GET / HTTP/1.1|Host: a|X-Real-IP: 6.6.6.6||",
        passes("GET / HTTP/1.1|host: a||"),
    ),
    (
        "what for",
        "GET / HTTP/1.1|Host: a|X-Forwarded-Host: evil|X-Forwarded-Proto: https|X-Forwarded-Port: 1||",
        passes("GET / HTTP/1.1|host: a||"),
    ),
    ("a prefix", "GET / HTTP/1.1|Host: a|X-Forwarded-Prefix: /evil||", passes("GET / HTTP/1.1|host: a||")),
    (
        "anything else of that name",
        "GET / HTTP/1.1|Host: a|X-Forwarded-User: root|X-Forwarded-Client-Cert: x||",
        passes("GET / HTTP/1.1|host: a||"),
    ),
    (
        "who came, in the words of proxies that are not there",
        "GET / HTTP/1.1|Host: a|CF-Connecting-IPv6: 6|Fly-Client-IP: 6|X-Azure-ClientIP: 6|X-Remote-User: root|X-WebAuth-User: root||",
        passes("GET / HTTP/1.1|host: a||"),
    ),
    (
        "how it came, in their words",
        "GET / HTTP/1.1|Host: a|Front-End-Https: on|X_Url_Scheme: https||",
        passes("GET / HTTP/1.1|host: a||"),
    ),
    (
        "underscores",
        "GET / HTTP/1.1|Host: a|X_Forwarded_For: 6.6.6.6|X_Real_IP: 6.6.6.6||",
        passes("GET / HTTP/1.1|host: a||"),
    ),
    (
        "some underscores",
        "GET / HTTP/1.1|Host: a|X-Forwarded_For: 6.6.6.6|x_forwarded-prefix: /||",
        passes("GET / HTTP/1.1|host: a||"),
    ),
    (
        "a variable that programs take for a proxy",
        "GET / HTTP/1.1|Host: a|Proxy: http://evil.example||",
        passes("GET / HTTP/1.1|host: a||"),
    ),
    (
        "what only looks like it",
        "GET / HTTP/1.1|Host: a|X-Forward: 1|X-Forwardedfor: 2||",
        passes("GET / HTTP/1.1|host: a|x-forward: 1|x-forwardedfor: 2||"),
    ),
];

#[tokio::test]
async fn what_is_for_one_hop_stays_on_it() {
    http1(HOPS).await;
}

#[tokio::test]
async fn what_a_client_says_of_its_way_is_not_believed() {
    http1(SAID).await;
}
