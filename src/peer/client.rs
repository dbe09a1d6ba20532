//! The client's end of a connection as the gateway reads it, and the request's own eye on it.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::net::{Accepted, BoxFuture, PeerWatch};

/// An accepted connection. What was read ahead of hyper comes first.
pub struct ClientIo {
    io: Box<dyn Accepted>,
    ahead: Bytes,
}

impl ClientIo {
    /// Takes over an accepted connection.
    pub fn new(io: Box<dyn Accepted>) -> Self {
        Self { io, ahead: Bytes::new() }
    }

    /// Sees the client go.
    pub fn peer_gone(&self) -> PeerGone {
        PeerGone(self.io.peer())
    }

    /// The connection, and what was read ahead of it.
    pub fn into_parts(self) -> (Box<dyn Accepted>, Bytes) {
        (self.io, self.ahead)
    }

    /// Puts bytes that were read back to the front.
    pub fn unread(&mut self, bytes: Bytes) {
        let behind = std::mem::replace(&mut self.ahead, bytes);
        if !behind.is_empty() {
            self.ahead = [&*self.ahead, &*behind].concat().into();
        }
    }
}

impl AsyncRead for ClientIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ahead.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buffer);
        }
        let count = self.ahead.len().min(buffer.remaining());
        buffer.put_slice(&self.ahead[..count]);
        self.ahead.advance(count);
        if self.ahead.is_empty() {
            // What it was cut from is not to be held on to.
            self.ahead = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ClientIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

impl fmt::Debug for ClientIo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientIo").field("peer", &self.io.peer()).finish_non_exhaustive()
    }
}

/// Sees a client go, whatever of its request is still unread. Each HTTP/1 request carries one as an extension; over
/// HTTP/2 a client that leaves ends its requests by itself.
#[derive(Clone, Debug)]
pub struct PeerGone(Arc<dyn PeerWatch>);

impl PeerGone {
    /// The eye itself.
    #[cfg(feature = "server")]
    pub(crate) fn into_watch(self) -> Arc<dyn PeerWatch> {
        self.0
    }

    /// Resolves when the client has closed its connection or at least its sending half: a client that half-closes
    /// after its request counts as gone, as it does for hyper.
    pub fn gone(&self) -> BoxFuture<'static, ()> {
        self.0.clone().gone()
    }
}
