//! A service that speaks HTTP/2, frame by frame: what it breaks off is seen to be broken off.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Response;
use tokio::net::TcpListener;
use wakegate::net::ANY_LOOPBACK;

use super::client::Wire;
use super::frames::{
    DATA, END_HEADERS, END_STREAM, Ended, Frame, GOAWAY, H2, HEADERS, RST_STREAM, SETTINGS, block, frame,
};
use super::table::before;
use crate::binary_kit::Scene;
use crate::proxy_kit::{full, h2_upstream};

/// What the service sends for a request, and what comes of it: the whole answer, one that is cut, or a status. With the
/// connection gone, the head may not have been read in time; it is never taken for a whole answer.
const ROWS: &[(&str, &[Step], &str)] = &[
    ("an answer", &[Head(":status: 200"), Data("hello"), End], "200 hello"),
    ("a length that is kept", &[Head(":status: 200|content-length: 5"), Data("hello"), End], "200 hello"),
    ("a status alone", &[HeadEnd(":status: 204")], "204 "),
    ("an answer with trailers", &[Head(":status: 200"), Data("hello"), HeadEnd("x-sum: 1")], "200 hello"),
    (
        "hints before",
        &[Head(":status: 103|link: </a>"), Head(":status: 200"), Data("hello"), End],
        "200 hello",
    ),
    ("an answer, and no wish for more", &[Head(":status: 200"), Data("hello"), End, Reset(0)], "200 hello"),
    ("a stream that is reset", &[Head(":status: 200"), Data("hello"), Reset(2)], "cut"),
    ("a stream that is cancelled", &[Head(":status: 200"), Data("hello"), Reset(8)], "cut"),
    ("a stream that is reset without an error", &[Head(":status: 200"), Data("hello"), Reset(0)], "cut"),
    (
        "a connection that goes away without an error",
        &[Head(":status: 200"), Data("hello"), GoAway(0), Close],
        "cut or 502",
    ),
    ("less than the length", &[Head(":status: 200|content-length: 10"), Data("hello"), End], "cut"),
    ("more than the length", &[Head(":status: 200|content-length: 2"), Data("hello"), End], "cut"),
    ("a connection that ends", &[Head(":status: 200"), Data("hello"), Close], "cut or 502"),
    ("a connection that is given up", &[Head(":status: 200"), Data("hello"), GoAway(2), Close], "cut or 502"),
    ("a reset before anything", &[Reset(2)], "502"),
    ("no status", &[Head("x: y"), Data("hello"), End], "502"),
    ("a status of letters", &[Head(":status: 2OO"), Data("hello"), End], "502"),
    ("a switch of protocols", &[Head(":status: 101"), Data("hello"), End], "502"),
    ("data before the head", &[Data("hello"), End], "502"),
    ("a name in capitals", &[Head(":status: 200|X: y"), Data("hello"), End], "502"),
    ("a field of one hop", &[Head(":status: 200|connection: x"), Data("hello"), End], "502"),
    ("two lengths", &[Head(":status: 200|content-length: 5|content-length: 6"), Data("hello"), End], "502"),
    ("a value with a line feed", &[Head(":status: 200|x: y\nz: 1"), Data("hello"), End], "502"),
];

