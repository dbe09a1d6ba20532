//! A service that answers as a table says, and what clients get to see of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::TcpListener;
use wakegate::net::ANY_LOOPBACK;

use super::client::{Length, Message, Wire, length_of};
use super::frames::{Ended, H2};
use super::notation::bytes;
use super::table::before;
use super::witness::CUT;
use crate::binary_kit::{Gateway, Scene};

/// Stands in an answer where the service resets its connection; where it closes it, [`CUT`] does.
pub(super) const RESET: char = '↯';

/// Whether the service's connection is used again afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    Again,
    Gone,
}

/// A name, what the service answers, what the client gets: the status, the fields but the date, the content, and
/// [`CUT`] where it can tell that it was not all.
pub(super) type Row = (&'static str, &'static str, &'static str, Then);

/// A service that answers `/N` as the Nth row says and everything else with its target.
struct Script {
    address: SocketAddr,
    /// How often a row was asked for.
    asked: Arc<AtomicUsize>,
}

impl Script {
    async fn new(rows: &'static [Row]) -> Self {
        let listener = TcpListener::bind(ANY_LOOPBACK).await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        tokio::spawn(async move {
            let mut number = 0;
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                tokio::spawn(answer(Wire::new(stream), rows, count.clone(), number));
                number += 1;
            }
        });
        Self { address, asked }
    }
}

/// Answers what is asked for on a connection; what is not in the rows is answered with the connection's number.
async fn answer(mut wire: Wire, rows: &[Row], asked: Arc<AtomicUsize>, number: usize) {
    while let Some(Ok(head)) = wire.head().await {
        let message = Message { head, body: String::new(), whole: true };
        wire.body(length_of(&message).unwrap_or(Length::Known(0))).await;
        let target = message.head.split(' ').nth(1).unwrap();
        let Some(row) = target.strip_prefix("/row/").map(|row| row.parse::<usize>().unwrap()) else {
            let number = format!("connection {number}");
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{number}", number.len());
            wire.write(answer.as_bytes()).await;
            continue;
        };
        asked.fetch_add(1, Ordering::SeqCst);
        let script = rows[row].1;
        wire.write(&bytes(script.trim_end_matches([CUT, RESET]))).await;
        if script.ends_with(RESET) {
            return wire.reset();
        }
        if script.ends_with(CUT) {
            return;
        }
    }
}

/// Asks for each row over HTTP/1.1 and over HTTP/2, and says of all at once which did not come out as expected.
pub(super) async fn replies(rows: &'static [Row]) {
    let script = Script::new(rows).await;
    let scene = Scene::new();
    let gateway = before(&scene, script.address, "http1").await;
    let mut wrong = Vec::new();
    for (at, &(name, answer, want, then)) in rows.iter().enumerate() {
        for http2 in [false, true] {
            let first = connection(&gateway).await;
            let asked = script.asked.load(Ordering::SeqCst);
            let (got, want) = if http2 {
                (over_http2(&gateway, at).await, in_http2(want))
            } else {
                (over_http1(&gateway, name, at).await, want.to_owned())
            };
            let asked = script.asked.load(Ordering::SeqCst) - asked;
            // What a connection has left over must not come out as the answer to somebody else.
            let second = connection(&gateway).await;
            let is_then = if first == second { Then::Again } else { Then::Gone };
            if got != want || is_then != then || asked != 1 {
                wrong.push(format!(
                    "{name} (HTTP/2: {http2}): {answer:?}\n   wanted {want} {then:?}\n   but    {got} {is_then:?}, asked \
                     {asked} times"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), rows.len() * 2, wrong.join("\n"));
}

/// Which of the service's connections the next request goes over.
async fn connection(gateway: &Gateway) -> String {
    let mut client = Wire::connect(gateway.address).await;
    client.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let answer = client.response(false).await.unwrap();
    assert!(answer.body.starts_with("connection "), "{answer:?}");
    answer.body
}

async fn over_http1(gateway: &Gateway, name: &str, row: usize) -> String {
    let mut client = Wire::connect(gateway.address).await;
    let method = if name.starts_with("HEAD") { "HEAD" } else { "GET" };
    client.write(format!("{method} /row/{row} HTTP/1.1\r\nhost: a\r\n\r\n").as_bytes()).await;
    let answer = client.response(method == "HEAD").await.unwrap();
    if answer.status() == 502 {
        return "502".to_owned();
    }
    let mut got = answer.status().to_string();
    for line in answer.head.split('|').skip(1).filter(|line| !line.is_empty() && !line.starts_with("date: "))
    {
        got.push_str(&format!("|{line}"));
    }
    got.push_str("||");
    got.push_str(&answer.content());
    if answer.whole {
        // What comes next on the connection is the answer to what is asked next.
        client.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
        let next = client.response(false).await.unwrap();
        assert!(next.body.starts_with("connection "), "{next:?}");
    } else {
        got.push(CUT);
        assert!(client.rest().await.is_empty(), "{answer:?}");
    }
    got
}

async fn over_http2(gateway: &Gateway, row: usize) -> String {
    let mut client = H2::connect(gateway.address).await;
    let stream = client.send(&format!(":method: GET|:scheme: http|:authority: a|:path: /row/{row}")).await;
    match client.ended(stream).await {
        Ended::Answered { status: 502, .. } => "502".to_owned(),
        Ended::Answered { status, body } => format!("{status}||{body}"),
        // What was not sent yet went with the reset.
        Ended::Reset { .. } => CUT.to_string(),
        gone @ Ended::GoneAway(_) => panic!("{gone:?}"),
    }
}

/// A row's expectation, without the fields.
fn in_http2(want: &str) -> String {
    if want.ends_with(CUT) {
        return CUT.to_string();
    }
    match want.split_once("||") {
        Some((head, content)) => format!("{}||{content}", &head[..3]),
        None => want.to_owned(),
    }
}
