//! Bytes that go from one TCP connection to another without being copied to here and back: the system moves them through a
//! pipe (`splice(2)`).
//!
//! To whoever hands them on in between they look like any others. They are [stand-ins](stands_in) that nobody may look at, as many as
//! there are bytes in the pipe; the client's [`Socket`] knows them when it is to write them, and has the system send what is in the
//! pipe instead.

use std::any::Any;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use crossbeam_queue::ArrayQueue;
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use tokio::io::Interest;

use super::socket::{Socket, Tcp};
use super::{Accepted, Io, PeerWatch};

/// How much a pipe is asked to hold, and the most that is moved at once: as much as may be kept for a client that takes it
/// slowly.
const SIZE: usize = 256 * 1024;

/// Never read, and so never in memory.
static STAND_INS: [u8; SIZE] = [0; SIZE];

/// Whether these stand for bytes that are in a pipe.
pub(super) fn stands_in(bytes: &[u8]) -> bool {
    STAND_INS.as_ptr_range().contains(&bytes.as_ptr())
}

/// The pipes of all conduits, the empty ones kept for the next: to make one takes longer than to move a small body.
#[derive(Debug)]
pub(crate) struct Pipes {
    idle: ArrayQueue<Pipe>,
    most: usize,
    /// How many there are.
    count: AtomicUsize,
    /// The system does not do it, or not for us.
    is_refused: AtomicBool,
}

#[derive(Debug)]
struct Pipe {
    from: OwnedFd,
    into: OwnedFd,
}