#[derive(Clone, Copy, Debug)]
enum Step {
    Head(&'static str),
    HeadEnd(&'static str),
    Data(&'static str),
    End,
    Reset(u32),
    GoAway(u32),
    Close,
}
use Step::{Close, Data, End, GoAway, Head, HeadEnd, Reset};

/// Answers each request as the row that is on says.
async fn serve(mut wire: Wire, on: Arc<AtomicUsize>, asked: Arc<AtomicUsize>) {
    if wire.exactly(24).await.is_none() {
        return;
    }
    wire.write(&Frame::new(SETTINGS, 0, 0, vec![]).bytes()).await;
    while let Some(request) = frame(&mut wire).await {
        if request.kind != HEADERS {
            continue;
        }
        asked.fetch_add(1, Ordering::SeqCst);
        let stream = request.stream;
        for step in ROWS[on.load(Ordering::SeqCst)].1 {
            let frame = match *step {
                Head(fields) => Frame::new(HEADERS, END_HEADERS, stream, block(fields)),
                HeadEnd(fields) => Frame::new(HEADERS, END_HEADERS | END_STREAM, stream, block(fields)),
                Data(data) => Frame::new(DATA, 0, stream, data.into()),
                End => Frame::new(DATA, END_STREAM, stream, vec![]),
                Reset(code) => Frame::new(RST_STREAM, 0, stream, code.to_be_bytes().to_vec()),
                GoAway(code) => {
                    let payload = [stream.to_be_bytes(), code.to_be_bytes()].concat();
                    Frame::new(GOAWAY, 0, 0, payload)
                }
                Close => {
                    // With something unread, a close would be a reset, and take along what is under way.
                    wire.finish().await;
                    wire.rest().await;
                    return;
                }
            };
            wire.write(&frame.bytes()).await;
        }
    }
}

async fn over_http1(to: SocketAddr) -> String {
    let mut client = Wire::connect(to).await;
    client.write(b"POST / HTTP/1.1\r\nhost: a\r\nte: trailers\r\n\r\n").await;
    // With the connection gone before the head was written, there is nothing at all.
    let Some(answer) = client.response(false).await else { return "cut".to_owned() };
    match (answer.status(), answer.whole) {
        (502, true) => "502".to_owned(),
        (status, true) => format!("{status} {}", answer.content()),
        (_, false) => "cut".to_owned(),
    }
}

async fn over_http2(to: SocketAddr) -> String {
    let mut client = H2::connect(to).await;
    let stream = client.send(":method: POST|:scheme: http|:authority: a|:path: /").await;
    match client.ended(stream).await {
        Ended::Answered { status: 502, .. } => "502".to_owned(),
        Ended::Answered { status, body } => format!("{status} {body}"),
        Ended::Reset { .. } => "cut".to_owned(),
        gone @ Ended::GoneAway(_) => panic!("{gone:?}"),
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_seen_to_break_off() {
    let listener = TcpListener::bind(ANY_LOOPBACK).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (on, asked) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (is_on, count) = (on.clone(), asked.clone());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(Wire::new(stream), is_on.clone(), count.clone()));
        }
    });
    let scene = Scene::new();
    let gateway = before(&scene, address, "h2").await;
    let mut wrong = Vec::new();
    for (at, (name, steps, want)) in ROWS.iter().enumerate() {
        on.store(at, Ordering::SeqCst);
        for http2 in [false, true] {
            let before = asked.load(Ordering::SeqCst);
            let to = gateway.address;
            let asking = async { if http2 { over_http2(to).await } else { over_http1(to).await } };
            let got = tokio::time::timeout(Duration::from_secs(20), asking).await;
            let got = got.unwrap_or_else(|_| format!("no answer; the log: {:#?}", gateway.log().all()));
            let asked = asked.load(Ordering::SeqCst) - before;
            if !want.split(" or ").any(|want| got == want) || asked != 1 {
                wrong.push(format!("{name} (HTTP/2: {http2}): {steps:?}\n   wanted {want}\n   but    {got}, asked {asked} times"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), ROWS.len() * 2, wrong.join("\n"));
}

/// The server as a whole is asked in one way here and in another there (RFC 9113 section 8.3.1).
#[tokio::test]
async fn the_server_as_a_whole_can_be_asked_over_either_version() {
    let service = h2_upstream(100, false, async |request| {
        Response::new(full(format!("{} {}", request.method(), request.uri().path())))
    })
    .await;
    let scene = Scene::new();
    let gateway = before(&scene, service.address, "h2").await;
    let mut client = Wire::connect(gateway.address).await;
    client.write(b"OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(client.response(false).await.unwrap().content(), "OPTIONS *");
    let mut client = H2::connect(gateway.address).await;
    let stream = client.send(":method: OPTIONS|:scheme: http|:authority: a|:path: *").await;
    let body = "OPTIONS *".to_owned();
    assert_eq!(client.ended(stream).await, Ended::Answered { status: 200, body });
}
