use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, broadcast, watch};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::status::seconds;
use crate::driver::Notice;

/// What happens, as server-sent events (HTML Living Standard, section 9.2).
///
/// Nothing is read ahead: for a client that reads slowly the driver's own buffer fills, and what falls out of that is
/// told as missed. Ends with the driver, or when the gateway no longer accepts requests.
pub(super) struct EventStream {
    next: Pin<Box<dyn Future<Output = (Option<Bytes>, Source)> + Send>>,
}

/// Where the events come from.
struct Source {
    notices: broadcast::Receiver<Notice>,
    ready: watch::Receiver<bool>,
    was_ready: bool,
    beat: Interval,
    /// One of the streams that may be open at once.
    _place: OwnedSemaphorePermit,
}

impl EventStream {
    pub(super) fn new(
        notices: broadcast::Receiver<Notice>,
        ready: watch::Receiver<bool>,
        heartbeat: Duration,
        place: OwnedSemaphorePermit,
    ) -> Self {
        let mut beat = interval(heartbeat);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let source = Source { notices, was_ready: false, ready, beat, _place: place };
        Self { next: Box::pin(source.next()) }
    }

    /// The next chunk; not to be called again after the end.
    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let (chunk, source) = ready!(self.next.as_mut().poll(context));
        self.next = Box::pin(source.next());
        Poll::Ready(chunk)
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream").finish_non_exhaustive()
    }
}

impl Source {
    async fn next(mut self) -> (Option<Bytes>, Self) {
        let chunk = self.chunk().await;
        (chunk, self)
    }

    async fn chunk(&mut self) -> Option<Bytes> {
        loop {
            tokio::select! {
                biased;
                () = no_longer(&mut self.ready, &mut self.was_ready) => return None,
                notice = self.notices.recv() => match notice {
                    Ok(notice) => {
                        if let Some((name, data)) = event(&notice) {
                            return Some(message(name, &data));
                        }
                    }
                    Err(RecvError::Lagged(count)) => return Some(message("missed", &json!({ "count": count }))),
                    Err(RecvError::Closed) => return None,
                },
                // A comment: shows that the connection lives. The first comes at once, so that the client knows it.
                _ = self.beat.tick() => return Some(Bytes::from_static(b":\n\n")),
            }
        }
    }
}

/// Until the gateway accepted requests and does no longer. May be dropped and called again.
async fn no_longer(ready: &mut watch::Receiver<bool>, was_ready: &mut bool) {
    // An error says that the gateway is gone.
    if !*was_ready && ready.wait_for(|ready| *ready).await.is_err() {
        return;
    }
    *was_ready = true;
    drop(ready.wait_for(|ready| !ready).await);
}

fn message(name: &str, data: &Value) -> Bytes {
    // JSON has no line breaks of its own, so one `data` line is always enough.
    Bytes::from(format!("event: {name}\ndata: {data}\n\n"))
}

/// The event's name and data. Calls to providers are in the metrics and would drown the rest.
fn event(notice: &Notice) -> Option<(&'static str, Value)> {
    match notice {
        Notice::Phase { service, from, to, cause, fault, after, .. } => Some((
            "phase",
            json!({
                "service": **service,
                "from": from.as_str(),
                "to": to.as_str(),
                "cause": cause.as_str(),
                "fault": fault.as_ref().map(|fault| &*fault.reason),
                "after_seconds": seconds(*after),
            }),
        )),
        Notice::Stage { service, from, to, after } => Some((
            "stage",
            json!({
                "service": **service,
                "from": from.as_str(),
                "to": to.as_str(),
                "after_seconds": seconds(*after),
            }),
        )),
        Notice::Wake { service, cause, took, fault } => Some((
            "wake",
            json!({
                "service": **service,
                "cause": cause.as_str(),
                "result": if fault.is_none() { "ok" } else { "failed" },
                "took_seconds": seconds(*took),
                "fault": fault.as_ref().map(|fault| &*fault.reason),
            }),
        )),
        Notice::Call { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::Arc;

    use tokio::sync::Semaphore;

    use super::*;
    use crate::model::{Cause, Fault, Phase, Time};

    fn failed(reason: &str) -> Notice {
        Notice::Phase {
            service: "web".into(),
            from: Phase::Waking,
            to: Phase::Failed,
            cause: Cause::Fault,
            fault: Some(Fault::new(reason)),
            at: Time::ZERO,
            after: Duration::from_millis(1_500),
        }
    }

    struct Open {
        sender: broadcast::Sender<Notice>,
        ready: watch::Sender<bool>,
        places: Arc<Semaphore>,
        stream: EventStream,
    }

    impl Open {
        async fn next(&mut self) -> Option<Bytes> {
            poll_fn(|context| self.stream.poll_next(context)).await
        }
    }

    /// An open stream whose first sign of life was read.
    async fn open(capacity: usize) -> Open {
        let (sender, notices) = broadcast::channel(capacity);
        let (ready, is_ready) = watch::channel(true);
        let places = Arc::new(Semaphore::new(1));
        let place = places.clone().acquire_owned().await.unwrap();
        let stream = EventStream::new(notices, is_ready, Duration::from_secs(15), place);
        let mut open = Open { sender, ready, places, stream };
        assert_eq!(open.next().await.unwrap(), ":\n\n");
        open
    }

    #[tokio::test(start_paused = true)]
    async fn events_are_one_line_of_json_each() {
        let mut open = open(4).await;
        open.sender.send(failed("exit code 1:\n\nevent: lie")).unwrap();
        let chunk = open.next().await.unwrap();
        let text = std::str::from_utf8(&chunk).unwrap();
        let data = text.strip_prefix("event: phase\ndata: ").unwrap().strip_suffix("\n\n").unwrap();
        assert!(!data.contains('\n'));
        let data: Value = serde_json::from_str(data).unwrap();
        assert_eq!(data["fault"], "exit code 1:\n\nevent: lie");
        assert_eq!(data["after_seconds"], 1.5);
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_stream_shows_that_it_lives() {
        let mut open = open(4).await;
        let before = tokio::time::Instant::now();
        assert_eq!(open.next().await.unwrap(), ":\n\n");
        assert_eq!(before.elapsed(), Duration::from_secs(15));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_missed_is_told() {
        let mut open = open(2).await;
        for _ in 0..5 {
            open.sender.send(failed("x")).unwrap();
        }
        assert_eq!(open.next().await.unwrap(), "event: missed\ndata: {\"count\":3}\n\n");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_ends_when_the_gateway_drains() {
        let mut open = open(2).await;
        open.ready.send(false).unwrap();
        assert_eq!(open.next().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_leaves_frees_its_place() {
        let open = open(2).await;
        assert_eq!(open.places.available_permits(), 0);
        drop(open.stream);
        assert_eq!(open.places.available_permits(), 1);
    }
}
