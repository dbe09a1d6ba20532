//! A service that writes down what reaches it.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use wakegate::net::ANY_LOOPBACK;

use super::client::{Length, Message, PATIENCE, Wire, fields, length_of};

/// Stands where a message broke off.
pub(super) const CUT: char = '✂';

/// What the gateway adds to every request. It is checked, and left out of what the tables show.
const OURS: [&str; 6] = [
    "x-forwarded-for",
    "forwarded",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-real-ip",
];

/// A service that answers each request with its target as the body, and keeps its connections.
pub(super) struct Witness {
    pub(super) address: SocketAddr,
    seen: watch::Receiver<String>,
    write: Arc<watch::Sender<String>>,
}

impl Witness {
    pub(super) async fn new() -> Self {
        let listener = TcpListener::bind(ANY_LOOPBACK).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (write, seen) = watch::channel(String::new());
        let write = Arc::new(write);
        let notes = write.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                tokio::spawn(serve(Wire::new(stream), notes.clone()));
            }
        });
        Self { address, seen, write }
    }

    /// What came since this was asked last, from its first byte to `end`.
    pub(super) async fn take_to(&self, end: &str) -> String {
        self.sees(end, |seen| seen.ends_with(end)).await;
        self.write.send_replace(String::new())
    }

    /// Waits until a message has begun.
    pub(super) async fn sees_something(&self) {
        self.sees("something", |seen| !seen.is_empty()).await;
    }

    /// Waits until a message broke off.
    pub(super) async fn sees_a_cut(&self) {
        self.sees("a cut", |seen| seen.contains(CUT)).await;
    }

    async fn sees(&self, what: &str, is: impl Fn(&str) -> bool) {
        let mut seen = self.seen.clone();
        let there = seen.wait_for(|seen| is(seen));
        if tokio::time::timeout(PATIENCE, there).await.is_err() {
            panic!("not seen: {what}\nbut: {}", self.seen.borrow().as_str());
        }
    }
}

async fn serve(mut wire: Wire, notes: Arc<watch::Sender<String>>) {
    let note = |text: &str| notes.send_modify(|seen| seen.push_str(text));
    loop {
        let head = match wire.head().await {
            Some(Ok(head)) => head,
            Some(Err(half)) => return note(&format!("{half}{CUT}")),
            None => return,
        };
        let mut message = Message { head, body: String::new(), whole: true };
        note(&without_ours(&message));
        let length = length_of(&message).unwrap_or(Length::Known(0));
        (message.body, message.whole) = wire.body(length).await;
        note(&message.body);
        if !message.whole {
            return note(&CUT.to_string());
        }
        let target = message.head.split(' ').nth(1).unwrap_or_default();
        let body = if message.head.starts_with("HEAD ") { "" } else { target };
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", target.len());
        wire.write(answer.as_bytes()).await;
    }
}

/// The head without what the gateway itself has added, which must be right.
fn without_ours(message: &Message) -> String {
    let host = message.value("host");
    let port = host.rsplit_once(':').map_or("80", |(_, port)| port);
    let quote = if host.contains([':', '[']) { "\"" } else { "" };
    let client = "127.0.0.1";
    let forwarded = format!("for={client};host={quote}{host}{quote};proto=http");
    let expected = [client, &forwarded, "http", host, port, client];
    for (name, expected) in OURS.iter().zip(expected) {
        let values: Vec<_> = message.values(name).collect();
        if values != [expected] {
            return format!("WRONG {name}: {values:?} in {}", message.head);
        }
    }
    let mut head = message.head.split('|').next().unwrap_or_default().to_owned() + "|";
    for (name, value) in fields(&message.head).filter(|(name, _)| !OURS.contains(name)) {
        head.push_str(&format!("{name}: {value}|"));
    }
    head + "|"
}
