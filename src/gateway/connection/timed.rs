//! A client's connection that nobody waits for without end.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::frames::Frames;
use super::lengths::Lengths;
use super::{Manners, Presence};
use crate::clock::Alarm;
use crate::model::Timeouts;
use crate::peer::Uses;

/// How long what a client still sends is read and thrown away once we have closed. Closing with something unread would have
/// the system tell the client so, and it would throw away the answer that it has not read yet (RFC 9112 section 9.6).
const LINGER: Duration = Duration::from_secs(2);

/// How soon clients mostly ask again, if they do: what reads their requests is kept for so long.
const REST_AFTER: Duration = Duration::from_secs(1);

/// So many reads of it go before others have their turn.
const READS: usize = 16;

/// How long an HTTP/2 client that was told to go may take to do so.
const LEAVE: Duration = Duration::from_secs(10);

/// A connection with its timeouts. Where one is over, reading or writing fails, and with it the connection.
///
/// It is also what counts a connection as open until the last who reads or writes it is done: after an upgrade that is the
/// tunnel, not hyper.
pub(super) struct Timed<I> {
    io: I,
    manners: Arc<Manners>,
    uses: Arc<Uses>,
    reading: Reading,
    read_alarm: Alarm,
    writing: Writing,
    write_alarm: Alarm,
    _presence: Presence,
}

/// What is waited for.
enum Reading {
    Http1 {
        /// The first byte of a head that has not ended yet: when it came, and after how many requests.
        head: Option<(u64, Instant)>,
        lengths: Lengths,
    },
    /// In a box, so that the other, of which there are many, does not carry the room.
    Http2(Box<Http2>),
}

struct Http2 {
    frames: Frames,
    /// As the head of HTTP/1, for a block of headers.
    block: Option<(u64, Instant)>,
    /// Asks for the connection to end in good order.
    idle: Arc<Notify>,
    asked: Option<Instant>,
}

enum Writing {
    Flows,
    /// Since then the client takes nothing.
    Blocked(Instant),
    /// There is nothing more to be written. What still comes is thrown away: until this time, where anything is to be
    /// expected.
    Lingers(Instant, bool),
}

impl<I> Timed<I> {
    pub(super) fn http1(io: I, manners: Arc<Manners>, uses: Arc<Uses>, presence: Presence) -> Self {
        Self::new(io, manners, uses, presence, Reading::Http1 { head: None, lengths: Lengths::default() })
    }

    /// `idle` is told when there was no request for too long.
    pub(super) fn http2(
        io: I,
        manners: Arc<Manners>,
        uses: Arc<Uses>,
        presence: Presence,
        idle: Arc<Notify>,
    ) -> Self {
        let http2 = Http2 { frames: Frames::new(), block: None, idle, asked: None };
        Self::new(io, manners, uses, presence, Reading::Http2(http2.into()))
    }

    fn new(io: I, manners: Arc<Manners>, uses: Arc<Uses>, presence: Presence, reading: Reading) -> Self {
        Self {
            io,
            manners,
            uses,
            reading,
            read_alarm: Alarm::default(),
            writing: Writing::Flows,
            write_alarm: Alarm::default(),
            _presence: presence,
        }
    }

    /// Takes note of what was read before it was this that read.
    pub(super) fn follow(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.reading.follow(bytes, &self.uses);
        }
    }

    /// Nothing has come. Whether that is too long now.
    fn waits(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if matches!(self.writing, Writing::Flows)
            && REST_AFTER < self.manners.timeouts.idle
            && let Some(until) = self.reading.rests_at(&self.uses)
        {
            if !self.uses.was_single() {
                if self.read_alarm.is_unset() {
                    self.read_alarm = self.manners.resting.take();
                }
                if !self.read_alarm.has_come(until, cx) {
                    return Poll::Pending;
                }
            }
            if self.reading.rests_at(&self.uses).is_some_and(|later| later <= until) {
                self.uses.rest();
            }
        }
        if let Writing::Blocked(_) = self.writing {
            // It has not got all of its answer yet; how long that may take is another matter.
            return Poll::Pending;
        }
        loop {
            let Some(until) = self.reading.until(&self.manners.timeouts, &self.uses) else {
                return Poll::Pending;
            };
            if !self.read_alarm.has_come(until, cx) {
                return Poll::Pending;
            }
            if self.reading.is_over(until, &self.manners.timeouts, &self.uses) {
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client took too long")));
            }
        }
    }

    /// What a write has come to. Whether the client has taken nothing for too long.
    fn written<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            if let Writing::Blocked(_) = self.writing {
                self.writing = Writing::Flows;
                // It may have been the end of an answer that went out.
                self.uses.idles_from_now();
            }
            return written;
        }
        let since = if let Writing::Blocked(since) = self.writing { since } else { Instant::now() };
        self.writing = Writing::Blocked(since);
        let until = since + self.manners.timeouts.write;
        if self.write_alarm.has_come(until, cx) {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing")));
        }
        Poll::Pending
    }
}

