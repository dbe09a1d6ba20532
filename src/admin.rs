//! Status, wake, sleep, leases, events, metrics: the gateway's own door, on a listener of its own.
//!
//! | request | answer |
//! |---|---|
//! | `GET /healthz` | 200 while the process is alive |
//! | `GET /readyz` | 200 while it accepts requests, 503 while it starts or drains |
//! | `GET /openapi.json` | this API, as an OpenAPI 3.1 document |
//! | `GET /metrics` | [`Metrics`], as Prometheus reads them |
//! | `GET /api/services` | every service's [`ServiceStatus`], in the order of the configuration |
//! | `GET /api/services/{name}` | one service's |
//! | `POST /api/services/{name}/wake` | 202: it and its closure are being woken |
//! | `POST /api/services/{name}/sleep` | 202: its door is shut; 409 with the reason where it stays awake |
//! | `PUT /api/services/{name}/lease` `{"for":"2h"}` | 200: awake, and kept awake for that time from now |
//! | `DELETE /api/services/{name}/lease` | 204 |
//! | `GET /api/events` | what happens from now on, as server-sent events |
//!
//! Errors are `application/problem+json` (RFC 9457). Where a token is set, everything but the first three needs it,
//! `/metrics` too. What a browser could be made to send by somebody else's page is refused; see `guard.rs`.

mod api;
mod body;
mod events;
mod guard;
mod openapi;
mod problem;
mod resource;
pub mod status;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body::Body;
use tokio::sync::{Semaphore, watch};

pub use body::AdminBody;
pub use status::ServiceStatus;

use crate::driver::Control;
use crate::metrics::{self, Metrics};
use events::EventStream;
use problem::Problem;
use resource::Resource;

/// What goes wrong while a request's body is read, of any kind.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How the admin API is set up.
#[derive(Clone)]
pub struct AdminOptions {
    /// The bearer token that callers must show (RFC 6750); anybody who reaches the listener may call where `None`.
    pub token: Option<String>,
    /// Names under which the listener may be called, besides `localhost` and plain addresses.
    pub hosts: Vec<String>,
    /// The pause between two signs of life on a quiet event stream.
    pub heartbeat: Duration,
    /// How many event streams may be open at once.
    pub max_streams: usize,
}

impl Default for AdminOptions {
    fn default() -> Self {
        Self { token: None, hosts: Vec::new(), heartbeat: Duration::from_secs(15), max_streams: 64 }
    }
}

impl fmt::Debug for AdminOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminOptions")
            .field("token", &self.token.as_ref().map(|_| "(secret)"))
            .field("hosts", &self.hosts)
            .field("heartbeat", &self.heartbeat)
            .field("max_streams", &self.max_streams)
            .finish()
    }
}

/// The admin API. Cheap to clone: one clone a connection.
#[derive(Clone, Debug)]
pub struct Admin {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    options: AdminOptions,
    control: Control,
    metrics: Arc<Metrics>,
    /// Whether the gateway accepts requests.
    ready: watch::Receiver<bool>,
    streams: Arc<Semaphore>,
}

impl Admin {
    /// The API over this driver. `ready` says whether the gateway accepts requests; event streams end when it no
    /// longer does.
    pub fn new(
        options: AdminOptions,
        control: Control,
        metrics: Arc<Metrics>,
        ready: watch::Receiver<bool>,
    ) -> Self {
        let streams = Arc::new(Semaphore::new(options.max_streams));
        Self { shared: Arc::new(Shared { options, control, metrics, ready, streams }) }
    }

    /// Answers one request. Never fails: what goes wrong is an answer too.
    pub async fn handle<B>(&self, request: Request<B>) -> Response<AdminBody>
    where
        B: Body,
        B::Error: Into<BoxError>,
    {
        let mut response = match self.shared.answer(request).await {
            Ok(response) => response,
            Err(problem) => problem.response(),
        };
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
        let policy = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
        headers.insert("content-security-policy", policy);
        headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
        response
    }
}

impl Shared {
    async fn answer<B>(&self, request: Request<B>) -> Result<Response<AdminBody>, Problem>
    where
        B: Body,
        B::Error: Into<BoxError>,
    {
        let (head, body) = request.into_parts();
        let resource = Resource::of(head.uri.path()).ok_or_else(Problem::no_such_path)?;
        // These tell nothing of the services, and whoever asks for them (a load balancer) uses any name and shows no
        // token.
        if resource.is_open() {
            resource.check_method(&head.method)?;
            return Ok(match resource {
                Resource::Ready if !*self.ready.borrow() => {
                    text(StatusCode::SERVICE_UNAVAILABLE, "not accepting requests\n")
                }
                Resource::Document => respond(StatusCode::OK, "application/json", openapi::DOCUMENT.clone()),
                _ => text(StatusCode::OK, "ok\n"),
            });
        }
        guard::check_host(&head, &self.options.hosts)?;
        guard::check_origin(&head)?;
        guard::check_token(&head, self.options.token.as_deref())?;
        resource.check_method(&head.method)?;

        let control = &self.control;
        match (&head.method, &resource) {
            (_, Resource::Metrics) => {
                let text = self.metrics.render(&control.gates(), control.clock().now());
                Ok(respond(StatusCode::OK, metrics::CONTENT_TYPE, text))
            }
            (_, Resource::Services) => api::list(control),
            (_, Resource::Service(name)) => api::show(control, name, StatusCode::OK),
            (_, Resource::Events) => self.events(&head.method),
            (_, Resource::Wake(name)) => {
                api::no_keys(&head, body).await?;
                control.wake(name).await?;
                api::show(control, name, StatusCode::ACCEPTED)
            }
            (_, Resource::Sleep(name)) => {
                api::no_keys(&head, body).await?;
                control.sleep(name).await?;
                api::show(control, name, StatusCode::ACCEPTED)
            }
            (&Method::DELETE, Resource::Lease(name)) => {
                api::no_keys(&head, body).await?;
                control.lease(name, None).await?;
                Ok(empty(StatusCode::NO_CONTENT))
            }
            (_, Resource::Lease(name)) => {
                let how_long = api::lease(&head, body).await?;
                control.lease(name, Some(how_long)).await?;
                api::show(control, name, StatusCode::OK)
            }
            (_, Resource::Health | Resource::Ready | Resource::Document) => Ok(text(StatusCode::OK, "ok\n")),
        }
    }

    fn events(&self, method: &Method) -> Result<Response<AdminBody>, Problem> {
        if method == Method::HEAD {
            return Ok(respond(StatusCode::OK, "text/event-stream", Bytes::new()));
        }
        let place = self.streams.clone().try_acquire_owned().map_err(|_| {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "as many event streams as may be are open already")
        })?;
        let (notices, ready) = (self.control.notices(), self.ready.clone());
        let events = EventStream::new(notices, ready, self.options.heartbeat, place);
        let mut response = empty(StatusCode::OK);
        *response.body_mut() = AdminBody::stream(events);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        Ok(response)
    }
}

fn text(status: StatusCode, text: &'static str) -> Response<AdminBody> {
    respond(status, "text/plain; charset=utf-8", text)
}

fn respond(status: StatusCode, media_type: &'static str, body: impl Into<Bytes>) -> Response<AdminBody> {
    let mut response = Response::new(AdminBody::full(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

fn empty(status: StatusCode) -> Response<AdminBody> {
    let mut response = Response::new(AdminBody::full(Bytes::new()));
    *response.status_mut() = status;
    response
}
