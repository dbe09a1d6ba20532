//! `Expect` (RFC 9110 section 10.1.1): the gateway's own business.

use serde_json::json;

use super::client::Wire;
use super::table::{Row, Stage, answered, http1, passes, refused};
use crate::binary_kit::{Scene, config};
use crate::binary_service::{BOOT, weighed};

const EXPECTATIONS: &[Row] = &[
    (
        "to go on",
        "POST / HTTP/1.1|Host: a|Expect: 100-continue|Content-Length: 5||hello",
        answered(&[100, 200], "POST / HTTP/1.1|host: a|content-length: 5||hello"),
    ),
    (
        "to go on, in any case",
        "POST / HTTP/1.1|Host: a|expect: 100-CONTINUE|Transfer-Encoding: chunked||5|hello|0||",
        answered(&[100, 200], "POST / HTTP/1.1|host: a|transfer-encoding: chunked||5|hello|0||"),
    ),
    (
        "to go on with nothing",
        "POST / HTTP/1.1|Host: a|Expect: 100-continue|Content-Length: 0||",
        passes("POST / HTTP/1.1|host: a|content-length: 0||"),
    ),
    (
        "to go on with GET",
        "GET / HTTP/1.1|Host: a|Expect: 100-continue||",
        passes("GET / HTTP/1.1|host: a||"),
    ),
    (
        "from HTTP/1.0 it is not heard",
        "POST / HTTP/1.0|Host: a|Expect: 100-continue|Content-Length: 5||hello",
        passes("POST / HTTP/1.1|host: a|content-length: 5||hello"),
    ),
    (
        "twice the same",
        "POST / HTTP/1.1|Host: a|Expect: 100-continue|Expect: 100-continue|Content-Length: 5||hello",
        answered(&[100, 200], "POST / HTTP/1.1|host: a|content-length: 5||hello"),
    ),
    ("another", "POST / HTTP/1.1|Host: a|Expect: cake|Content-Length: 0||", refused(&[417])),
    ("a word before", "POST / HTTP/1.1|Host: a|Expect: y 100-continue|Content-Length: 0||", refused(&[417])),
    ("a list", "POST / HTTP/1.1|Host: a|Expect: 100-continue, cake|Content-Length: 0||", refused(&[417])),
    (
        "another in a line of its own",
        "POST / HTTP/1.1|Host: a|Expect: 100-continue|Expect: cake|Content-Length: 0||",
        refused(&[417]),
    ),
    ("a parameter", "POST / HTTP/1.1|Host: a|Expect: 100-continue;x|Content-Length: 0||", refused(&[417])),
    ("nothing", "POST / HTTP/1.1|Host: a|Expect: |Content-Length: 0||", refused(&[417])),
    ("quotes", "POST / HTTP/1.1|Host: a|Expect: \"100-continue\"|Content-Length: 0||", refused(&[417])),
    (
        "a refused one's body is no request",
        "POST / HTTP/1.1|Host: a|Expect: cake|Content-Length: 34||GET /evil HTTP/1.1|Host: evil||",
        refused(&[417]),
    ),
];

#[tokio::test]
async fn the_only_expectation_is_to_go_on_and_it_stays_here() {
    http1(EXPECTATIONS).await;
}

/// Nobody is told to send what nobody would read yet.
#[tokio::test]
async fn who_waits_to_go_on_is_told_once_the_service_is_awake() {
    let scene = Scene::new();
    let config = config([("web", scene.service("web", &[(BOOT, "boot")], json!({})))]);
    let gateway = scene.start(&config).await;
    let mut client = Wire::connect(gateway.address).await;
    client
        .write(b"POST /upload HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n")
        .await;
    gateway.held("web", 1).await;
    assert_eq!(client.there(), "", "the service is not there yet");
    scene.allow("boot");
    let go_on = client.response(false).await.unwrap();
    assert_eq!(go_on.head, "HTTP/1.1 100 Continue||");
    client.write(b"hello").await;
    let answer = client.response(false).await.unwrap();
    assert_eq!((answer.status(), answer.body.as_str()), (200, weighed(b"hello").as_str()));
}

/// A client that waits is answered at once where it is refused, and need not send anything.
#[tokio::test]
async fn who_waits_to_go_on_is_not_told_so_when_refused() {
    let stage = Stage::new().await;
    let mut client = Wire::connect(stage.gateway.address).await;
    client.write(b"POST / HTTP/1.1\r\nhost: a, b\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n").await;
    let answer = client.response(false).await.unwrap();
    assert_eq!(answer.status(), 400, "{answer:?}");
    // What it sends from now on may be the body after all, or a request: nobody knows, so nobody reads it.
    assert!(client.rest().await.is_empty());
}
