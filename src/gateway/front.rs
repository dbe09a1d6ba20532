//! What the listeners serve, as the services that hyper calls.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response, StatusCode};
use http_body_util::Either;
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::admin::{Admin, AdminBody};
use crate::answer::{Problem, is_grpc};
use crate::body::WakeBody;
use crate::layer::{ResponseFuture, Wake};
use crate::metrics::{Outcome, RouteMeter};
use crate::model::Bounds;
use crate::net::BoxFuture;
use crate::peer::Peer;
use crate::proxy::trace::Traces;
use crate::proxy::{self, Proxy, ProxyBody, answer};
use crate::route::host_of;

type FrontBody = Either<WakeBody<ProxyBody>, ProxyBody>;

/// Checks each request, then routes it.
#[derive(Clone, Debug)]
pub(super) struct Front {
    wake: Wake<Proxy>,
    checks: Arc<Checks>,
}

#[derive(Debug)]
struct Checks {
    /// How many header fields there may be, and how long the path and query may be.
    most_headers: usize,
    longest_uri: usize,
    traces: Traces,
    /// Counts who does not pass.
    unmatched: Arc<RouteMeter>,
}

impl Front {
    pub(super) fn new(
        wake: Wake<Proxy>,
        unmatched: Arc<RouteMeter>,
        bounds: &Bounds,
        traces: Traces,
    ) -> Self {
        let (most_headers, longest_uri) = (bounds.headers, bounds.uri_size);
        Self { wake, checks: Arc::new(Checks { most_headers, longest_uri, traces, unmatched }) }
    }
}

impl Checks {
    /// Whether it is no larger than it may be. (How large its head is was looked at as it came.)
    fn is_in_bounds<B>(&self, request: &Request<B>) -> Result<(), Problem> {
        if request.uri().path_and_query().is_some_and(|path| path.as_str().len() > self.longest_uri) {
            return Err(URI_TOO_LONG);
        }
        if request.headers().len() > self.most_headers { Err(TOO_MANY_HEADERS) } else { Ok(()) }
    }
}

impl Service<Request<Incoming>> for Front {
    type Response = Response<FrontBody>;
    type Error = Infallible;
    type Future = FrontFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Incoming>) -> FrontFuture {
        let checks = &self.checks;
        let arrived =
            checks.is_in_bounds(&request).and_then(|()| proxy::take_in(&mut request, checks.traces));
        match arrived.and_then(|()| is_directed(&request)) {
            Ok(()) => FrontFuture::Routed { routed: self.wake.call(request) },
            Err(problem) => {
                checks.unmatched.count(Outcome::BadRequest);
                let response = answer::unserved(problem, is_grpc(request.headers())).map(Either::Right);
                FrontFuture::Refused { response: Some(response) }
            }
        }
    }
}

/// Whether it came over a connection for its host. Which host that is was settled when it arrived.
fn is_directed<B>(request: &Request<B>) -> Result<(), Problem> {
    let Some(peer) = request.extensions().get::<Peer>() else { return Ok(()) };
    let Some(authority) = peer.authority() else { return Ok(()) };
    if authority.is_for(host_of(request)) { Ok(()) } else { Err(Problem::MISDIRECTED) }
}

const URI_TOO_LONG: Problem =
    Problem::new(StatusCode::URI_TOO_LONG, "uri_too_long", "The request's path and query are too long.");
const TOO_MANY_HEADERS: Problem = Problem::new(
    StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
    "too_many_headers",
    "The request has too many header fields.",
);

pin_project! {
    /// A request on its way through the gateway.
    #[project = FrontProjection]
    pub(super) enum FrontFuture {
        Routed { #[pin] routed: ResponseFuture<Proxy, Incoming, ProxyBody> },
        Refused { response: Option<Response<FrontBody>> },
    }
}

impl Future for FrontFuture {
    type Output = Result<Response<FrontBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            FrontProjection::Routed { routed } => {
                routed.poll(cx).map_ok(|response| response.map(Either::Left))
            }
            FrontProjection::Refused { response } => match response.take() {
                Some(response) => Poll::Ready(Ok(response)),
                // Polled after it was ready.
                None => Poll::Pending,
            },
        }
    }
}

/// The admin API as a service.
#[derive(Clone, Debug)]
pub(super) struct AdminFront(pub(super) Admin);

impl Service<Request<Incoming>> for AdminFront {
    type Response = Response<AdminBody>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let admin = self.0.clone();
        Box::pin(async move { Ok(admin.handle(request).await) })
    }
}
