//! A connection whose first bytes can be read twice.
//!
//! A request that is held is read a second time once it may go on, by a reader that knows nothing of the first. For that,
//! what the first has read is kept until the request turns out not to be held.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much is read before there is a reader with buffers of its own. A request's head mostly fits.
const FIRST_READ: usize = 1024;

/// Whether what is read is still kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Keeping(Arc<AtomicBool>);

impl Keeping {
    pub(super) fn end(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn has_ended(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A connection that was read ahead, and keeps what it gives out for as long as it is told to.
pub(super) struct Replay<I> {
    io: I,
    ahead: Bytes,
    kept: Option<Box<Kept>>,
}

/// What was given out: what had been read ahead, and what came after it.
struct Kept {
    first: Bytes,
    more: Vec<u8>,
    keeping: Keeping,
}

impl<I> Replay<I> {
    pub(super) fn new(io: I, ahead: Bytes) -> Self {
        Self { io, ahead, kept: None }
    }

    /// What was read ahead.
    pub(super) fn ahead(&self) -> &[u8] {
        &self.ahead
    }

    /// The connection, and what was read ahead of it.
    pub(super) fn into_parts(self) -> (I, Bytes) {
        (self.io, self.ahead)
    }

    /// Puts bytes that were read back to the front. Nothing is kept any more.
    pub(super) fn unread(&mut self, bytes: Bytes) {
        self.kept = None;
        if !bytes.is_empty() {
            self.ahead = if self.ahead.is_empty() { bytes } else { [&*bytes, &*self.ahead].concat().into() };
        }
    }

    /// Begins to keep what is given out.
    pub(super) fn keep(&mut self) -> Keeping {
        let keeping = Keeping::default();
        let kept = Kept { first: self.ahead.clone(), more: Vec::new(), keeping: keeping.clone() };
        self.kept = Some(kept.into());
        keeping
    }

    /// Goes back to where keeping began.
    pub(super) fn rewind(&mut self) {
        if let Some(kept) = self.kept.take() {
            let Kept { first, more, .. } = *kept;
            // In any case a copy: what has been shared takes up more room.
            self.ahead = [&*first, &*more].concat().into();
        }
    }
}

impl<I: AsyncRead + Unpin> Replay<I> {
    /// Waits for something to read. `false`: there is no more.
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        if self.ahead.is_empty() { self.poll_more(cx) } else { Poll::Ready(Ok(true)) }
    }

    /// Reads more ahead, and takes room for what has come alone. `false`: there is no more.
    pub(super) fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut buffer = [MaybeUninit::uninit(); FIRST_READ];
        let mut buffer = ReadBuf::uninit(&mut buffer);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut buffer))?;
        let came = buffer.filled();
        self.ahead = [&*self.ahead, came].concat().into();
        Poll::Ready(Ok(!came.is_empty()))
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Replay<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.ahead.is_empty() {
            let count = this.ahead.len().min(buffer.remaining());
            buffer.put_slice(&this.ahead[..count]);
            this.ahead.advance(count);
            if this.ahead.is_empty() {
                // What it was cut from is not to be held on to.
                this.ahead = Bytes::new();
            }
            return Poll::Ready(Ok(()));
        }
        let Some(kept) = &mut this.kept else { return Pin::new(&mut this.io).poll_read(cx, buffer) };
        if kept.keeping.has_ended() {
            this.kept = None;
            return Pin::new(&mut this.io).poll_read(cx, buffer);
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.io).poll_read(cx, buffer);
        kept.more.extend_from_slice(buffer.filled().get(before..).unwrap_or_default());
        read
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Replay<I> {
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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    async fn fill(replay: &mut Replay<DuplexStream>) -> bool {
        poll_fn(|cx| replay.poll_fill(cx)).await.unwrap()
    }

    async fn read(io: &mut (impl AsyncRead + Unpin), count: usize) -> String {
        let mut bytes = vec![0; count];
        io.read_exact(&mut bytes).await.unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[tokio::test]
    async fn what_was_kept_is_read_again_and_then_what_came_since() {
        let (mut client, server) = duplex(64);
        let mut replay = Replay::new(server, Bytes::new());
        client.write_all(b"one ").await.unwrap();
        assert!(fill(&mut replay).await);
        let _keeping = replay.keep();
        client.write_all(b"two ").await.unwrap();
        assert_eq!(read(&mut replay, 8).await, "one two ");
        client.write_all(b"three").await.unwrap();
        replay.rewind();
        assert!(fill(&mut replay).await);
        assert_eq!(read(&mut replay, 13).await, "one two three");
        drop(client);
        assert!(!fill(&mut replay).await);
    }

    #[tokio::test]
    async fn what_is_not_kept_is_gone() {
        let (mut client, server) = duplex(64);
        let mut replay = Replay::new(server, Bytes::new());
        client.write_all(b"one ").await.unwrap();
        let keeping = replay.keep();
        assert_eq!(read(&mut replay, 4).await, "one ");
        keeping.end();
        client.write_all(b"two").await.unwrap();
        assert_eq!(read(&mut replay, 3).await, "two");
        replay.rewind();
        replay.unread(Bytes::from_static(b"three"));
        assert_eq!(read(&mut replay, 5).await, "three");
    }
}
