//! What the gateway itself has to say: problem details (RFC 9457), or in gRPC's own way.
//!
//! A problem repeats nothing of the request and tells nothing of the inside but a fault's public sentence.

use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};

/// Why a request is not served, in words that are safe to show to anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The answer's status.
    pub status: StatusCode,
    /// One word for programs.
    pub code: &'static str,
    /// One sentence for people.
    pub detail: &'static str,
    /// When it is worth trying again.
    pub retry_after: Option<Duration>,
}

impl Problem {
    /// The service sleeps, and a request of this kind does not wake it.
    pub const ASLEEP: Self =
        Self::unavailable("asleep", "The service is asleep, and this kind of request does not wake it.");
    /// As many requests as may wait are waiting.
    pub const FULL: Self = Self::unavailable(
        "full",
        "The service is waking up, and too many requests are waiting for it already.",
    );
    /// The service did not get ready while the request was held.
    pub const HOLD_TIMEOUT: Self =
        Self::unavailable("hold_timeout", "The service is still waking up. Try again soon.");
    /// The gateway goes down, and the request was still waiting.
    pub const GOING_DOWN: Self =
        Self::unavailable("going_down", "The gateway is restarting. Try again soon.");
    /// The client has woken services too often.
    pub const TOO_MANY_WAKES: Self = Self::new(
        StatusCode::TOO_MANY_REQUESTS,
        "too_many_wakes",
        "The service is asleep, and too many wakes have come from this address.",
    );
    /// All clients together have woken services too often.
    pub const WAKES_USED_UP: Self =
        Self::unavailable("wakes_used_up", "The service is asleep, and too much was woken lately.");
    /// No route matches.
    pub const NO_ROUTE: Self = Self::new(StatusCode::NOT_FOUND, "no_route", "There is nothing here.");

    /// The path leads to this route or that one, as one reads it ([`Ambiguous`](crate::route::Ambiguous)).
    pub const AMBIGUOUS: Self = Self::new(
        StatusCode::BAD_REQUEST,
        "ambiguous_path",
        "The path can be read in several ways, which lead to different places here. Write it without `//`, `..`, `;` and \
         encoded slashes.",
    );

    /// The connection was opened for another host (RFC 9110 section 15.5.20).
    pub const MISDIRECTED: Self = Self::new(
        StatusCode::MISDIRECTED_REQUEST,
        "misdirected",
        "This connection was opened for another host. Open one of its own.",
    );

    /// There is no HTTPS for this host to be sent to.
    pub const NOT_OURS: Self =
        Self::new(StatusCode::MISDIRECTED_REQUEST, "misdirected", "This host is not served here.");

    /// The route has a lock, and no key that fits was shown. How to show one is told by `WWW-Authenticate`.
    pub const LOCKED: Self = Self::new(StatusCode::UNAUTHORIZED, "locked", "This needs a key.");
    /// Too many wrong keys came from the client's address; for how long it is not listened to is added.
    pub const TOO_MANY_TRIES: Self = Self::new(
        StatusCode::TOO_MANY_REQUESTS,
        "too_many_tries",
        "Too many wrong passwords came from this address. Try again later.",
    );
    /// As many passwords as may be checked at once are being checked.
    pub const BUSY_CHECKING: Self =
        Self::unavailable("busy", "Too many passwords are being checked. Try again soon.");

    /// A problem without a time at which it may be over.
    pub const fn new(status: StatusCode, code: &'static str, detail: &'static str) -> Self {
        Self { status, code, detail, retry_after: None }
    }

    /// The request itself is wrong; the sentence says how, without repeating any of it.
    pub const fn bad_request(detail: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", detail)
    }

    /// Nothing sensible came from the service.
    pub const fn bad_gateway(detail: &'static str) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, "bad_gateway", detail)
    }

    /// The wake failed; the sentence is the fault's public one.
    pub const fn wake_failed(public: &'static str) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, "wake_failed", public)
    }

    const fn unavailable(code: &'static str, detail: &'static str) -> Self {
        let retry_after = Some(Duration::from_secs(1));
        Self { retry_after, ..Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail) }
    }

    /// The same, with the time after which it is worth trying again.
    #[must_use]
    pub const fn retry_after(self, time: Duration) -> Self {
        Self { retry_after: Some(time), ..self }
    }

    /// The answer to a request; `grpc`, where that was a gRPC call ([`is_grpc`]).
    pub fn response(self, grpc: bool) -> Response<Bytes> {
        if grpc { self.in_grpc() } else { self.in_json() }
    }

    /// As `application/problem+json`. The `type` is left at its default, so the title is that of the status (RFC 9457
    /// section 4.2.1); programs tell the cases apart by the extension member `code`.
    fn in_json(self) -> Response<Bytes> {
        let mut json = format!("{{\"type\":\"about:blank\",\"status\":{},\"title\":", self.status.as_u16());
        push_json(&mut json, self.status.canonical_reason().unwrap_or_default());
        json.push_str(",\"code\":");
        push_json(&mut json, self.code);
        json.push_str(",\"detail\":");
        push_json(&mut json, self.detail);
        json.push_str("}\n");
        let mut response = Response::new(json.into());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.extend(own_headers());
        // A browser may show it, and then there is nothing in it to load, to run or to be framed.
        let policy = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        if let Some(time) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds(time));
        }
        if self.status == StatusCode::UPGRADE_REQUIRED {
            // RFC 9110 section 15.5.22 and RFC 6455 section 4.4: what it could be upgraded to.
            headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            // RFC 9110 section 15.5.6 asks for it.
            let allowed = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
            headers.insert(header::ALLOW, allowed);
        }
        response
    }

    /// As a gRPC response without messages: all of it in the head ("Trailers-Only" in gRPC over HTTP/2). With a time
    /// given, clients with a retry policy wait that long (gRPC proposal A6, server pushback).
    fn in_grpc(self) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert("grpc-status", HeaderValue::from_static(self.grpc_status()));
        headers.insert("grpc-message", grpc_message(self.detail));
        if let Some(time) = self.retry_after {
            let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).min(i32::MAX as u64);
            headers.insert(HeaderName::from_static("grpc-retry-pushback-ms"), HeaderValue::from(millis));
        }
        response
    }

    fn grpc_status(self) -> &'static str {
        match self.status {
            // UNAUTHENTICATED.
            StatusCode::UNAUTHORIZED => "16",
            // UNAVAILABLE, as gRPC clients read a 429.
            StatusCode::TOO_MANY_REQUESTS => "14",
            // UNIMPLEMENTED, as gRPC clients read a 404.
            StatusCode::NOT_FOUND => "12",
            // RESOURCE_EXHAUSTED.
            StatusCode::TOO_MANY_REQUESTS => "8",
            // UNAVAILABLE: "most likely a transient condition", which clients may retry.
            status if status.is_server_error() => "14",
            // INTERNAL, as they read a 400.
            _ => "13",
        }
    }
}

