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

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Empty};
    use tokio::sync::mpsc;

    use super::*;
    use crate::gate::{Bell, Budget, Gate};
    use crate::model::{Kind, Spec, Target};

    type Frames = mpsc::UnboundedReceiver<Result<Frame<Bytes>, &'static str>>;

    struct Fed(Frames);

    impl Body for Fed {
        type Data = Bytes;
        type Error = &'static str;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
            self.0.poll_recv(cx)
        }
    }

    fn gate() -> Arc<Gate> {
        let (bell, _) = Bell::channel();
        let gate = Gate::new(Spec::new("web", Kind::Fixed).into(), Budget::new(1), bell);
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], 9)).into();
        gate.open(vec![Target { instance: "1".into(), address }]);
        gate
    }

    fn pass(gate: &Arc<Gate>) -> Arc<Pass> {
        Arc::new(gate.enter(true).unwrap())
    }

    #[tokio::test]
    async fn the_pass_goes_with_the_end_an_error_or_the_drop() {
        let gate = gate();
        let (feeder, frames) = mpsc::unbounded_channel();
        let mut ends = WakeBody::service(Fed(frames), pass(&gate));
        feeder.send(Ok(Frame::data(Bytes::from_static(b"x")))).unwrap();
        feeder.send(Ok(Frame::trailers(http::HeaderMap::new()))).unwrap();
        drop(feeder);
        assert!(ends.frame().await.unwrap().unwrap().is_data());
        assert!(ends.frame().await.unwrap().unwrap().is_trailers());
        assert_eq!(gate.activity().in_flight, 1, "nothing says yet that these were the last");
        assert!(ends.frame().await.is_none());
        assert_eq!(gate.activity().in_flight, 0);

        let (feeder, frames) = mpsc::unbounded_channel();
        let mut fails = WakeBody::service(Fed(frames), pass(&gate));
        feeder.send(Err("broken")).unwrap();
        assert_eq!(fails.frame().await.unwrap().unwrap_err(), "broken");
        assert_eq!(gate.activity().in_flight, 0);

        let (_feeder, frames) = mpsc::unbounded_channel();
        let dropped = WakeBody::service(Fed(frames), pass(&gate));
        assert_eq!(gate.activity().in_flight, 1);
        drop(dropped);
        assert_eq!(gate.activity().in_flight, 0);
    }

    #[tokio::test]
    async fn a_body_of_known_length_gives_the_pass_back_with_its_last_byte() {
        let gate = gate();
        let body = http_body_util::Full::new(Bytes::from_static(b"all of it"));
        let mut body = WakeBody::service(body, pass(&gate));
        assert_eq!(body.size_hint().exact(), Some(9));
        assert_eq!(gate.activity().in_flight, 1);
        body.frame().await.unwrap().unwrap();
        assert_eq!(gate.activity().in_flight, 0, "hyper does not ask again");
        assert!(body.is_end_stream());

        let body = WakeBody::service(Empty::<Bytes>::new(), pass(&gate));
        assert_eq!(gate.activity().in_flight, 0);
        assert!(body.is_end_stream());
    }

    #[tokio::test]
    async fn bytes_come_once_and_nothing_is_the_end_already() {
        let mut body = WakeBody::<Empty<Bytes>>::bytes(Bytes::from_static(b"why"));
        assert_eq!((body.is_end_stream(), body.size_hint().exact()), (false, Some(3)));
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "why");
        assert!(body.is_end_stream() && body.frame().await.is_none());
        assert!(WakeBody::<Empty<Bytes>>::bytes(Bytes::new()).is_end_stream());
    }
}
