//! The bodies that go through: a request's on its way in, a response's on its way out. Neither is buffered.

use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use tokio::time::Instant;

use super::pool::Lease;
use crate::answer::Problem;
use crate::clock::Alarm;
use crate::gate::Pass;

/// Any error, on the heap.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The client broke off its body, sent one that is not valid, or took too long.
#[derive(Debug)]
pub(super) struct ClientError(BoxError);

/// The next bytes of a body did not come in time.
#[derive(Debug)]
struct TooSlow;

impl fmt::Display for TooSlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the client took too long to send more")
    }
}

impl std::error::Error for TooSlow {}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the request's body: {}", self.0)
    }
}

impl std::error::Error for ClientError {}

/// What the client is told where it was the client, and not the target, that ended an exchange.
pub(super) fn clients_fault(error: &hyper::Error) -> Option<Problem> {
    let ClientError(cause) = std::error::Error::source(error)?.downcast_ref()?;
    Some(if cause.is::<TooSlow>() { TOO_SLOW } else { CLIENT_BROKE_OFF })
}

pub(super) const CLIENT_BROKE_OFF: Problem = Problem::bad_request("The request's body is not valid.");
const TOO_SLOW: Problem = Problem::new(
    StatusCode::REQUEST_TIMEOUT,
    "request_timeout",
    "The rest of the request's body did not come in time.",
);

/// A request's body on its way to a target.
pub(super) enum SendBody {
    Empty,
    Incoming(Box<Arriving>),
    Other(UnsyncBoxBody<Bytes, BoxError>),
}

impl SendBody {
    /// Takes over a body. More of it must come within `timeout` whenever it is waited for.
    pub(super) fn new<B>(body: B, timeout: Duration) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        if body.is_end_stream() {
            return Self::Empty;
        }
        let mut body = Some(body);
        if let Some(incoming) = (&mut body as &mut dyn Any).downcast_mut::<Option<Incoming>>() {
            return incoming
                .take()
                .map_or(Self::Empty, |body| Self::Incoming(Arriving::new(body, timeout).into()));
        }
        body.map_or(Self::Empty, |body| Self::Other(body.map_err(Into::into).boxed_unsync()))
    }

    /// Tells how far it is, where it can take a while.
    pub(super) fn progress(&self) -> Option<Arc<Progress>> {
        match self {
            Self::Incoming(arriving) => Some(arriving.progress.clone()),
            Self::Empty | Self::Other(_) => None,
        }
    }

    /// Whether there is nothing to send, so that the request can be sent again.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }
}

/// A body that comes from a client.
pub(super) struct Arriving {
    body: Incoming,
    timeout: Duration,
    /// Since when more is waited for.
    waits: Option<Instant>,
    alarm: Alarm,
    progress: Arc<Progress>,
}

impl Arriving {
    fn new(body: Incoming, timeout: Duration) -> Self {
        Self { body, timeout, waits: None, alarm: Alarm::default(), progress: Progress::new() }
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ClientError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.waits = None;
            self.progress.made();
            return Poll::Ready(frame.map(|frame| frame.map_err(|error| ClientError(error.into()))));
        }
        let until = *self.waits.get_or_insert_with(Instant::now) + self.timeout;
        if self.alarm.has_come(until, cx) {
            return Poll::Ready(Some(Err(ClientError(TooSlow.into()))));
        }
        Poll::Pending
    }
}

/// When a body was last read from.
#[derive(Debug)]
pub(super) struct Progress {
    began: Instant,
    after: AtomicU64,
}

impl Progress {
    fn new() -> Arc<Self> {
        Arc::new(Self { began: Instant::now(), after: AtomicU64::new(0) })
    }

    fn made(&self) {
        let after = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.after.store(after, Ordering::Relaxed);
    }

    /// The last time.
    pub(super) fn last(&self) -> Instant {
        self.began + Duration::from_millis(self.after.load(Ordering::Relaxed))
    }
}

impl Body for SendBody {
    type Data = Bytes;
    type Error = ClientError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ClientError>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Incoming(arriving) => arriving.poll_frame(cx),
            Self::Other(body) => Pin::new(body).poll_frame(cx).map_err(ClientError),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Incoming(arriving) => arriving.body.is_end_stream(),
            Self::Other(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Incoming(arriving) => arriving.body.size_hint(),
            Self::Other(body) => body.size_hint(),
        }
    }
}

/// A response's body on its way to the client.
///
/// It ends as the target's ended: with an error where that one broke off.
pub struct ProxyBody {
    kind: Kind,
    /// The connection it comes from, to be used again once it has ended.
    lease: Option<Lease>,
    /// Kept until the response has ended, where another target than the first answered.
    _pass: Option<Pass>,
}

enum Kind {
    Full(Option<Bytes>),
    Upstream(Incoming),
}

impl ProxyBody {
    pub(super) fn empty() -> Self {
        Self { kind: Kind::Full(None), lease: None, _pass: None }
    }

    pub(super) fn full(bytes: Bytes) -> Self {
        Self { kind: Kind::Full(Some(bytes)), lease: None, _pass: None }
    }

    pub(super) fn upstream(body: Incoming, lease: Lease, pass: Option<Pass>) -> Self {
        let mut body = Self { kind: Kind::Upstream(body), lease: Some(lease), _pass: pass };
        body.release_at_end();
        body
    }

    /// Gives the connection back before the end has reached the client: its next request may come at once.
    fn release_at_end(&mut self) {
        if self.is_end_stream()
            && let Some(lease) = self.lease.take()
        {
            lease.release();
        }
    }
}

impl Body for ProxyBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.kind {
            Kind::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Kind::Upstream(body) => {
                let frame = ready!(Pin::new(body).poll_frame(cx));
                match &frame {
                    Some(Ok(_)) => self.release_at_end(),
                    Some(Err(error)) => {
                        tracing::debug!(%error, "the target broke off its response");
                        self.lease = None;
                    }
                    None => {
                        if let Some(lease) = self.lease.take() {
                            lease.release();
                        }
                    }
                }
                Poll::Ready(frame)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Full(bytes) => bytes.is_none(),
            Kind::Upstream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Kind::Upstream(body) => body.size_hint(),
        }
    }
}

impl fmt::Debug for ProxyBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyBody").field("size", &self.size_hint()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{Empty, Full};

    use super::*;

    #[tokio::test]
    async fn a_body_of_any_sort_is_taken_over() {
        let timeout = Duration::from_secs(1);
        assert!(SendBody::new(Empty::<Bytes>::new(), timeout).is_empty());
        let body = SendBody::new(Full::new(Bytes::from_static(b"hello")), timeout);
        assert!(!body.is_empty());
        assert_eq!(body.size_hint().exact(), Some(5));
        assert_eq!(body.collect().await.unwrap().to_bytes(), "hello");
    }
}