impl Pipes {
    /// At most so many.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        let idle = ArrayQueue::new(most.max(1));
        Arc::new(Self { idle, most, count: AtomicUsize::new(0), is_refused: AtomicBool::new(false) })
    }

    /// A way to this client, where the system can move bytes there.
    pub(crate) fn to(self: &Arc<Self>, client: &dyn PeerWatch) -> Option<Arc<Conduit>> {
        // Another body may still be on its way.
        if self.is_refused.load(Ordering::Relaxed) || !client_socket(client)?.slot.is_free() {
            return None;
        }
        let pipe = Some(self.take()?);
        Some(Arc::new(Conduit { pipe, pipes: self.clone(), state: Mutex::default() }))
    }

    fn take(&self) -> Option<Pipe> {
        if let Some(pipe) = self.idle.pop() {
            return Some(pipe);
        }
        let pipe =
            if self.count.fetch_add(1, Ordering::Relaxed) < self.most { Pipe::new().ok() } else { None };
        if pipe.is_none() {
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
        pipe
    }

    /// Takes a pipe back, or, where it is not empty, does without it.
    fn put(&self, pipe: Pipe, is_empty: bool) {
        if !is_empty || self.idle.push(pipe).is_err() {
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Whether bytes that come from here can be moved by the system. Urgent data, which HTTP never has, would stop them for good.
pub(crate) fn is_source(io: &dyn Io) -> bool {
    socket(io).is_some()
}

/// Whether this is a client's socket itself, and not one within something else, which would look at what it is given to write.
pub(crate) fn is_sink(io: &dyn Accepted) -> bool {
    (io as &dyn Any).is::<Tcp<Arc<Socket>>>()
}

fn client_socket(client: &dyn PeerWatch) -> Option<&Socket> {
    (client as &dyn Any).downcast_ref()
}

fn socket(io: &dyn Io) -> Option<&Socket> {
    (io as &dyn Any).downcast_ref::<Tcp<Socket>>().map(|tcp| &tcp.0)
}

impl Pipe {
    fn new() -> io::Result<Self> {
        let (from, into) = pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC)?;
        // With many pipes the system allows less; what there is will do.
        fcntl_setpipe_size(&into, SIZE).ok();
        Ok(Self { from, into })
    }
}

/// A way from a target to a client for one body.
#[derive(Debug)]
pub(crate) struct Conduit {
    /// `None` only as it is dropped.
    pipe: Option<Pipe>,
    pipes: Arc<Pipes>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How many bytes are in the pipe.
    inside: usize,
    /// Nothing more goes in.
    has_ended: bool,
    /// Of whoever waits until it is empty.
    waker: Option<Waker>,
}

/// Why nothing could be moved from a target.
pub(crate) enum Unmoved {
    /// The system does not do it. The bytes are where they were.
    Refused,
    /// The connection broke.
    Broke(io::Error),
}

impl Conduit {
    /// From now on this is where this client's stand-ins come from.
    pub(crate) fn begin(self: &Arc<Self>, client: &dyn PeerWatch) {
        if let Some(socket) = client_socket(client) {
            socket.slot.set(self.clone());
        }
    }

    /// Moves in what has come from the target, once all is out that went in before: only then does a full pipe not look like a
    /// target that has sent nothing. At most so much goes in; nothing, where the target has closed. Returns what is to be written to the client.
    pub(crate) fn poll_fill(
        &self,
        cx: &mut Context<'_>,
        target: &dyn Io,
        most: u64,
    ) -> Poll<Result<Bytes, Unmoved>> {
        let (Some(pipe), Some(socket)) = (&self.pipe, socket(target)) else {
            return Poll::Ready(Err(Unmoved::Refused));
        };
        {
            let mut state = self.state();
            if state.inside > 0 {
                state.waker = Some(cx.waker().clone());
                return Poll::Pending;
            }
        }
        let most = usize::try_from(most).unwrap_or(SIZE).min(SIZE);
        let moved = ready!(socket.poll_io(cx, Interest::READABLE, 0, |stream| {
            Ok(splice(stream, None, &pipe.into, None, most, FLAGS)?)
        }));
        Poll::Ready(match moved {
            Ok(count) => {
                self.state().inside = count;
                Ok(Bytes::from_static(&STAND_INS).slice(..count))
            }
            Err(error) if is_refusal(&error) => {
                self.pipes.is_refused.store(true, Ordering::Relaxed);
                Err(Unmoved::Refused)
            }
            Err(error) => Err(Unmoved::Broke(error)),
        })
    }

    /// Nothing more goes in.
    pub(crate) fn end(&self) {
        self.state().has_ended = true;
    }

    /// Whether nothing more comes out.
    fn is_done(&self) -> bool {
        let state = self.state();
        state.has_ended && state.inside == 0
    }

    /// Moves out to the client what stands in.
    fn poll_drain(&self, cx: &mut Context<'_>, client: &Socket, most: usize) -> Poll<io::Result<usize>> {
        let Some(pipe) = &self.pipe else { return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())) };
        let count = ready!(client.poll_io(cx, Interest::WRITABLE, 0, |stream| {
            Ok(splice(&pipe.from, None, stream, None, most, FLAGS)?)
        }))?;
        let mut state = self.state();
        state.inside = state.inside.saturating_sub(count);
        let waker = if state.inside == 0 { state.waker.take() } else { None };
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        Poll::Ready(Ok(count))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Conduit {
    fn drop(&mut self) {
        let is_empty = self.state().inside == 0;
        if let Some(pipe) = self.pipe.take() {
            self.pipes.put(pipe, is_empty);
        }
    }
}

/// The conduit that a client's connection takes its bytes from, if there is one.
#[derive(Debug, Default)]
pub(super) struct Slot(Mutex<Option<Arc<Conduit>>>);

impl Slot {
    fn is_free(&self) -> bool {
        self.conduit().as_ref().is_none_or(|conduit| conduit.is_done())
    }

    fn set(&self, conduit: Arc<Conduit>) {
        let before = self.conduit().replace(conduit);
        drop(before);
    }

    /// Sends the client what stands in.
    pub(super) fn poll_drain(
        &self,
        cx: &mut Context<'_>,
        client: &Socket,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        let Some(conduit) = self.conduit().clone() else {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        };
        let count = ready!(conduit.poll_drain(cx, client, most))?;
        if conduit.is_done() {
            let done = self.conduit().take();
            drop(done);
        }
        Poll::Ready(Ok(count))
    }

    fn conduit(&self) -> MutexGuard<'_, Option<Arc<Conduit>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const FLAGS: SpliceFlags = SpliceFlags::NONBLOCK.union(SpliceFlags::MOVE);

/// Whether it is no fault of the connection: the call is unknown, or not for these, or forbidden.
fn is_refusal(error: &io::Error) -> bool {
    let error = Errno::from_io_error(error);
    matches!(error, Some(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM))
}
