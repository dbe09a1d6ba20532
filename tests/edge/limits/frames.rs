//! HTTP/2 by hand (RFC 9113), for what no client library would send.

use std::net::SocketAddr;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::proxy_kit::soon;

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RESET: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;
pub(super) const ACK: u8 = 1;

/// The error code of a client that does too much (RFC 9113 section 7).
pub(super) const ENHANCE_YOUR_CALM: u32 = 11;

/// A frame as it goes over the wire.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, long, middle, short] = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![long, middle, short, kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The fields of a request (RFC 7541: indexed and literal ones, no Huffman code).
pub(super) fn fields(method: &str, path: &str) -> Vec<u8> {
    let mut block = vec![0x86];
    for (name, value) in [(2, method), (4, path), (1, "shop.example")] {
        block.push(name);
        block.push(u8::try_from(value.len()).unwrap());
        block.extend(value.as_bytes());
    }
    block
}

/// A whole request without a body.
pub(super) fn get(stream: u32, path: &str) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &fields("GET", path))
}

/// A frame that came.
#[derive(Debug)]
pub(super) struct Came {
    pub(super) kind: u8,
    pub(super) stream: u32,
    pub(super) payload: Vec<u8>,
}

impl Came {
    /// Of a GOAWAY or a reset.
    pub(super) fn error(&self) -> u32 {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }
}

/// A client that sends what it is told.
pub(super) struct Client {
    stream: TcpStream,
    ahead: BytesMut,
}

impl Client {
    /// Opens a connection and sends the preface, with settings of its own.
    pub(super) async fn connect(to: SocketAddr, settings: &[u8]) -> Self {
        let mut client = Self { stream: TcpStream::connect(to).await.unwrap(), ahead: BytesMut::new() };
        let mut hello = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        hello.extend(frame(SETTINGS, 0, 0, settings));
        hello.extend(frame(SETTINGS, ACK, 0, &[]));
        client.send(&hello).await;
        client
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) {
        assert!(self.try_send(bytes).await, "the gateway has closed");
    }

    /// `false`: the gateway has closed.
    pub(super) async fn try_send(&mut self, bytes: &[u8]) -> bool {
        soon(self.stream.write_all(bytes)).await.is_ok()
    }

    /// The next frame; `None` at the end.
    pub(super) async fn next(&mut self) -> Option<Came> {
        loop {
            if let Some([long, middle, short, kind, _, stream @ ..]) = self.ahead.get(..9) {
                let length = u32::from_be_bytes([0, *long, *middle, *short]) as usize;
                let came = (*kind, u32::from_be_bytes(stream.try_into().unwrap()));
                if self.ahead.len() >= 9 + length {
                    self.ahead.advance(9);
                    let payload = self.ahead.split_to(length).to_vec();
                    let (kind, stream) = came;
                    return Some(Came { kind, stream, payload });
                }
            }
            match soon(self.stream.read_buf(&mut self.ahead)).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// Reads until a frame of this kind and stream comes.
    pub(super) async fn until(&mut self, kind: u8, stream: u32) -> Came {
        loop {
            let came = self.next().await.expect("the connection ended");
            if (came.kind, came.stream) == (kind, stream) {
                return came;
            }
        }
    }

    /// Reads to the end of the connection, and returns the code of its last GOAWAY.
    pub(super) async fn farewell(&mut self) -> Option<u32> {
        let mut code = None;
        while let Some(came) = self.next().await {
            if came.kind == GOAWAY {
                code = Some(came.error());
            }
        }
        code
    }
}
