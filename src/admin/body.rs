use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::events::EventStream;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// The body of an answer: whole, or a stream of events.
#[derive(Debug)]
pub struct AdminBody(Kind);

#[derive(Debug)]
enum Kind {
    /// What is left to be sent.
    Full(Option<Bytes>),
    Stream(EventStream),
    /// A stream that has ended.
    Over,
}

impl AdminBody {
    pub(super) fn full(bytes: impl Into<Bytes>) -> Self {
        Self(Kind::Full(Some(bytes.into()).filter(|bytes| !bytes.is_empty())))
    }

    pub(super) const fn stream(events: EventStream) -> Self {
        Self(Kind::Stream(events))
    }
}

impl Body for AdminBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = match &mut self.0 {
            Kind::Full(bytes) => bytes.take(),
            Kind::Stream(events) => ready!(events.poll_next(context)),
            Kind::Over => None,
        };
        if next.is_none() {
            self.0 = Kind::Over;
        }
        Poll::Ready(next.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, Kind::Full(None) | Kind::Over)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Kind::Stream(_) => SizeHint::default(),
            Kind::Over => SizeHint::with_exact(0),
        }
    }
}
