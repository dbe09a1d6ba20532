//! The requests of an HTTP/1 connection.
//!
//! What reads and answers requests is there only as long as one is under way and for a moment after, for it takes up several
//! times as much as all the rest of a connection. While a client says nothing, or its request is held, what is left is the
//! socket, what was read of it, and whom it waits for.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::server::conn::http1::{Builder, Parts, UpgradeableConnection};
use hyper::service::HttpService;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWrite;

use super::Manners;
use super::requests::Requests;
use super::timed::Timed;
use crate::gateway::answers::Answers;
use crate::gateway::replay::{Keeping, Replay};
use crate::gateway::stop::Stopped;
use crate::layer::{Parking, Wait};
use crate::model::Bounds;
use crate::net::Io;
use crate::peer::Uses;

/// hyper's own bound of header fields. Where it is to be another one, each head costs an allocation.
const USUAL_HEADERS: usize = 100;

/// A connection and its requests until it ends.
pub(super) struct Exchange<I, S>
where
    Requests<S>: HttpService<Incoming>,
{
    state: State<I, S>,
    /// What is left of the connection while nobody reads requests.
    rest: Option<Rest<I, S>>,
    manners: Arc<Manners>,
    stop: Stopped,
}

enum State<I, S>
where
    Requests<S>: HttpService<Incoming>,
{
    /// The client has nothing to ask.
    Quiet,
    Talk(Box<Talk<I, S>>),
    /// Its request is held.
    Held(Wait),
    /// There is nothing more to be said.
    Closing,
}

struct Rest<I, S> {
    io: Replay<Timed<I>>,
    requests: Requests<S>,
}

impl<I, S> Exchange<I, S>
where
    Requests<S>: HttpService<Incoming>,
{
    pub(super) fn new(
        io: Replay<Timed<I>>,
        requests: Requests<S>,
        manners: Arc<Manners>,
        stop: Stopped,
    ) -> Self {
        let rest = Some(Rest { io, requests });
        Self { state: State::Quiet, rest, manners, stop }
    }
}

/// Nothing in it is ever pinned but by a box of its own.
impl<I, S> Unpin for Exchange<I, S> where Requests<S>: HttpService<Incoming> {}

impl<I, S> Future for Exchange<I, S>
where
    I: Io,
    S: Answers,
{
    type Output = hyper::Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        let this = self.get_mut();
        loop {
            this.state = match (&mut this.state, &mut this.rest) {
                (State::Quiet, Some(rest)) => match rest.io.poll_fill(cx) {
                    Poll::Ready(Ok(true)) => match this.rest.take() {
                        Some(rest) => State::Talk(Talk::begin(rest, &this.manners.bounds)),
                        None => State::Closing,
                    },
                    // It may have been the client that closed.
                    Poll::Ready(_) => State::Closing,
                    Poll::Pending => {
                        ready!(this.stop.poll_asked(cx));
                        State::Closing
                    }
                },
                (State::Talk(talk), _) => match ready!(talk.poll(cx, &mut this.stop)) {
                    Pause::Ended(ended) => return Poll::Ready(ended),
                    Pause::Quiet(mut rest, read) => {
                        rest.io.unread(read);
                        this.rest = Some(rest);
                        State::Quiet
                    }
                    Pause::Held(mut rest, wait) => {
                        rest.io.rewind();
                        this.rest = Some(rest);
                        State::Held(wait)
                    }
                },
                (State::Held(wait), Some(rest)) => {
                    let waited = ready!(wait.as_mut().poll(cx));
                    if waited.has_left() {
                        State::Closing
                    } else {
                        rest.requests.come_back(waited);
                        State::Quiet
                    }
                }
                (State::Closing, Some(rest)) => {
                    // Nobody is left who could be told that it failed.
                    drop(ready!(Pin::new(&mut rest.io).poll_shutdown(cx)));
                    return Poll::Ready(Ok(()));
                }
                (State::Quiet | State::Held(_) | State::Closing, None) => return Poll::Ready(Ok(())),
            };
        }
    }
}

/// What reads requests and answers them.
type Reader<I, S> = UpgradeableConnection<TokioIo<Replay<Timed<I>>>, Requests<S>>;

/// Requests that are read and answered.
struct Talk<I, S>
where
    Requests<S>: HttpService<Incoming>,
{
    /// `None` once there is nothing more to do.
    connection: Option<Reader<I, S>>,
    uses: Arc<Uses>,
    /// How many requests there had been before.
    before: u64,
    /// Where the first may be left to wait, and what is kept of it for that.
    first: Option<(Parking, Keeping)>,
    stops: bool,
}

/// Why nobody is to read requests any more.
enum Pause<I, S> {
    /// The connection has ended, or is a tunnel now.
    Ended(hyper::Result<()>),
    /// The client has nothing to ask for the moment. What was read of it beyond its last request.
    Quiet(Rest<I, S>, Bytes),
    /// Its request is held.
    Held(Rest<I, S>, Wait),
}

impl<I, S> Talk<I, S>
where
    I: Io,
    S: Answers,
{
    fn begin(rest: Rest<I, S>, bounds: &Bounds) -> Box<Self> {
        let Rest { mut io, mut requests } = rest;
        let first = Some((requests.parks(), io.keep()));
        let uses = requests.uses.clone();
        let connection = builder(bounds).serve_connection(TokioIo::new(io), requests).with_upgrades();
        let before = uses.ever();
        Box::new(Self { connection: Some(connection), uses, before, first, stops: false })
    }

    fn poll(&mut self, cx: &mut Context<'_>, stop: &mut Stopped) -> Poll<Pause<I, S>> {
        loop {
            let Some(connection) = &mut self.connection else { return Poll::Ready(Pause::Ended(Ok(()))) };
            if let Poll::Ready(ended) = Pin::new(&mut *connection).poll(cx) {
                return Poll::Ready(Pause::Ended(ended));
            }
            if self.uses.ever() != self.before {
                let wait = self.first_is_decided();
                if wait.is_some() || self.uses.rests() {
                    return Poll::Ready(self.pause(wait));
                }
            }
            if self.stops {
                return Poll::Pending;
            }
            ready!(stop.poll_asked(cx));
            self.stops = true;
            // Whoever is held from now on has nobody to look after its wait.
            drop(self.first_is_decided());
            if let Some(connection) = &mut self.connection {
                Pin::new(connection).graceful_shutdown();
            }
        }
    }

    /// The wait of the first request, where it is held. From now on nothing is kept of it.
    fn first_is_decided(&mut self) -> Option<Wait> {
        let (parking, keeping) = self.first.take()?;
        keeping.end();
        parking.close()
    }

    fn pause(&mut self, wait: Option<Wait>) -> Pause<I, S> {
        let parts = self.connection.take().and_then(UpgradeableConnection::into_parts);
        let Some(Parts { io, read_buf, service, .. }) = parts else { return Pause::Ended(Ok(())) };
        let rest = Rest { io: io.into_inner(), requests: service.at_rest() };
        match wait {
            None => Pause::Quiet(rest, read_buf),
            Some(wait) => {
                self.uses.next_is_like_last();
                Pause::Held(rest, wait)
            }
        }
    }
}

fn builder(bounds: &Bounds) -> Builder {
    let mut builder = Builder::new();
    // The times are kept by the connection itself.
    builder.header_read_timeout(None).max_buf_size(bounds.head_size).half_close(false);
    if bounds.headers > USUAL_HEADERS {
        builder.max_headers(bounds.headers);
    }
    builder
}
