use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::streams::{Flow, current};
use crate::peer::InUse;

pin_project! {
    /// The body of an answer on its way to the client, whose connection is in use until it has ended.
    pub(super) struct Answer<B> {
        #[pin]
        body: B,
        // Over HTTP/2: told whom the answer waits for.
        flow: Option<Arc<Flow>>,
        _in_use: InUse,
    }
}

impl<B> Answer<B> {
    pub(super) fn new(body: B, in_use: InUse) -> Self {
        Self { body, flow: current(), _in_use: in_use }
    }
}

impl<B: Body<Data = Bytes>> Body for Answer<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let frame = this.body.poll_frame(cx);
        if let Some(flow) = this.flow {
            // What was handed out is the client's to take.
            flow.set_waits_for_client(frame.is_ready());
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
