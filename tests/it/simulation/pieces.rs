//! A body that comes piece by piece.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::time::{Sleep, sleep};

use super::stage::{Executing, PIECE};

/// The pause between two pieces.
const PAUSE: Duration = Duration::from_millis(300);

/// So many pieces, with a pause before each but the first.
pub(super) struct Pieces {
    left: usize,
    pause: Option<Pin<Box<Sleep>>>,
    _executing: Option<Executing>,
}

impl Pieces {
    pub(super) fn new(count: usize, executing: Option<Executing>) -> Self {
        Self { left: count, pause: None, _executing: executing }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
        }
        self.pause = None;
        match self.left.checked_sub(1) {
            None => Poll::Ready(None),
            Some(left) => {
                self.left = left;
                if left > 0 {
                    self.pause = Some(Box::pin(sleep(PAUSE)));
                }
                Poll::Ready(Some(Ok(Frame::data(PIECE))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }
}
