//! Several requests on a connection: each is seen where it ends, and what is a body is never run.

use super::table::{Row, answered, http1, refused};

const PIPELINES: &[Row] = &[
    (
        "two",
        "GET /1 HTTP/1.1|Host: a||GET /2 HTTP/1.1|Host: b||",
        answered(&[200, 200], "GET /1 HTTP/1.1|host: a||GET /2 HTTP/1.1|host: b||"),
    ),
    (
        "three, one with a body",
        "GET /1 HTTP/1.1|Host: a||POST /2 HTTP/1.1|Host: a|Content-Length: 2||hiGET /3 HTTP/1.1|Host: a||",
        answered(
            &[200, 200, 200],
            "GET /1 HTTP/1.1|host: a||POST /2 HTTP/1.1|host: a|content-length: 2||hiGET /3 HTTP/1.1|host: a||",
        ),
    ),
    (
        "after chunks",
        "POST /1 HTTP/1.1|Host: a|Transfer-Encoding: chunked||2|hi|0||GET /2 HTTP/1.1|Host: a||",
        answered(
            &[200, 200],
            "POST /1 HTTP/1.1|host: a|transfer-encoding: chunked||2|hi|0||GET /2 HTTP/1.1|host: a||",
        ),
    ),
    (
        "after close",
        "GET /1 HTTP/1.1|Host: a|Connection: close||GET /evil HTTP/1.1|Host: a||",
        answered(&[200], "GET /1 HTTP/1.1|host: a||"),
    ),
    (
        "after close in a second line",
        "GET /1 HTTP/1.1|Host: a|Connection: x|Connection: close||GET /evil HTTP/1.1|Host: a||",
        answered(&[200], "GET /1 HTTP/1.1|host: a||"),
    ),
    (
        "after close, then keep-alive",
        "GET /1 HTTP/1.1|Host: a|Connection: close, keep-alive||GET /evil HTTP/1.1|Host: a||",
        answered(&[200], "GET /1 HTTP/1.1|host: a||"),
    ),
    (
        "after HTTP/1.0",
        "GET /1 HTTP/1.0|Host: a||GET /evil HTTP/1.1|Host: a||",
        answered(&[200], "GET /1 HTTP/1.1|host: a||"),
    ),
    (
        "after one that is refused",
        "GET /1 HTTP/1.1|Host: a, b||GET /2 HTTP/1.1|Host: a||",
        answered(&[400, 200], "GET /2 HTTP/1.1|host: a||"),
    ),
    (
        "a bad one after a good one",
        "GET /1 HTTP/1.1|Host: a||GET /2 HTTP/1.1|Host a||",
        answered(&[200, 400], "GET /1 HTTP/1.1|host: a||"),
    ),
    (
        "after one that cannot be read",
        "GET /1 HTTP/1.1|Host a||GET /evil HTTP/1.1|Host: a||",
        refused(&[400]),
    ),
    (
        "the body of a refused request",
        "POST /1 HTTP/1.1|Host: a, b|Content-Length: 31||GET /evil HTTP/1.1|Host: a||",
        refused(&[400]),
    ),
    (
        "the chunks of a refused request",
        "POST /1 HTTP/1.1|Host: a, b|Transfer-Encoding: chunked||1f|GET /evil HTTP/1.1|Host: a|||0||",
        refused(&[400]),
    ),
    (
        "the body of a method that is refused",
        "TRACE /1 HTTP/1.1|Host: a|Content-Length: 31||GET /evil HTTP/1.1|Host: a||",
        refused(&[405]),
    ),
    (
        "the body of GET",
        "GET /1 HTTP/1.1|Host: a|Content-Length: 31||GET /evil HTTP/1.1|Host: a||",
        answered(&[200], "GET /1 HTTP/1.1|host: a|content-length: 31||GET /evil HTTP/1.1|Host: a||"),
    ),
    (
        "more than the length",
        "POST /1 HTTP/1.1|Host: a|Content-Length: 2||hi there",
        answered(&[200, 400], "POST /1 HTTP/1.1|host: a|content-length: 2||hi"),
    ),
    (
        "an empty line between",
        "POST /1 HTTP/1.1|Host: a|Content-Length: 2||hi|GET /2 HTTP/1.1|Host: a||",
        answered(&[200, 200], "POST /1 HTTP/1.1|host: a|content-length: 2||hiGET /2 HTTP/1.1|host: a||"),
    ),
    (
        "the preface of HTTP/2 in the middle",
        "GET /1 HTTP/1.1|Host: a||PRI * HTTP/2.0||SM||",
        answered(&[200], "GET /1 HTTP/1.1|host: a||"),
    ),
];

#[tokio::test]
async fn every_request_is_seen_where_it_ends() {
    http1(PIPELINES).await;
}
