//! One end of a connection, as HTTP/1.1 reads it: head by head, body by body, and nothing forgiven.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::notation::text;

/// Far more than any step takes, on a busy machine too.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// A connection whose bytes are read message by message. It serves both sides.
pub(crate) struct Wire {
    stream: TcpStream,
    ahead: BytesMut,
    /// Every byte goes here too, as it comes.
    pub(super) raw: Vec<u8>,
}

/// How a message's body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    Known(usize),
    Chunked,
    ToTheEnd,
}

/// A message from the other side.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// From the first line to the empty line.
    pub(super) head: String,
    /// The body as it came; of chunks, their framing is told by [`Wire::body`].
    pub(super) body: String,
    /// It came to its end.
    pub(super) whole: bool,
}

impl Message {
    /// The status of a response.
    pub(super) fn status(&self) -> u16 {
        let status = self.head.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5));
        status.and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no status: {self:?}"))
    }

    /// The values of a field, in order.
    pub(super) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        fields(&self.head).filter(move |(is, _)| is.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(super) fn value(&self, name: &str) -> &str {
        fields(&self.head).find(|(is, _)| is.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }

    /// The content, without the framing of chunks.
    pub(super) fn content(&self) -> String {
        if self.value("transfer-encoding") != "chunked" {
            return self.body.clone();
        }
        let Some((size, rest)) = self.body.split_once('|') else { return String::new() };
        // A line end is one character here and two bytes there.
        let mut left = usize::from_str_radix(size, 16).unwrap();
        let fits = |character: &char| {
            let length = if *character == '|' { 2 } else { 1 };
            let fits = length <= left;
            left = left.saturating_sub(length);
            fits
        };
        rest.chars().take_while(fits).collect()
    }

    /// Whether the sender closes afterwards.
    pub(super) fn closes(&self) -> bool {
        match self.value("connection") {
            "close" => true,
            "keep-alive" => false,
            _ => self.head.starts_with("HTTP/1.0"),
        }
    }
}

/// The fields of a head in the notation of the tables.
pub(super) fn fields(head: &str) -> impl Iterator<Item = (&str, &str)> {
    head.split('|').skip(1).filter_map(|line| line.split_once(": "))
}

impl Wire {
    pub(crate) async fn connect(to: SocketAddr) -> Self {
        let stream = TcpStream::connect(to).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self::new(stream)
    }

    pub(crate) fn new(stream: TcpStream) -> Self {
        Self { stream, ahead: BytesMut::new(), raw: Vec::new() }
    }

    /// Writes; `false` when the other side has closed.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> bool {
        let written = tokio::time::timeout(PATIENCE, self.stream.write_all(bytes)).await;
        written.unwrap_or_else(|_| panic!("nobody reads {}", text(bytes))).is_ok()
    }

    /// Says that nothing more will come.
    pub(super) async fn finish(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// Closes with a reset: what is under way is lost.
    pub(super) fn reset(self) {
        let socket = socket2::SockRef::from(&self.stream);
        socket.set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// More bytes; `false` at the end.
    pub(crate) async fn more(&mut self) -> bool {
        let before = self.ahead.len();
        let read = tokio::time::timeout(PATIENCE, self.stream.read_buf(&mut self.ahead)).await;
        let read = read.unwrap_or_else(|_| panic!("nothing more after {}", text(&self.raw)));
        self.raw.extend_from_slice(&self.ahead[before..]);
        matches!(read, Ok(1..))
    }

    /// All up to and including `end`, or `None` where it ends before.
    async fn to(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self.ahead.windows(end.len()).position(|window| window == end) {
                return Some(self.ahead.split_to(at + end.len()).to_vec());
            }
            if !self.more().await {
                return None;
            }
        }
    }

    pub(crate) async fn exactly(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.ahead.len() < count {
            if !self.more().await {
                return None;
            }
        }
        Some(self.ahead.split_to(count).to_vec())
    }

    /// The rest, until the other side closes.
    pub(super) async fn rest(&mut self) -> Vec<u8> {
        while self.more().await {}
        self.taken()
    }

    /// What has come without waiting for it.
    pub(super) fn there(&mut self) -> String {
        // A read that would wait says so by an error.
        while let Ok(1..) = self.stream.try_read_buf(&mut self.ahead) {}
        text(&self.ahead)
    }

    /// What was read ahead.
    fn taken(&mut self) -> Vec<u8> {
        let count = self.ahead.remaining();
        self.ahead.split_to(count).to_vec()
    }

    /// A head; `None` where the connection ends before its first byte.
    pub(super) async fn head(&mut self) -> Option<Result<String, String>> {
        match self.to(b"\r\n\r\n").await {
            Some(head) => Some(Ok(text(&head))),
            None if self.ahead.is_empty() => None,
            None => Some(Err(text(&self.taken()))),
        }
    }

    /// A response; `bodyless` when it answers a HEAD.
    pub(super) async fn response(&mut self, bodyless: bool) -> Option<Message> {
        let head = self.head().await?.unwrap_or_else(|half| panic!("half a head: {half}"));
        let mut message = Message { head, body: String::new(), whole: true };
        let status = message.status();
        if bodyless || status < 200 || matches!(status, 204 | 304) {
            return Some(message);
        }
        let length = length_of(&message).unwrap_or(Length::ToTheEnd);
        (message.body, message.whole) = self.body(length).await;
        Some(message)
    }

    /// A body as it is on the wire, and whether all of it came. Where chunks are cut depends on how their bytes
    /// came, so consecutive ones are told as one.
    pub(super) async fn body(&mut self, length: Length) -> (String, bool) {
        match length {
            Length::Known(count) => match self.exactly(count).await {
                Some(body) => (text(&body), true),
                None => (text(&self.taken()), false),
            },
            Length::ToTheEnd => (text(&self.rest().await), true),
            Length::Chunked => self.chunks().await,
        }
    }

    async fn chunks(&mut self) -> (String, bool) {
        let mut data = Vec::new();
        let joined = |data: &[u8]| match data.len() {
            0 => String::new(),
            count => format!("{count:x}|{}|", text(data)),
        };
        loop {
            let Some(size) = self.to(b"\r\n").await else { return (joined(&data), false) };
            let size = text(&size);
            let size = size.trim_end_matches('|');
            let size = usize::from_str_radix(size, 16).unwrap_or_else(|_| panic!("a chunk of {size}"));
            if size == 0 {
                break;
            }
            match self.exactly(size + 2).await {
                Some(chunk) if chunk.ends_with(b"\r\n") => data.extend_from_slice(&chunk[..size]),
                Some(chunk) => panic!("a chunk that goes on: {}", text(&chunk)),
                None => {
                    data.extend(self.taken());
                    return (joined(&data), false);
                }
            }
        }
        let mut all = joined(&data) + "0|";
        loop {
            let Some(trailer) = self.to(b"\r\n").await else { return (all, false) };
            let trailer = text(&trailer);
            all.push_str(&trailer);
            if trailer == "|" {
                return (all, true);
            }
        }
    }
}

/// How the body of a message is delimited, where its head says; no two ways are allowed.
pub(super) fn length_of(message: &Message) -> Option<Length> {
    let codings: Vec<_> = message.values("transfer-encoding").collect();
    let lengths: Vec<_> = message.values("content-length").collect();
    match (codings.as_slice(), lengths.as_slice()) {
        ([], []) => None,
        (["chunked"], []) => Some(Length::Chunked),
        ([], [length]) => Some(Length::Known(length.parse().unwrap())),
        _ => panic!("its length is told in several ways: {}", message.head),
    }
}
