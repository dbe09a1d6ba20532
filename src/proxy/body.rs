//! Bodies as they come in, and a response's body on its way to the client. None is buffered.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::pool::Lease;
use super::spliced::Spliced;
use super::trailers::sift;
use crate::gate::Pass;

/// Any error, on the heap.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

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
    pub(super) body: Incoming,
    pub(super) is_http2: bool,
}

impl Received {
    /// What is next. To hyper, a stream that is reset or whose connection goes away with `NO_ERROR` has ended, for a
    /// server may reset the stream so whose request it needs no more (RFC 9113 section 8.1). It has not, where its
    /// last frame has not come: half a message must not be passed on as a whole one.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            Some(frame) => Poll::Ready(Some(frame.map_err(Into::into))),
            None if self.is_http2 && !self.body.is_end_stream() => Poll::Ready(Some(Err(Box::new(CutShort)))),
            None => Poll::Ready(None),
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
    /// How it broke off, until somebody is told.
    broken: Option<BoxError>,
    /// Kept until the response has ended, where another target than the first answered.
    _pass: Option<Pass>,
}

enum Kind {
    Full(Option<Bytes>),
    Upstream(Received),
    Spliced(Box<Spliced>),
}

impl ProxyBody {
    pub(super) fn empty() -> Self {
        Self { kind: Kind::Full(None), lease: None, broken: None, _pass: None }
    }

    pub(super) fn full(bytes: Bytes) -> Self {
        Self { kind: Kind::Full(Some(bytes)), lease: None, broken: None, _pass: None }
    }

    /// `lease` is given where the connection may be used again.
    pub(super) fn upstream(body: Incoming, lease: Option<Lease>, pass: Option<Pass>) -> Self {
        let is_http2 = matches!(lease, Some(Lease::Http2(_)));
        let kind = Kind::Upstream(Received { body, is_http2 });
        let mut body = Self { kind, lease, broken: None, _pass: pass };
        body.release_at_end();
        body
    }

    pub(super) fn spliced(spliced: Spliced, pass: Option<Pass>) -> Self {
        Self { kind: Kind::Spliced(spliced.into()), lease: None, broken: None, _pass: pass }
    }

    /// Gives the connection back before the end has reached the client: its next request may come at once.
    fn release_at_end(&mut self) {
        if self.is_end_stream() {
            self.release();
        }
    }

    /// Told so, hyper gives up at once. What came before goes out first, as far as the client takes it.
    fn breaks_off<T>(&mut self, error: BoxError, cx: &Context<'_>) -> Poll<T> {
        tracing::debug!(%error, "the target broke off its response");
        self.lease = None;
        self.broken = Some(error);
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn release(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.release();
        }
    }
}

impl Body for ProxyBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        if let Some(error) = this.broken.take() {
            return Poll::Ready(Some(Err(error)));
        }
        match &mut this.kind {
            Kind::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Kind::Spliced(spliced) => {
                let frame = ready!(spliced.poll(cx)).map(|bytes| bytes.map(Frame::data));
                if let Some(Err(error)) = frame {
                    return this.breaks_off(error, cx);
                }
                Poll::Ready(frame)
            }
            Kind::Upstream(received) => {
                let frame = ready!(match &mut this.lease {
                    Some(lease) => lease.poll_with(cx, |cx| received.poll(cx)),
                    None => received.poll(cx),
                });
                match frame {
                    // Nobody asks again after these.
                    Some(Ok(ref frame)) if frame.is_trailers() => this.release(),
                    Some(Ok(_)) => this.release_at_end(),
                    Some(Err(error)) => return this.breaks_off(error, cx),
                    None => this.release(),
                }
                Poll::Ready(frame).map_ok(sift)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Full(bytes) => bytes.is_none(),
            Kind::Upstream(received) => received.body.is_end_stream(),
            Kind::Spliced(spliced) => spliced.size() == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Kind::Upstream(received) => received.body.size_hint(),
            Kind::Spliced(spliced) => SizeHint::with_exact(spliced.size()),
        }
    }
}

impl fmt::Debug for ProxyBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyBody").field("size", &self.size_hint()).finish_non_exhaustive()
    }
}
