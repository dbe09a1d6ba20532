//! HTTP/2 by hand, for what no client library would send: frames (RFC 9113) and the simplest of HPACK (RFC 7541).

use std::net::SocketAddr;

use super::client::Wire;
use super::notation::{bytes, text};

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 0x1;
pub(crate) const END_HEADERS: u8 = 0x4;
pub(crate) const PADDED: u8 = 0x8;
pub(crate) const ACK: u8 = 0x1;

/// What a client begins with.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    pub(crate) fn new(kind: u8, flags: u8, stream: u32, payload: Vec<u8>) -> Self {
        Self { kind, flags, stream, payload }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut all = u32::try_from(self.payload.len()).unwrap().to_be_bytes()[1..].to_vec();
        all.extend([self.kind, self.flags]);
        all.extend(self.stream.to_be_bytes());
        all.extend(&self.payload);
        all
    }

    /// The code of a GOAWAY or a reset.
    pub(crate) fn error(&self) -> u32 {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }
}

/// Reads a frame; `None` where the connection ends.
pub(crate) async fn frame(wire: &mut Wire) -> Option<Frame> {
    let head = wire.exactly(9).await?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
    let payload = wire.exactly(length as usize).await?;
    Some(Frame { kind: head[3], flags: head[4], stream, payload })
}

/// A block of fields, written as `name: value|name: value`, each literally (RFC 7541 section 6.2.2).
pub(crate) fn block(fields: &str) -> Vec<u8> {
    let mut block = Vec::new();
    for field in fields.split('|').filter(|field| !field.is_empty()) {
        // The colon of a pseudo-field's name is not the one that ends it.
        let colon = 1 + field[1..].find(": ").unwrap_or_else(|| panic!("no value: {field}"));
        block.push(0);
        for part in [&field[..colon], &field[colon + 2..]] {
            let part = bytes(part);
            push_length(&mut block, part.len());
            block.extend(part);
        }
    }
    block
}

/// An integer with a prefix of seven bits (RFC 7541 section 5.1).
fn push_length(block: &mut Vec<u8>, length: usize) {
    if length < 127 {
        return block.push(length as u8);
    }
    block.push(127);
    let mut rest = length - 127;
    while rest >= 128 {
        block.push((rest % 128) as u8 | 0x80);
        rest /= 128;
    }
    block.push(rest as u8);
}

/// How a stream came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Answered { status: u16, body: String },
    Reset { code: u32, status: Option<u16>, body: String },
    GoneAway(u32),
}

/// A client.
pub(super) struct H2 {
    wire: Wire,
    next: u32,
}

impl H2 {
    pub(super) async fn connect(to: SocketAddr) -> Self {
        let mut wire = Wire::connect(to).await;
        let mut hello = PREFACE.to_vec();
        // No dynamic table: what comes can be read without remembering anything.
        hello.extend(Frame::new(SETTINGS, 0, 0, vec![0, 1, 0, 0, 0, 0]).bytes());
        wire.write(&hello).await;
        Self { wire, next: 1 }
    }

    pub(super) async fn write(&mut self, frame: &Frame) {
        self.wire.write(&frame.bytes()).await;
    }

    /// Sends a request of a table, and returns its stream.
    pub(super) async fn send(&mut self, request: &str) -> u32 {
        let stream = self.next;
        self.next += 2;
        let mut parts = request.splitn(3, "||");
        let (head, data, trailers) = (parts.next().unwrap(), parts.next(), parts.next());
        let end = |last: bool| if last { END_STREAM } else { 0 };
        let head = Frame::new(HEADERS, END_HEADERS | end(data.is_none()), stream, block(head));
        self.write(&head).await;
        if let Some(data) = data {
            self.write(&Frame::new(DATA, end(trailers.is_none()), stream, bytes(data))).await;
        }
        if let Some(trailers) = trailers {
            self.write(&Frame::new(HEADERS, END_HEADERS | END_STREAM, stream, block(trailers))).await;
        }
        stream
    }

    /// Waits for the end of a stream.
    pub(super) async fn ended(&mut self, stream: u32) -> Ended {
        let mut status = None;
        let mut body = Vec::new();
        loop {
            let Some(frame) = frame(&mut self.wire).await else { panic!("the connection ended") };
            match frame.kind {
                SETTINGS if frame.flags & ACK == 0 => self.write(&Frame::new(SETTINGS, ACK, 0, vec![])).await,
                GOAWAY => return Ended::GoneAway(frame.error()),
                _ if frame.stream != stream => {}
                RST_STREAM => {
                    return Ended::Reset { code: frame.error(), status, body: text(&body) };
                }
                HEADERS if status.is_none() => status = Some(status_of(&frame.payload)),
                DATA => body.extend(frame.payload),
                _ => {}
            }
            if matches!(frame.kind, HEADERS | DATA) && frame.flags & END_STREAM != 0 {
                let status = status.expect("an answer without a status");
                return Ended::Answered { status, body: text(&body) };
            }
        }
    }
}

/// The status, which is the first field of a response: one of the static table's, or a literal whose name is
/// (RFC 7541 appendix A), Huffman-coded or not.
pub(crate) fn status_of(block: &[u8]) -> u16 {
    // Changes of the table's size may come before.
    let start = block.iter().position(|byte| byte & 0xe0 != 0x20).unwrap();
    match block[start..] {
        [indexed @ 0x88..=0x8e, ..] => [200, 204, 206, 304, 400, 404, 500][usize::from(indexed) - 0x88],
        [0x08 | 0x18 | 0x48, 3, a, b, c, ..] => std::str::from_utf8(&[a, b, c]).unwrap().parse().unwrap(),
        [0x08 | 0x18 | 0x48, coded, ref rest @ ..] if coded & 0x80 != 0 => {
            huffman_digits(&rest[..usize::from(coded & 0x7f)])
        }
        _ => panic!("not a status: {block:x?}"),
    }
}

/// Digits in the code of RFC 7541 appendix B: 0 to 2 in five bits, the others in six.
fn huffman_digits(coded: &[u8]) -> u16 {
    let bits: Vec<u16> =
        coded.iter().flat_map(|byte| (0..8).rev().map(move |bit| u16::from(byte >> bit & 1))).collect();
    let number = |bits: &[u16]| bits.iter().fold(0, |sum, bit| sum * 2 + bit);
    let (mut at, mut status) = (0, 0);
    for _ in 0..3 {
        let digit = match number(&bits[at..at + 5]) {
            digit @ 0..=2 => {
                at += 5;
                digit
            }
            _ => {
                at += 6;
                number(&bits[at - 6..at]) - 0x19 + 3
            }
        };
        status = status * 10 + digit;
    }
    status
}
