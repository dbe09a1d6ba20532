//! What runs in a container: a small web application whose manners can be chosen.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::json;

use super::handle::Clock;

/// The manners of an app. Its times are its own; the simulator's `speed` does not change them.
#[derive(Clone, Debug)]
pub(crate) struct AppBehaviour {
    /// From the start of the container until it listens.
    pub(crate) boot: Duration,
    /// From then until it answers with `status` instead of 503; `None`: never.
    pub(crate) warm: Option<Duration>,
    /// The status of its answers.
    pub(crate) status: u16,
    /// How long it thinks about each request.
    pub(crate) think: Duration,
    /// How long it takes from SIGTERM to its end.
    pub(crate) farewell: Duration,
    /// It ends by itself so long after the start of the container.
    pub(crate) dies: Option<Death>,
    /// Connections to it are neither taken nor refused.
    pub(crate) black_hole: bool,
}

/// The end of an app that nobody asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Death {
    /// How long after the start of the container.
    pub(crate) after: Duration,
    /// What the process returns.
    pub(crate) exit_code: i32,
    /// What ECS says of the container, where it says something (`OutOfMemoryError: …`).
    pub(crate) reason: Option<String>,
}

impl Default for AppBehaviour {
    fn default() -> Self {
        Self {
            boot: Duration::from_millis(500),
            warm: Some(Duration::ZERO),
            status: 200,
            think: Duration::ZERO,
            farewell: Duration::from_millis(200),
            dies: None,
            black_hole: false,
        }
    }
}

/// A request that an app saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// When, since the start of the simulator.
    pub(crate) at: Duration,
    /// The task that saw it.
    pub(crate) task_arn: String,
    /// Its service.
    pub(crate) service: String,
    /// The request's `x-request-id`, or empty.
    pub(crate) id: String,
    /// Its method.
    pub(crate) method: String,
    /// Its path and query.
    pub(crate) path: String,
    /// Its `host`, or authority.
    pub(crate) host: String,
    /// The task had been told to stop when the request arrived.
    pub(crate) told_to_stop: bool,
    /// The status it was answered with.
    pub(crate) status: u16,
}

/// Every request that any app saw, in the order of arrival.
pub(super) type SeenLog = Arc<Mutex<Vec<Seen>>>;

/// The app of one task.
#[derive(Clone)]
pub(crate) struct App {
    pub(super) task_arn: Arc<str>,
    pub(super) service: Arc<str>,
    pub(super) behaviour: Arc<AppBehaviour>,
    /// When it answers with its own status; `None`: never.
    pub(super) warm_at: Option<Duration>,
    pub(super) told_to_stop: Arc<AtomicBool>,
    pub(super) seen: SeenLog,
    pub(super) clock: Clock,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("task_arn", &self.task_arn).finish_non_exhaustive()
    }
}

impl App {
    /// When it begins to answer with success; `None`: never.
    pub(crate) fn warm_at(&self) -> Option<Duration> {
        self.warm_at.filter(|_| (200..400).contains(&self.behaviour.status))
    }

    /// Answers a request: the task's ARN and service in headers and in the body, after the length of what it was sent.
    pub(crate) async fn answer<B>(&self, request: Request<B>) -> Response<Full<Bytes>>
    where
        B: http_body::Body,
    {
        let (head, body) = request.into_parts();
        let at = (self.clock)();
        let warm = self.warm_at.is_some_and(|warm_at| at >= warm_at);
        let status = if warm { self.behaviour.status } else { 503 };
        let text = |headers: &HeaderMap, name| {
            headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
        };
        let authority = head.uri.authority().map(ToString::to_string);
        let seen = Seen {
            at,
            task_arn: self.task_arn.to_string(),
            service: self.service.to_string(),
            id: text(&head.headers, "x-request-id"),
            method: head.method.to_string(),
            path: head.uri.path_and_query().map_or_else(String::new, ToString::to_string),
            host: authority.unwrap_or_else(|| text(&head.headers, "host")),
            told_to_stop: self.told_to_stop.load(Ordering::Acquire),
            status,
        };
        let path = seen.path.clone();
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
        let received = body.collect().await.map_or(0, |body| body.to_bytes().len());
        if !self.behaviour.think.is_zero() {
            tokio::time::sleep(self.behaviour.think).await;
        }
        let said = json!({
            "task": &*self.task_arn,
            "service": &*self.service,
            "method": head.method.as_str(),
            "path": path,
            "received": received,
        });
        let mut response = Response::new(Full::new(Bytes::from(format!("{said}\n"))));
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
        let headers = response.headers_mut();
        for (name, value) in
            [("x-task", &*self.task_arn), ("x-service", &*self.service), ("content-type", "application/json")]
        {
            if let Ok(value) = value.parse() {
                headers.insert(name, value);
            }
        }
        response
    }
}
