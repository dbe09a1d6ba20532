//! A request's body on its way to a target: how far it is, and what it means where it does not go on.

use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{StatusCode, Version};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use tokio::time::Instant;

use super::body::{BoxError, Received};
use super::trailers::sift;
use crate::answer::Problem;
use crate::clock::Alarm;

/// The client broke off its body, sent one that is not valid, or took too long.
#[derive(Debug)]
pub(super) struct ClientError(BoxError);

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the request's body: {}", self.0)
    }
}

impl std::error::Error for ClientError {}

/// The next bytes of a body did not come in time.
#[derive(Debug)]
struct TooSlow;

impl fmt::Display for TooSlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the client took too long to send more")
    }
}

impl std::error::Error for TooSlow {}

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
#[derive(Default)]
pub(super) enum SendBody {
    #[default]
    Empty,
    Incoming(Box<Arriving>),
    Other(UnsyncBoxBody<Bytes, BoxError>, Arc<Progress>),
}

impl SendBody {
    /// Takes over a body that came by this version of HTTP. More of it must come within `timeout` whenever it is waited for.
    pub(super) fn new<B>(body: B, version: Version, timeout: Duration) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        if body.is_end_stream() {
            return Self::Empty;
        }
        let mut body = Some(body);
        // Hyper's own is what a gateway sees.
        if let Some(incoming) = (&mut body as &mut dyn Any).downcast_mut::<Option<Incoming>>() {
            let is_http2 = version == Version::HTTP_2;
            let arriving = |body| Arriving::new(Received { body, is_http2 }, timeout);
            return incoming.take().map_or(Self::Empty, |body| Self::Incoming(arriving(body).into()));
        }
        let other = |body: B| Self::Other(body.map_err(Into::into).boxed_unsync(), Progress::new());
        body.map_or(Self::Empty, other)
    }

    /// How much there is to send, where that is known.
    pub(super) fn length(&self) -> Option<u64> {
        self.size_hint().exact()
    }

    /// Tells how far it is; `None` where there is nothing to send.
    pub(super) fn progress(&self) -> Option<Arc<Progress>> {
        match self {
            Self::Empty => None,
            Self::Incoming(arriving) => Some(arriving.progress.clone()),
            Self::Other(_, progress) => Some(progress.clone()),
        }
    }

    /// Whether there is nothing to send, so that the request can be sent again.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }
}

/// A body that comes from a client.
pub(super) struct Arriving {
    received: Received,
    timeout: Duration,
    /// Since when more is waited for.
    waits: Option<Instant>,
    alarm: Alarm,
    progress: Arc<Progress>,
}

impl Arriving {
    fn new(received: Received, timeout: Duration) -> Self {
        Self { received, timeout, waits: None, alarm: Alarm::default(), progress: Progress::new() }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(frame) = self.received.poll(cx) {
            self.waits = None;
            return Poll::Ready(frame);
        }
        let until = *self.waits.get_or_insert_with(Instant::now) + self.timeout;
        if self.alarm.has_come(until, cx) { Poll::Ready(Some(Err(TooSlow.into()))) } else { Poll::Pending }
    }
}

/// How far a body is.
#[derive(Debug)]
pub(super) struct Progress {
    began: Instant,
    /// When it was last read from, in milliseconds after it began.
    after: AtomicU64,
    sent: AtomicBool,
}

impl Progress {
    fn new() -> Arc<Self> {
        Arc::new(Self { began: Instant::now(), after: AtomicU64::new(0), sent: AtomicBool::new(false) })
    }

    fn made(&self, whole: bool) {
        let after = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.after.store(after, Ordering::Relaxed);
        if whole {
            self.sent.store(true, Ordering::Release);
        }
    }

    /// When there was the last of it so far.
    pub(super) fn last(&self) -> Instant {
        self.began + Duration::from_millis(self.after.load(Ordering::Relaxed))
    }

    /// Whether all of it has been handed over for sending. It is so before a target can answer the whole.
    pub(super) fn is_sent(&self) -> bool {
        self.sent.load(Ordering::Acquire)
    }
}

impl Body for SendBody {
    type Data = Bytes;
    type Error = ClientError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ClientError>>> {
        let (frame, ended, progress) = match self.get_mut() {
            Self::Empty => return Poll::Ready(None),
            Self::Incoming(arriving) => {
                (ready!(arriving.poll(cx)), arriving.received.body.is_end_stream(), &arriving.progress)
            }
            Self::Other(body, progress) => {
                (ready!(Pin::new(&mut *body).poll_frame(cx)), body.is_end_stream(), &*progress)
            }
        };
        // hyper does not ask again for what is known to have ended.
        progress.made(ended || frame.is_none());
        Poll::Ready(frame).map_ok(sift).map_err(ClientError)
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Incoming(arriving) => arriving.received.body.is_end_stream(),
            Self::Other(body, _) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Incoming(arriving) => arriving.received.body.size_hint(),
            Self::Other(body, _) => body.size_hint(),
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{Empty, Full};

    use super::*;

    #[tokio::test]
    async fn a_body_of_any_sort_is_taken_over() {
        let timeout = Duration::from_secs(1);
        assert!(SendBody::new(Empty::<Bytes>::new(), Version::HTTP_11, timeout).is_empty());
        let body = SendBody::new(Full::new(Bytes::from_static(b"hello")), Version::HTTP_11, timeout);
        assert!(!body.is_empty());
        assert_eq!(body.size_hint().exact(), Some(5));
        assert_eq!(body.collect().await.unwrap().to_bytes(), "hello");
    }
}
