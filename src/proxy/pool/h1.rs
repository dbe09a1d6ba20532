//! HTTP/1.1: one request at a time on a connection; the idle ones wait in a queue without a lock.

use std::io;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use crossbeam_queue::ArrayQueue;
use http::{Request, StatusCode};
use tokio::time::Instant;

use super::super::sending::{Progress, SendBody};
use super::link::Link;
use super::{Failure, Pool, Reply, Wish};
use crate::net::Io;

/// How long an idle connection is used again. Below the shortest keep-alive that is common (Node's, 5 s), so that
/// it is us who let go first: a target that closes while a request is on its way to it costs a repetition.
pub(super) const IDLE_LIMIT: Duration = Duration::from_secs(4);

/// How many idle connections a target keeps.
const IDLE_COUNT: usize = 256;

/// How long a connection may take from the end of its response to being ready. It is there at once, unless the
/// last of the request is still being written.
const SETTLE_LIMIT: Duration = Duration::from_millis(100);

/// The idle connections to one target, oldest first.
pub(in super::super) struct Idle {
    queue: ArrayQueue<Entry>,
}

struct Entry {
    link: Link,
    since: Instant,
}

impl Idle {
    pub(super) fn new() -> Arc<Self> {
        let idle = Arc::new(Self { queue: ArrayQueue::new(IDLE_COUNT) });
        tokio::spawn(Self::sweep(Arc::downgrade(&idle)));
        idle
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.queue.len()
    }

    /// A connection that can be used at once, as far as is known.
    fn take(&self) -> Option<Link> {
        let now = Instant::now();
        while let Some(Entry { link, since }) = self.queue.pop() {
            if now.duration_since(since) < IDLE_LIMIT && link.is_ready() {
                return Some(link);
            }
        }
        None
    }

    fn put(&self, mut link: Link) {
        link.rest();
        // With the queue full it is closed.
        drop(self.queue.push(Entry { link, since: Instant::now() }));
    }

    /// Closes what has been idle for too long, as long as the pool lives.
    async fn sweep(idle: Weak<Self>) {
        loop {
            tokio::time::sleep(IDLE_LIMIT).await;
            let Some(idle) = idle.upgrade() else { return };
            let now = Instant::now();
            for _ in 0..idle.queue.len() {
                match idle.queue.pop() {
                    Some(mut entry) if now.duration_since(entry.since) < IDLE_LIMIT => {
                        // Nobody drives it: only now is it seen that the target has closed it.
                        entry.link.settle();
                        if entry.link.is_ready() {
                            drop(idle.queue.push(entry));
                        }
                    }
                    Some(_) => {}
                    None => break,
                }
            }
        }
    }
}

/// A connection in use. Dropped before the response has ended, it closes.
pub(in super::super) struct Lease {
    pub(super) link: Link,
    idle: Arc<Idle>,
    /// Whether the request has gone out; `None` where it was all head.
    sent: Option<Arc<Progress>>,
}

impl Lease {
    /// Puts the connection back. A target that has answered before it had the whole request may take what is left
    /// of it for another one: with that connection, nobody else is served.
    pub(super) fn release(self) {
        let Self { mut link, idle, sent } = self;
        if sent.is_some_and(|sent| !sent.is_sent()) {
            return;
        }
        if !link.is_ready() {
            // The response has ended a moment before its connection knows.
            link.settle();
        }
        if link.is_ready() {
            idle.put(link);
        } else if !link.is_closed() {
            let idle = Arc::downgrade(&idle);
            tokio::spawn(async move {
                let settled = tokio::time::timeout(SETTLE_LIMIT, link.settled()).await;
                if let (Ok(true), Some(idle)) = (settled, idle.upgrade()) {
                    idle.put(link);
                }
            });
        }
    }
}

/// A connection whose response is read by another than hyper. Dropped before that has ended, it closes.
pub(in super::super) struct Taken {
    pub(in super::super) io: Box<dyn Io>,
    idle: Arc<Idle>,
}

impl Lease {
    pub(super) fn can_be_taken(&self) -> bool {
        self.link.can_be_taken() && self.sent.as_ref().is_none_or(|sent| sent.is_sent())
    }

    /// The connection, and what was read of it already. `None`: it cannot be taken, and closes.
    pub(super) fn take(mut self) -> Option<(Taken, Bytes)> {
        let (io, read) = self.link.take_stream()?;
        Some((Taken { io, idle: self.idle }, read))
    }
}

impl Taken {
    /// One of no pool.
    #[cfg(test)]
    pub(in super::super) fn alone(io: Box<dyn Io>) -> Self {
        Self { io, idle: Idle::new() }
    }

    /// Puts the connection back: the response has ended, and nothing has come after it.
    pub(in super::super) fn release(self) {
        let Self { io, idle } = self;
        // It has nothing to wait for.
        let made = pin!(Link::over(io)).poll(&mut Context::from_waker(Waker::noop()));
        if let Poll::Ready(Ok(link)) = made {
            Lease { link, idle, sent: None }.release();
        }
    }
}

/// Sends a request over an idle connection, or over a new one where there is none or that is wished.
pub(super) async fn send(pool: &Pool, request: &mut Request<SendBody>, wish: Wish) -> Result<Reply, Failure> {
    let idle = &pool.h1;
    let sent = request.body().progress();
    loop {
        let kept = if wish.fresh { None } else { idle.take() };
        let reused = kept.is_some();
        let mut link = match kept {
            Some(link) => link,
            // In a box, for it is rare: a request on its way carries no room for it.
            None => Box::pin(connect(pool)).await.map_err(Failure::Connect)?,
        };
        let mut error = match link.send(request, wish.tunnel).await {
            Ok(response) => {
                // Who answers before he has all of the request may want both to go on at once, as a tunnel does.
                let goes_on = sent.as_ref().is_some_and(|sent| !sent.is_sent()) || link.is_behind();
                if goes_on || response.status() == StatusCode::SWITCHING_PROTOCOLS {
                    link.drive_in_background();
                }
                let lease = super::Lease::Http1(Lease { link, idle: idle.clone(), sent });
                return Ok(Reply { response, lease });
            }
            Err(error) => error,
        };
        match error.take_message() {
            // It had closed by itself, and nothing was written.
            Some(unsent) => *request = unsent,
            None => return Err(Failure::Died { error: error.into_error(), reused }),
        }
        if !reused {
            return Err(Failure::Connect(io::Error::other(error.into_error())));
        }
    }
}

async fn connect(pool: &Pool) -> io::Result<Link> {
    Link::over(pool.connect().await?).await.map_err(io::Error::other)
}
