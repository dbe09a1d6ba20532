//! What the proxy itself has to say: problems, as `application/problem+json` (RFC 9457), or in gRPC's own way.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use super::ProxyBody;
use crate::gate::Unserved;

/// gRPC's `UNAVAILABLE`: the call may be made again.
const GRPC_UNAVAILABLE: &str = "14";
/// gRPC's `INTERNAL`: what came in was not understood.
const GRPC_INTERNAL: &str = "13";

/// A refusal or failure, in words that are safe to show to anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The answer's status.
    pub status: StatusCode,
    /// One sentence.
    pub detail: &'static str,
    /// When it is worth trying again.
    pub retry_after: Option<Duration>,
}

impl Problem {
    pub(super) const fn new(status: StatusCode, detail: &'static str) -> Self {
        Self { status, detail, retry_after: None }
    }

    pub(super) const fn unavailable(detail: &'static str) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, detail, retry_after: Some(Duration::from_secs(1)) }
    }

    pub(super) const fn bad_gateway(detail: &'static str) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, detail)
    }

    /// The answer to a request; `grpc`, when that was a gRPC call ([`is_grpc`]). It says of itself that it is
    /// [`Unserved`].
    pub fn answer(&self, grpc: bool) -> Response<ProxyBody> {
        let mut response = if grpc { self.in_grpc() } else { self.in_json() };
        let blame = if self.status.is_server_error() { Unserved::NoAnswer } else { Unserved::BadRequest };
        response.extensions_mut().insert(blame);
        response
    }

    fn in_json(&self) -> Response<ProxyBody> {
        let body = serde_json::json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        let mut response = Response::new(ProxyBody::full(Bytes::from(body.to_string())));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(after) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
        }
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            // RFC 9110 section 15.5.6 asks for it.
            headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
        }
        response
    }

    /// Status 200 and the real one in the trailers; with nothing before them they are sent as headers
    /// (gRPC over HTTP/2, "Trailers-Only").
    fn in_grpc(&self) -> Response<ProxyBody> {
        let status = if self.status.is_server_error() { GRPC_UNAVAILABLE } else { GRPC_INTERNAL };
        let mut response = Response::new(ProxyBody::empty());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert("grpc-status", HeaderValue::from_static(status));
        headers.insert("grpc-message", HeaderValue::from_static(self.detail));
        response
    }
}

/// Whether a request with these headers is a gRPC call: `content-type: application/grpc`, alone or with a
/// `+suffix` or parameters. gRPC-Web is not: browsers read its status line.
pub fn is_grpc(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE) else { return false };
    match value.as_bytes().strip_prefix(b"application/grpc") {
        Some(rest) => matches!(rest.first(), None | Some(b'+' | b';')),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[test]
    fn only_grpc_proper_is_grpc() {
        for (value, expected) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("application/grpc;x=y", true),
            ("application/grpc-web+proto", false),
            ("application/json", false),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(value))]);
            assert_eq!(is_grpc(&headers), expected, "{value}");
        }
        assert!(!is_grpc(&HeaderMap::new()));
    }

    #[tokio::test]
    async fn a_problem_says_what_it_is() {
        let response = Problem::unavailable("Not now.").answer(false);
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()[RETRY_AFTER], "1");
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        assert_eq!(response.extensions().get(), Some(&Unserved::NoAnswer));
        let blamed = Problem::new(StatusCode::BAD_REQUEST, "x").answer(false);
        assert_eq!(blamed.extensions().get(), Some(&Unserved::BadRequest));
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["status"], 503);
        assert_eq!(body["title"], "Service Unavailable");
        assert_eq!(body["detail"], "Not now.");
    }

    #[test]
    fn a_grpc_call_is_told_in_its_own_words() {
        let response = Problem::bad_gateway("It broke.").answer(true);
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["grpc-status"], "14");
        assert_eq!(response.headers()["grpc-message"], "It broke.");
        assert_eq!(response.extensions().get(), Some(&Unserved::NoAnswer));
    }
}
