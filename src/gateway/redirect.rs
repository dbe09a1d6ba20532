//! A listener for plain HTTP that sends everybody to HTTPS.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, LOCATION};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use tower_service::Service;

use super::tls::Terminator;
use crate::answer::{Problem, is_grpc};
use crate::peer::{Client, Scheme};
use crate::proxy;
use crate::route::host_of;

/// Redirects to HTTPS for the hosts that there is a certificate for: a redirect to whatever a request names would lead
/// through the gateway to anywhere.
#[derive(Clone, Debug)]
pub(super) struct ToHttps {
    port: u16,
    terminators: Arc<[Option<Arc<Terminator>>]>,
}

impl ToHttps {
    pub(super) fn new(port: u16, terminators: Arc<[Option<Arc<Terminator>>]>) -> Self {
        Self { port, terminators }
    }

    fn location<B>(&self, request: &mut Request<B>) -> Result<HeaderValue, Problem> {
        proxy::arrive(request)?;
        if Client::of(request.extensions()).is_some_and(|client| client.scheme == Scheme::Https) {
            return Err(Problem::bad_request("It came by https, and this listener only redirects to https."));
        }
        let host = host_of(request).to_ascii_lowercase();
        if !self.terminators.iter().flatten().any(|terminator| terminator.is_for(&host)) {
            return Err(Problem::NOT_OURS);
        }
        let port = if self.port == 443 { String::new() } else { format!(":{}", self.port) };
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let path = if path.starts_with('/') { path } else { "/" };
        HeaderValue::from_str(&format!("https://{host}{port}{path}"))
            .map_err(|_| Problem::bad_request("The target cannot be redirected."))
    }
}

impl Service<Request<Incoming>> for ToHttps {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Incoming>) -> Self::Future {
        let response = match self.location(&mut request) {
            Ok(location) => {
                let mut response = Response::new(Full::default());
                // The method and the body stay what they are (RFC 9110 section 15.4.9).
                *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
                response.headers_mut().insert(LOCATION, location);
                // It may be another's host tomorrow.
                response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
                response
            }
            Err(problem) => problem.response(is_grpc(request.headers())).map(Full::new),
        };
        ready(Ok(response))
    }
}
