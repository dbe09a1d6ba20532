//! The requests of an HTTP/2 connection.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http2;
use hyper_util::rt::TokioTimer;
use tokio::sync::Notify;

use super::Manners;
use super::requests::Requests;
use super::streams::Streams;
use crate::gateway::answers::Answers;
use crate::gateway::stop::Stopped;

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
    tokio::select! {
        biased;
        ended = connection.as_mut() => return ended,
        () = stop.asked() => {}
        () = idle.notified() => {}
    }
    connection.as_mut().graceful_shutdown();
    connection.await
}
