//! An HTTP/2 client that does what no library would.

use std::net::SocketAddr;

pub(super) use crate::wire::frames::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PADDED, PING, RST_STREAM, SETTINGS,
    WINDOW_UPDATE, status_of,
};

use crate::proxy_kit::soon;
use crate::wire::client::Wire;
use crate::wire::frames::{Frame, PREFACE, block, frame as read};

/// The error code of a client that does too much (RFC 9113 section 7).
pub(super) const ENHANCE_YOUR_CALM: u32 = 11;

/// A frame as it goes over the wire.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    Frame::new(kind, flags, stream, payload.to_vec()).bytes()
}

/// The fields of a request.
pub(super) fn fields(method: &str, path: &str) -> Vec<u8> {
    block(&format!(":scheme: http|:method: {method}|:path: {path}|:authority: shop.example"))
}

/// A whole request without a body.
pub(super) fn get(stream: u32, path: &str) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &fields("GET", path))
}

/// A client that sends what it is told.
pub(super) struct Client(Wire);

impl Client {
    /// Opens a connection and sends the preface, with settings of its own.
    pub(super) async fn connect(to: SocketAddr, settings: &[u8]) -> Self {
        let mut client = Self(Wire::connect(to).await);
        let hello = [PREFACE, &frame(SETTINGS, 0, 0, settings), &frame(SETTINGS, ACK, 0, &[])].concat();
        client.send(&hello).await;
        client
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) {
        assert!(self.try_send(bytes).await, "the gateway has closed");
    }

    /// `false`: the gateway has closed.
    pub(super) async fn try_send(&mut self, bytes: &[u8]) -> bool {
        soon(self.0.write(bytes)).await
    }

    /// The next frame; `None` at the end.
    pub(super) async fn next(&mut self) -> Option<Frame> {
        read(&mut self.0).await
    }

    /// Reads until a frame of this kind and stream comes.
    pub(super) async fn until(&mut self, kind: u8, stream: u32) -> Frame {
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
