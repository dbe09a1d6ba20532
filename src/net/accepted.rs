//! The client's end of an accepted TCP connection, and a way to see that it has gone.
//!
//! hyper watches for a client that leaves while it waits for an answer, but only once it has read all of the
//! request. Held requests keep their body unread, so somebody else has to look: [`ReadHalf`] does, at the socket's
//! readiness, without reading a byte.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::gathered::poll_write_pieces;
use super::{Accepted, BoxFuture, PeerWatch};

/// How often to look where the system has no event of its own for "the peer has closed".
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// An event that comes when the peer closes, and not when it sends data. Waiting for urgent data does: tokio counts
/// a closed read side with it, and HTTP never has any.
#[cfg(any(target_os = "linux", target_os = "android"))]
const CLOSING: Interest = Interest::PRIORITY;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const CLOSING: Interest = Interest::READABLE;

/// An accepted TCP connection.
pub(super) struct TcpAccepted {
    read: Arc<ReadHalf>,
    write: OwnedWriteHalf,
}

impl TcpAccepted {
    /// Takes over an accepted connection.
    pub(super) fn new(stream: TcpStream) -> Self {
        let (read, write) = stream.into_split();
        Self { read: Arc::new(ReadHalf(read)), write }
    }
}

impl Accepted for TcpAccepted {
    fn peer(&self) -> Arc<dyn PeerWatch> {
        self.read.clone()
    }
}

impl AsyncRead for TcpAccepted {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let stream = self.read.stream();
        loop {
            ready!(stream.poll_read_ready(cx))?;
            match read_now(stream, buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    }
}

/// Reads what is there. A buffer that was not filled means that there is no more for now, which is remembered as if
/// a second read had said so: one system call a request instead of two, as tokio's own `poll_read` does it.
fn read_now(stream: &TcpStream, buffer: &mut ReadBuf<'_>) -> io::Result<()> {
    let mut done = None;
    let tried = stream.try_io(Interest::READABLE, || {
        let space = buffer.remaining();
        let count = stream.try_read_buf(buffer)?;
        if EDGE_TRIGGERED && count > 0 && count < space {
            done = Some(());
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(())
    });
    done.map_or(tried, Ok)
}

/// Whether the system tells of new data even where the old event was put aside after a short read: epoll and kqueue.
const EDGE_TRIGGERED: bool = cfg!(any(target_os = "linux", target_os = "android", target_vendor = "apple"));

impl AsyncWrite for TcpAccepted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.write).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        poll_write_pieces(Pin::new(&mut self.write), cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.write.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.write).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.write).poll_shutdown(cx)
    }
}

impl fmt::Debug for TcpAccepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpAccepted").field("stream", &self.read).finish_non_exhaustive()
    }
}

/// The client's end as it is read. Sees the client go, whatever of what it sent is still unread.
#[derive(Debug)]
struct ReadHalf(OwnedReadHalf);

impl ReadHalf {
    fn stream(&self) -> &TcpStream {
        self.0.as_ref()
    }
}

impl PeerWatch for ReadHalf {
    fn gone(self: Arc<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let stream = self.stream();
            while let Ok(ready) = stream.ready(CLOSING).await {
                if ready.is_read_closed() {
                    return;
                }
                tokio::time::sleep(LOOK_INTERVAL).await;
            }
        })
    }
}
