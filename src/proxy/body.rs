//! The bodies that go through: a request's on its way in, a response's on its way out. Neither is buffered.

use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Version;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;

use super::pool::Lease;
use super::trailers::sift;
use crate::gate::Pass;

/// Any error, on the heap.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The client broke off its body, or sent one that is not valid.
#[derive(Debug)]
pub(super) struct ClientError(BoxError);

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the request's body: {}", self.0)
    }
}

impl std::error::Error for ClientError {}

/// Whether it was the client, and not the target, that ended an exchange.
pub(super) fn is_clients(error: &hyper::Error) -> bool {
    std::error::Error::source(error).is_some_and(|cause| cause.is::<ClientError>())
}

/// A body that came to an end without its last frame.
#[derive(Debug)]
struct CutShort;

impl fmt::Display for CutShort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the stream was given up before its end")
    }
}

impl std::error::Error for CutShort {}

/// A body as hyper reads it.
pub(super) struct Received {
    body: Incoming,
    is_http2: bool,
}

impl Received {
    /// What is next. To hyper, a stream that is reset or whose connection goes away with `NO_ERROR` has ended, for a
    /// server may reset the stream so whose request it needs no more (RFC 9113 section 8.1). It has not, where its
    /// last frame has not come: half a message must not be passed on as a whole one.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            Some(frame) => Poll::Ready(Some(frame.map_err(Into::into))),
            None if self.is_http2 && !self.body.is_end_stream() => Poll::Ready(Some(Err(Box::new(CutShort)))),
            None => Poll::Ready(None),
        }
    }
}

/// A request's body on its way to a target.
pub(super) enum SendBody {
    Empty,
    Incoming(Received, Sent),
    Other(UnsyncBoxBody<Bytes, BoxError>, Sent),
}

/// Whether all of a request's body has been handed over for sending. It is so before a target can answer the whole.
#[derive(Clone, Debug, Default)]
pub(super) struct Sent(Arc<AtomicBool>);

impl Sent {
    fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl SendBody {
    /// Takes over a body. Hyper's own, which is what a gateway sees, costs no allocation.
    pub(super) fn new<B>(body: B, version: Version) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        if body.is_end_stream() {
            return Self::Empty;
        }
        let mut body = Some(body);
        if let Some(incoming) = (&mut body as &mut dyn Any).downcast_mut::<Option<Incoming>>() {
            let is_http2 = version == Version::HTTP_2;
            let received = incoming.take().map(|body| Received { body, is_http2 });
            return received.map_or(Self::Empty, |body| Self::Incoming(body, Sent::default()));
        }
        body.map_or(Self::Empty, |body| Self::Other(body.map_err(Into::into).boxed_unsync(), Sent::default()))
    }

    /// How much there is to send, where that is known.
    pub(super) fn length(&self) -> Option<u64> {
        self.size_hint().exact()
    }

    /// Tells when all of it has been sent; `None` where there is nothing to send.
    pub(super) fn sent(&self) -> Option<Sent> {
        match self {
            Self::Empty => None,
            Self::Incoming(_, sent) | Self::Other(_, sent) => Some(sent.clone()),
        }
    }

    /// Whether there is nothing to send, so that the request can be sent again.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }
}

impl Body for SendBody {
    type Data = Bytes;
    type Error = ClientError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ClientError>>> {
        let (frame, ended, sent) = match self.get_mut() {
            Self::Empty => return Poll::Ready(None),
            Self::Incoming(received, sent) => {
                (ready!(received.poll(cx)), received.body.is_end_stream(), sent)
            }
            Self::Other(body, sent) => {
                (ready!(Pin::new(&mut *body).poll_frame(cx)), body.is_end_stream(), sent)
            }
        };
        // hyper does not ask again for what is known to have ended.
        if ended || frame.is_none() {
            sent.set();
        }
        Poll::Ready(frame).map_ok(sift).map_err(ClientError)
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Incoming(received, _) => received.body.is_end_stream(),
            Self::Other(body, _) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Incoming(received, _) => received.body.size_hint(),
            Self::Other(body, _) => body.size_hint(),
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
    Upstream(Received),
}

impl ProxyBody {
    pub(super) fn empty() -> Self {
        Self { kind: Kind::Full(None), lease: None, _pass: None }
    }

    pub(super) fn full(bytes: Bytes) -> Self {
        Self { kind: Kind::Full(Some(bytes)), lease: None, _pass: None }
    }

    /// `lease` is given where the connection may be used again.
    pub(super) fn upstream(body: Incoming, lease: Option<Lease>, pass: Option<Pass>) -> Self {
        let is_http2 = matches!(lease, Some(Lease::Http2(_)));
        let mut body = Self { kind: Kind::Upstream(Received { body, is_http2 }), lease, _pass: pass };
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
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.kind {
            Kind::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Kind::Upstream(received) => {
                let frame = ready!(received.poll(cx));
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
                Poll::Ready(frame).map_ok(sift)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Full(bytes) => bytes.is_none(),
            Kind::Upstream(received) => received.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Kind::Upstream(received) => received.body.size_hint(),
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
        assert!(SendBody::new(Empty::<Bytes>::new(), Version::HTTP_11).is_empty());
        let body = SendBody::new(Full::new(Bytes::from_static(b"hello")), Version::HTTP_11);
        assert!(!body.is_empty());
        assert_eq!(body.size_hint().exact(), Some(5));
        assert_eq!(body.collect().await.unwrap().to_bytes(), "hello");
    }
}
