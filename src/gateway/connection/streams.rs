//! The requests of an HTTP/2 connection, each a task of its own, and an end to those whose client takes nothing.
//!
//! Flow control lets a client open a request and never take its answer (RFC 9113 section 5.2), while the connection lives
//! on. To hyper that is waiting like any other; so each of its tasks is told by the body of its answer whom it waits for, and is
//! dropped when the client has taken nothing for too long. Dropped, it resets its stream.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::Executor;
use pin_project_lite::pin_project;
use tokio::task::futures::TaskLocalFuture;
use tokio::time::Instant;

use crate::clock::Alarm;

tokio::task_local! {
    static FLOW: Arc<Flow>;
}

/// Whom an answer waits for.
#[derive(Debug, Default)]
pub(super) struct Flow {
    for_client: AtomicBool,
}

impl Flow {
    pub(super) fn set_waits_for_client(&self, waits: bool) {
        self.for_client.store(waits, Ordering::Relaxed);
    }
}

/// The one of this task, where it is a stream's.
pub(super) fn current() -> Option<Arc<Flow>> {
    FLOW.try_with(Clone::clone).ok()
}

/// Runs the streams of a connection.
#[derive(Clone, Debug)]
pub(super) struct Streams {
    timeout: Duration,
}

impl Streams {
    /// A client may take nothing for so long.
    pub(super) fn new(timeout: Duration) -> Self {
        Self { timeout }
    }
}

impl<F> Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let flow = Arc::new(Flow::default());
        let timeout = self.timeout;
        let stream = FLOW.scope(flow.clone(), stream);
        tokio::spawn(Watched { stream, flow, timeout, blocked: None, alarm: Alarm::default() });
    }
}

pin_project! {
    struct Watched<F> {
        #[pin]
        stream: TaskLocalFuture<Arc<Flow>, F>,
        flow: Arc<Flow>,
        timeout: Duration,
        blocked: Option<Instant>,
        alarm: Alarm,
    }
}

impl<F: Future<Output = ()>> Future for Watched<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        if let Some(since) = *this.blocked
            && this.alarm.has_come(since + *this.timeout, cx)
        {
            tracing::debug!("a client takes nothing of its answer");
            return Poll::Ready(());
        }
        if this.stream.poll(cx).is_ready() {
            return Poll::Ready(());
        }
        // It was polled because something has moved: the client took some, or there is more for it to take.
        *this.blocked = this.flow.for_client.load(Ordering::Relaxed).then(Instant::now);
        if let Some(since) = *this.blocked
            && this.alarm.has_come(since + *this.timeout, cx)
        {
            return Poll::Ready(());
        }
        Poll::Pending
    }
}