impl<I> Drop for Timed<I> {
    fn drop(&mut self) {
        // Of use to others who wait as long for rest.
        if self.read_alarm.comes_by(Instant::now() + REST_AFTER) {
            self.manners.resting.put(std::mem::take(&mut self.read_alarm));
        }
    }
}

impl Reading {
    /// Takes note of what has come.
    fn follow(&mut self, bytes: &[u8], uses: &Uses) {
        match self {
            // What comes while a request is in use is its body, or waits its turn.
            Self::Http1 { .. } if uses.idle_since().is_none() => {}
            Self::Http1 { head, lengths } => {
                let ever = uses.ever();
                if head.is_none_or(|(after, _)| after != ever) {
                    *head = Some((ever, Instant::now()));
                    *lengths = Lengths::default();
                }
                if lengths.follow(bytes) {
                    uses.next_has_length();
                }
            }
            Self::Http2(http2) => {
                let Http2 { frames, block, .. } = &mut **http2;
                frames.follow(bytes);
                let open = frames.open();
                if open != block.map(|(number, _)| number) {
                    *block = open.map(|number| (number, Instant::now()));
                }
            }
        }
    }

    /// When the next request of an HTTP/1 client is no longer to be expected soon. Not where anything of the last may
    /// still be under way, or of the next.
    fn rests_at(&self, uses: &Uses) -> Option<Instant> {
        let Self::Http1 { head, .. } = self else { return None };
        let ever = uses.ever();
        let is_within = head.is_some_and(|(after, _)| after == ever) || uses.had_body();
        if ever == 0 || is_within || uses.rests() {
            return None;
        }
        Some(uses.idle_since()? + REST_AFTER)
    }

    /// When waiting is to be thought over, if ever. That may turn out to be too early, never too late.
    fn until(&self, timeouts: &Timeouts, uses: &Uses) -> Option<Instant> {
        let (idle_since, ever) = (uses.idle_since(), uses.ever());
        Some(match self {
            // Whatever is waited for is not the client.
            Self::Http1 { .. } if idle_since.is_none() => return None,
            Self::Http1 { head: Some((after, since)), .. } if *after == ever => *since + timeouts.head,
            Self::Http1 { .. } if ever == 0 => idle_since? + timeouts.first_byte,
            Self::Http2(http2) => match (http2.block, http2.asked) {
                (Some((_, since)), _) => since + timeouts.head,
                (None, Some(asked)) if idle_since.is_some() => asked + LEAVE,
                // What is in use may be done at any time, without our being asked again.
                (None, _) => idle_since.unwrap_or_else(Instant::now) + timeouts.idle,
            },
            Self::Http1 { .. } => idle_since? + timeouts.idle,
        })
    }

    /// Whether it is too late for what was waited for until then.
    fn is_over(&mut self, until: Instant, timeouts: &Timeouts, uses: &Uses) -> bool {
        // Something may have changed since: a request that ended on another thread.
        if self.until(timeouts, uses).is_none_or(|later| later > until) {
            return false;
        }
        match self {
            Self::Http2(http2) if http2.block.is_none() && http2.asked.is_none() => {
                http2.asked = Some(Instant::now());
                http2.idle.notify_one();
                false
            }
            Self::Http1 { .. } | Self::Http2(_) => true,
        }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Timed<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        match Pin::new(&mut this.io).poll_read(cx, buffer) {
            Poll::Ready(Ok(())) => {
                let came = buffer.filled().get(before..).unwrap_or_default();
                this.follow(came);
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => this.waits(cx),
        }
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Timed<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.written(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        ready!(self.written(cx, flushed))?;
        // An answer may have ended with this. hyper, which has tried to read before, does not try again.
        match self.waits(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !matches!(this.writing, Writing::Lingers(..)) {
            this.uses.close();
            let shut = Pin::new(&mut this.io).poll_shutdown(cx);
            ready!(this.written(cx, shut))?;
            // Most have sent nothing that was not read, and need not be waited for.
            let expects = matches!(this.reading, Reading::Http1 { .. }) && this.uses.had_body();
            this.writing = Writing::Lingers(Instant::now() + LINGER, expects);
        }
        let Writing::Lingers(until, expects) = &mut this.writing else { return Poll::Pending };
        let mut waste = [MaybeUninit::uninit(); 4096];
        for _ in 0..READS {
            let mut waste = ReadBuf::uninit(&mut waste);
            match Pin::new(&mut this.io).poll_read(cx, &mut waste) {
                Poll::Ready(Ok(())) if !waste.filled().is_empty() => *expects = true,
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending if !*expects || this.read_alarm.has_come(*until, cx) => {
                    return Poll::Ready(Ok(()));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
        if Instant::now() >= *until {
            return Poll::Ready(Ok(()));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
