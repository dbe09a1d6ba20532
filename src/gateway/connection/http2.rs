//! The requests of an HTTP/2 connection.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::server::conn::http2;
use hyper_util::rt::TokioTimer;
use tokio::sync::Notify;

use super::Manners;
use super::requests::Requests;
use super::streams::Streams;
use crate::gateway::answers::Answers;
use crate::gateway::stop::Stopped;
use crate::peer::Uses;

/// What one stream of an HTTP/2 client and its connection may send ahead of being read, as Envoy's guide for the edge has
/// it.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// An HTTP/2 client that is silent is asked this often whether it is still there.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(15);

/// Requests that an HTTP/2 client may begin and take back before they were looked at, and that it may have us refuse, until
/// its connection ends (CVE-2023-44487, CVE-2025-8671).
const MOST_TAKEN_BACK: usize = 20;
const MOST_REFUSED: usize = 100;

pub(super) async fn serve<I, S>(
    io: I,
    requests: Requests<S>,
    manners: Arc<Manners>,
    mut stop: Stopped,
    idle: Arc<Notify>,
) -> hyper::Result<()>
where
    I: hyper::rt::Read + hyper::rt::Write + Send + Unpin + 'static,
    S: Answers,
{
    let bounds = &manners.bounds;
    let mut turn = Turn { uses: requests.uses.clone(), is_last: false };
    let connection = http2::Builder::new(Streams::new(manners.timeouts.write))
        .timer(TokioTimer::new())
        .max_concurrent_streams(bounds.streams)
        .max_pending_accept_reset_streams(MOST_TAKEN_BACK)
        .max_local_error_reset_streams(MOST_REFUSED)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(u32::try_from(bounds.head_size).unwrap_or(u32::MAX))
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .enable_connect_protocol()
        .serve_connection(io, requests);
    let mut connection = pin!(connection);
    let go_on = poll_fn(|cx| {
        ready!(turn.poll(cx));
        connection.as_mut().poll(cx)
    });
    tokio::select! {
        biased;
        ended = go_on => return ended,
        () = stop.asked() => {}
        () = idle.notified() => {}
    }
    connection.as_mut().graceful_shutdown();
    connection.await
}

/// When it is a connection's turn: after those of its streams that can go on now, so that what they have to say goes out in one
/// write. Each of them wakes it, and it would be the next to run.
struct Turn {
    uses: Arc<Uses>,
    /// All that were to go on when it was woken have done so.
    is_last: bool,
}

impl Turn {
    fn poll(&mut self, cx: &Context<'_>) -> Poll<()> {
        self.is_last = !self.is_last && self.uses.count() > 1;
        if self.is_last {
            // To the end of the line.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn all_streams_that_can_go_on_do_so_before_the_connection_sends() {
        const STREAMS: usize = 5;
        let (uses, begin, said) = (Uses::new(), Arc::new(Notify::new()), Arc::new(Notify::new()));
        let done = Arc::new(AtomicUsize::new(0));
        let streams = (0..STREAMS).map(|_| {
            let (in_use, done, said) = (uses.begin(false), done.clone(), said.clone());
            let begun = begin.clone().notified_owned();
            async move {
                begun.await;
                done.fetch_add(1, Ordering::Relaxed);
                said.notify_one();
                in_use
            }
        });
        let mut streams: tokio::task::JoinSet<_> = streams.collect();
        let mut turn = Turn { uses, is_last: false };
        let (waits, is_waiting) = oneshot::channel::<()>();
        let mut waits = Some(waits);
        let connection = tokio::spawn(async move {
            let mut woken = pin!(said.notified());
            poll_fn(|cx| {
                ready!(turn.poll(cx));
                let is_woken = woken.as_mut().poll(cx);
                drop(waits.take());
                is_woken.map(|()| done.load(Ordering::Relaxed))
            })
            .await
        });
        // Dropped, once it waits.
        drop(is_waiting.await);
        // All of them are woken in one breath, by one who runs where they do.
        tokio::spawn(async move { begin.notify_waiters() });
        assert_eq!(connection.await.unwrap(), STREAMS);
        while streams.join_next().await.is_some() {}
    }
}
