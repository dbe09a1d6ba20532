//! Answers that come before the request's body has ended: the client gets them whole, and the rest of the body is
//! never taken for anything else.

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use wakegate::net::ANY_LOOPBACK;

use super::client::{Length, Message, Wire, length_of};
use super::notation::{bytes, text};
use super::table::{Stage, before};
use crate::binary_kit::{Gateway, Scene};
use crate::proxy_kit::soon;

/// A service that answers `/early` at its head and reads on without a word; everything else it answers in its turn.
struct Early {
    gateway: Gateway,
    /// What came after the heads that it answered early, once their connections had ended.
    rests: watch::Receiver<Vec<String>>,
    /// Tells that it has read such a request to its end.
    read: Arc<Notify>,
    _scene: Scene,
}

impl Early {
    async fn new() -> Self {
        let listener = TcpListener::bind(ANY_LOOPBACK).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (write, rests) = watch::channel(Vec::new());
        let write = Arc::new(write);
        let read = Arc::new(Notify::new());
        let has_read = read.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (write, read) = (write.clone(), has_read.clone());
                tokio::spawn(async move {
                    if let Some(rest) = early(Wire::new(stream), &read).await {
                        write.send_modify(|rests| rests.push(rest));
                    }
                });
            }
        });
        let scene = Scene::new();
        let gateway = before(&scene, address, "http1").await;
        Self { gateway, rests, read, _scene: scene }
    }

    /// What came after the next head that it answered early.
    async fn rest(&mut self, at: usize) -> String {
        soon(self.rests.wait_for(|rests| rests.len() > at)).await.unwrap()[at].clone()
    }
}

async fn early(mut wire: Wire, read: &Notify) -> Option<String> {
    while let Some(Ok(head)) = wire.head().await {
        let message = Message { head, body: String::new(), whole: true };
        if message.head.starts_with("POST /early ") {
            wire.write(b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 9\r\n\r\ntoo large").await;
            let length = length_of(&message).unwrap_or(Length::Known(0));
            let (body, is_whole) = wire.body(length).await;
            read.notify_one();
            return Some(if is_whole { body + &text(&wire.rest().await) } else { body });
        }
        wire.body(length_of(&message).unwrap_or(Length::Known(0))).await;
        wire.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nlater").await;
    }
    None
}

/// The rest of the body goes where its beginning went, whatever it looks like, and no other request follows it there.
#[tokio::test]
async fn an_early_answer_is_whole_and_its_connection_serves_nobody_else() {
    let mut early = Early::new().await;
    let rows = [
        ("content-length: 35", "....", "GET /evil HTTP/1.1|Host: a||", "....GET /evil HTTP/1.1|Host: a||"),
        (
            "transfer-encoding: chunked",
            "4|....|",
            "1f|GET /evil HTTP/1.1|Host: a|||0||",
            "23|....GET /evil HTTP/1.1|Host: a|||0||",
        ),
    ];
    for (at, (length, first, second, rest)) in rows.into_iter().cycle().take(10).enumerate() {
        let mut client = Wire::connect(early.gateway.address).await;
        client.write(&bytes(&format!("POST /early HTTP/1.1|Host: a|{length}||{first}"))).await;
        let answer = client.response(false).await.unwrap();
        assert_eq!((answer.status(), answer.body.as_str()), (413, "too large"), "{answer:?}");
        client.write(&bytes(second)).await;
        soon(early.read.notified()).await;
        for _ in 0..5 {
            client.write(b"GET /next HTTP/1.1\r\nhost: a\r\n\r\n").await;
            assert_eq!(client.response(false).await.unwrap().body, "later");
        }
        assert_eq!(early.rest(at).await, rest);
    }
}

/// Where the client goes away instead, so does the connection.
#[tokio::test]
async fn a_client_that_leaves_after_an_early_answer_takes_the_connection_along() {
    let mut early = Early::new().await;
    let mut client = Wire::connect(early.gateway.address).await;
    client.write(b"POST /early HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n....").await;
    assert_eq!(client.response(false).await.unwrap().status(), 413);
    drop(client);
    assert_eq!(early.rest(0).await, "....");
}

/// The gateway's own answers are the earliest of all.
#[tokio::test]
async fn what_is_refused_with_its_body_under_way_is_not_read_on() {
    let stage = Stage::new().await;
    for head in [
        "POST / HTTP/1.1\r\nhost: a, b\r\ncontent-length: 1000\r\n\r\n....",
        "POST / HTTP/1.1\r\nhost: a, b\r\ntransfer-encoding: chunked\r\n\r\n4\r\n....\r\n",
        "POST / HTTP/1.1\r\nhost: a, b\r\ntransfer-encoding: chunked\r\n\r\nx\r\n",
        "TRACE / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\nexpect: cake\r\ncontent-length: 1000\r\n\r\n",
    ] {
        let mut client = Wire::connect(stage.gateway.address).await;
        client.write(head.as_bytes()).await;
        let answer = client.response(false).await.unwrap();
        assert!(answer.whole && answer.status() >= 400, "{answer:?}");
        client.write(b"GET /evil HTTP/1.1\r\nhost: a\r\n\r\n").await;
        let after = client.rest().await;
        assert!(after.is_empty(), "{head}: {}", String::from_utf8_lossy(&after));
    }
    let mut other = Wire::connect(stage.gateway.address).await;
    other.write(b"GET /fence HTTP/1.1\r\nhost: fence\r\n\r\n").await;
    other.response(false).await.unwrap();
    let fence = "GET /fence HTTP/1.1|host: fence||";
    assert_eq!(stage.witness.take_to(fence).await, fence);
}

/// A client that leaves in the middle of its body leaves the service with a request that it can see is not whole.
#[tokio::test]
async fn a_body_that_the_client_breaks_off_never_ends_for_the_service() {
    let stage = Stage::new().await;
    for (head, seen) in [
        ("content-length: 10\r\n\r\nhello", "content-length: 10||hello✂"),
        ("transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n", "transfer-encoding: chunked||5|hello|✂"),
        ("transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", "transfer-encoding: chunked||5|hello|✂"),
    ] {
        let mut client = Wire::connect(stage.gateway.address).await;
        client.write(format!("POST / HTTP/1.1\r\nhost: a\r\n{head}").as_bytes()).await;
        stage.witness.sees_something().await;
        drop(client);
        let expected = format!("POST / HTTP/1.1|host: a|{seen}");
        assert_eq!(stage.witness.take_to("✂").await, expected);
    }
}