/// What an answer says that is of this moment, to caches of every kind (RFC 9111; RFC 9213 for those of content delivery
/// networks; `Surrogate-Control` for those from before that, which may have been told to overlook the first).
pub(crate) fn for_no_cache() -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    let all = [
        header::CACHE_CONTROL,
        HeaderName::from_static("cdn-cache-control"),
        HeaderName::from_static("surrogate-control"),
    ];
    all.into_iter().map(|name| (name, HeaderValue::from_static("no-store")))
}

/// What every document of the gateway's own says: that it is of this moment, that it is no page to be found by search
/// engines, and that it is what it says it is.
pub(crate) fn own_headers() -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    let all =
        [(HeaderName::from_static("x-robots-tag"), "noindex"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    for_no_cache().chain(all.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))))
}

/// Whether a request with these headers is a gRPC call: `content-type: application/grpc`, alone or with a
/// `+suffix` or parameters. gRPC-Web is not: browsers read its status line.
pub fn is_grpc(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return false };
    match value.as_bytes().strip_prefix(b"application/grpc") {
        Some(rest) => matches!(rest.first(), None | Some(b'+' | b';')),
        None => false,
    }
}

/// A time as `Retry-After` has it: whole seconds, rounded up, at least one.
pub(crate) fn seconds(time: Duration) -> HeaderValue {
    HeaderValue::from((time.as_secs() + u64::from(time.subsec_nanos() > 0)).max(1))
}

/// Percent-encodes all but printable ASCII, and the percent sign (gRPC over HTTP/2, "Status-Message").
fn grpc_message(text: &str) -> HeaderValue {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' => encoded.push(char::from(byte)),
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    // Printable ASCII is always a header value.
    HeaderValue::from_str(&encoded).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Appends a JSON string (RFC 8259 section 7).
fn push_json(json: &mut String, text: &str) {
    json.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => json.extend(['\\', character]),
            control if control < ' ' => json.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => json.push(other),
        }
    }
    json.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Problem; 10] = [
        Problem::ASLEEP,
        Problem::FULL,
        Problem::HOLD_TIMEOUT,
        Problem::wake_failed("It \"stopped\"\n\\ at 100 %, é."),
        Problem::NO_ROUTE,
        Problem::AMBIGUOUS,
        Problem::bad_request("The Host header is missing."),
        Problem::MISDIRECTED,
        Problem::TOO_MANY_WAKES,
        Problem::WAKES_USED_UP,
    ];

    #[test]
    fn every_problem_is_json_that_says_its_status() {
        for problem in ALL {
            let response = problem.retry_after(Duration::from_millis(1200)).response(false);
            let json: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
            assert_eq!(json["status"], response.status().as_u16());
            assert_eq!(json["title"], response.status().canonical_reason().unwrap());
            assert_eq!(json["detail"], problem.detail);
            assert_eq!(json["code"], problem.code);
            assert_eq!(response.headers()["retry-after"], "2");
            assert_eq!(response.headers()["content-type"], "application/problem+json");
        }
    }

    #[test]
    fn without_a_time_there_is_no_retry_after() {
        assert!(!Problem::NO_ROUTE.response(false).headers().contains_key("retry-after"));
        assert!(!Problem::NO_ROUTE.response(true).headers().contains_key("grpc-retry-pushback-ms"));
    }

    #[test]
    fn grpc_is_all_head() {
        for problem in ALL {
            let response = problem.retry_after(Duration::from_secs(2)).response(true);
            assert_eq!(response.status(), 200);
            assert!(response.body().is_empty());
            assert_eq!(response.headers()["content-type"], "application/grpc");
            assert_eq!(response.headers()["grpc-retry-pushback-ms"], "2000");
        }
        assert_eq!(Problem::HOLD_TIMEOUT.response(true).headers()["grpc-status"], "14");
        assert_eq!(
            ALL[3].response(true).headers()["grpc-message"],
            "It \"stopped\"%0A\\ at 100 %25, %C3%A9."
        );
    }

    #[test]
    fn seconds_are_rounded_up_and_never_zero() {
        assert_eq!(seconds(Duration::ZERO), "1");
        assert_eq!(seconds(Duration::from_millis(2001)), "3");
    }

    #[test]
    fn only_grpc_proper_is_grpc() {
        for (value, expected) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("application/grpc;x=y", true),
            ("application/grpc-web+proto", false),
            ("application/json", false),
        ] {
            let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(value))]);
            assert_eq!(is_grpc(&headers), expected, "{value}");
        }
        assert!(!is_grpc(&HeaderMap::new()));
    }
}
