use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, broadcast, mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};

use super::status::seconds;
use crate::driver::Notice;

/// How many events may lie ready for a client that reads slowly. Beyond these the driver's own buffer fills, and what
/// falls out of that is told as missed.
const AHEAD: usize = 64;

/// Starts to tell what happens, as server-sent events (HTML Living Standard, section 9.2). Ends with the client, with
/// the driver, or when the gateway no longer accepts requests.
pub(super) fn stream(
    notices: broadcast::Receiver<Notice>,
    ready: watch::Receiver<bool>,
    heartbeat: Duration,
    place: OwnedSemaphorePermit,
) -> mpsc::Receiver<Bytes> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::spawn(async move {
        tokio::select! {
            () = tell(notices, heartbeat, &sender) => {}
            () = no_longer(ready) => {}
            () = sender.closed() => {}
        }
        drop(place);
    });
    receiver
}

async fn tell(mut notices: broadcast::Receiver<Notice>, heartbeat: Duration, client: &mpsc::Sender<Bytes>) {
    let mut beat = interval(heartbeat);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let chunk = tokio::select! {
            notice = notices.recv() => match notice {
                Ok(notice) => match event(&notice) {
                    Some((name, data)) => message(name, &data),
                    None => continue,
                },
                Err(RecvError::Lagged(count)) => message("missed", &json!({ "count": count })),
                Err(RecvError::Closed) => return,
            },
            // A comment: keeps the connection from looking dead. The first one comes at once and brings the head out.
            _ = beat.tick() => Bytes::from_static(b":\n\n"),
        };
        if client.send(chunk).await.is_err() {
            return;
        }
    }
}

/// Until the gateway accepted requests and does no longer.
async fn no_longer(mut ready: watch::Receiver<bool>) {
    // An error says that the gateway is gone.
    if ready.wait_for(|ready| *ready).await.is_ok() {
        drop(ready.wait_for(|ready| !ready).await);
    }
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
        chunks: mpsc::Receiver<Bytes>,
    }

    async fn open(capacity: usize) -> Open {
        let (sender, notices) = broadcast::channel(capacity);
        let (ready, is_ready) = watch::channel(true);
        let places = Arc::new(Semaphore::new(1));
        let place = places.clone().acquire_owned().await.unwrap();
        let chunks = stream(notices, is_ready, Duration::from_secs(15), place);
        let mut open = Open { sender, ready, places, chunks };
        assert_eq!(open.chunks.recv().await.unwrap(), ":\n\n");
        open
    }

    #[tokio::test(start_paused = true)]
    async fn events_are_one_line_of_json_each() {
        let mut open = open(4).await;
        open.sender.send(failed("exit code 1:\n\nevent: lie")).unwrap();
        let chunk = open.chunks.recv().await.unwrap();
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
        assert_eq!(open.chunks.recv().await.unwrap(), ":\n\n");
        assert_eq!(before.elapsed(), Duration::from_secs(15));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_missed_is_told() {
        let mut open = open(2).await;
        for _ in 0..5 {
            open.sender.send(failed("x")).unwrap();
        }
        assert_eq!(open.chunks.recv().await.unwrap(), "event: missed\ndata: {\"count\":3}\n\n");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_ends_when_the_gateway_drains() {
        let mut open = open(2).await;
        open.ready.send(false).unwrap();
        assert_eq!(open.chunks.recv().await, None);
        drop(open.places.acquire().await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_leaves_frees_its_place() {
        let open = open(2).await;
        drop(open.chunks);
        drop(open.places.acquire().await.unwrap());
    }
}
