//! A TCP connection as it is read and written: with as few system calls as will do.

use std::borrow::Borrow;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

use super::splice::{Slot, stands_in};

/// Up to this much it costs less to copy the pieces of a write together than to have the system gather them: a head and its
/// small body.
const SMALL: usize = 2048;

/// Whether the system tells of new data, or of room for it, even where the old event was put aside after a short read or
/// write: epoll and kqueue.
const EDGE_TRIGGERED: bool = cfg!(any(target_os = "linux", target_os = "android", target_vendor = "apple"));

/// A connection.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) stream: TcpStream,
    /// Where to find what stand-ins stand for.
    pub(super) slot: Slot,
}

impl Socket {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, slot: Slot::default() }
    }

    /// Does what can be done now, or waits until it can. Less than the most means that no more goes for now, which is
    /// remembered as if a second try had said so: one system call a request instead of two.
    pub(super) fn poll_io(
        &self,
        cx: &mut Context<'_>,
        what: Interest,
        most: usize,
        mut go: impl FnMut(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(if what.is_readable() {
                self.stream.poll_read_ready(cx)
            } else {
                self.stream.poll_write_ready(cx)
            })?;
            let mut done = None;
            let tried = self.stream.try_io(what, || {
                let count = go(&self.stream)?;
                if EDGE_TRIGGERED && 0 < count && count < most {
                    done = Some(count);
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                Ok(count)
            });
            match done.map_or(tried, Ok) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    }

    fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if stands_in(bytes) {
            return self.slot.poll_drain(cx, self, bytes.len());
        }
        self.poll_io(cx, Interest::WRITABLE, bytes.len(), |stream| stream.try_write(bytes))
    }
}

/// A connection to read and write by whoever has it, or a share of it.
#[derive(Debug)]
pub(super) struct Tcp<S>(pub(super) S);

impl<S: Borrow<Socket> + Unpin> AsyncRead for Tcp<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let socket = self.0.borrow();
        let space = buffer.remaining();
        socket.poll_io(cx, Interest::READABLE, space, |stream| stream.try_read_buf(buffer)).map_ok(drop)
    }
}

impl<S: Borrow<Socket> + Unpin> AsyncWrite for Tcp<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.borrow().poll_write(cx, bytes)
    }

    /// Writes small pieces as one, and large ones as they are.
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let socket = self.0.borrow();
        // What comes before the first that stands in, or that alone.
        let own = pieces.iter().position(|piece| stands_in(piece)).unwrap_or(pieces.len());
        let pieces = &pieces[..own.max(1).min(pieces.len())];
        if let [piece] = pieces {
            return socket.poll_write(cx, piece);
        }
        let all = pieces.iter().map(|piece| piece.len()).sum();
        if all > SMALL {
            return socket.poll_io(cx, Interest::WRITABLE, all, |stream| stream.try_write_vectored(pieces));
        }
        let mut room = [MaybeUninit::uninit(); SMALL];
        let mut whole = ReadBuf::uninit(&mut room);
        for piece in pieces {
            whole.put_slice(piece);
        }
        socket.poll_write(cx, whole.filled())
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// The system sends by itself.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(SockRef::from(&self.0.borrow().stream).shutdown(Shutdown::Write))
    }
}
