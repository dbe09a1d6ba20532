//! A response body that keeps its service awake until it ends.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::gate::Pass;
use crate::page::PageBody;

pin_project! {
    /// The body of an answer that came through [`WakeLayer`](crate::layer::WakeLayer): the service's own, or one
    /// of the gateway's.
    ///
    /// The service's keeps its [`Pass`] until it has ended, has failed or is dropped. A request is in flight until
    /// then, not just until its answer has begun.
    pub struct WakeBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProjection]
    enum Kind<B> {
        Service { #[pin] body: B, pass: Option<Arc<Pass>> },
        Page { #[pin] body: PageBody },
        Bytes { bytes: Option<Bytes> },
    }
}

impl<B> WakeBody<B> {
    /// The service's body, and the pass that it holds.
    pub(crate) fn service(body: B, pass: Arc<Pass>) -> Self
    where
        B: Body,
    {
        let pass = (!body.is_end_stream()).then_some(pass);
        Self { kind: Kind::Service { body, pass } }
    }

    pub(crate) fn page(body: PageBody) -> Self {
        Self { kind: Kind::Page { body } }
    }

    pub(crate) fn bytes(bytes: Bytes) -> Self {
        Self { kind: Kind::Bytes { bytes: Some(bytes).filter(|bytes| !bytes.is_empty()) } }
    }
}

impl<B: Body<Data = Bytes>> Body for WakeBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().kind.project() {
            KindProjection::Service { mut body, pass } => {
                let frame = ready!(body.as_mut().poll_frame(cx));
                // Not left to the drop: a connection may keep an ended body for a while.
                if !matches!(frame, Some(Ok(_))) || body.is_end_stream() {
                    pass.take();
                }
                Poll::Ready(frame)
            }
            KindProjection::Page { body } => {
                body.poll_frame(cx).map_err(|never: std::convert::Infallible| match never {})
            }
            KindProjection::Bytes { bytes } => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Service { body, .. } => body.is_end_stream(),
            Kind::Page { body } => body.is_end_stream(),
            Kind::Bytes { bytes } => bytes.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Service { body, .. } => body.size_hint(),
            Kind::Page { body } => body.size_hint(),
            Kind::Bytes { bytes } => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
        }
    }
}

impl<B> fmt::Debug for WakeBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.kind {
            Kind::Service { .. } => "WakeBody::Service",
            Kind::Page { .. } => "WakeBody::Page",
            Kind::Bytes { .. } => "WakeBody::Bytes",
        })
    }
}
