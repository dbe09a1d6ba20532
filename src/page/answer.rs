//! The other answers while a service is not ready: problem details (RFC 9457), and their gRPC form.
//!
//! They repeat nothing of the request and tell nothing of the inside but a fault's public sentence.

use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};

/// Why a request is not passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// The service sleeps, and a request of this kind does not wake it.
    Asleep,
    /// As many requests as may wait are waiting.
    Full,
    /// The service did not get ready while the request was held.
    HoldTimeout,
    /// The gateway goes down, and the request was still waiting.
    GoingDown,
    /// The wake failed; the sentence is the fault's public one.
    WakeFailed(&'static str),
    /// No route matches.
    NoRoute,
    /// The request itself is wrong; the sentence says how, without repeating any of it.
    BadRequest(&'static str),
}

impl Answer {
    /// The HTTP status.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Asleep | Self::Full | Self::HoldTimeout | Self::GoingDown => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::WakeFailed(_) => StatusCode::BAD_GATEWAY,
            Self::NoRoute => StatusCode::NOT_FOUND,
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
        }
    }

    /// One word for programs, also in metrics and logs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Asleep => "asleep",
            Self::Full => "full",
            Self::HoldTimeout => "hold_timeout",
            Self::GoingDown => "going_down",
            Self::WakeFailed(_) => "wake_failed",
            Self::NoRoute => "no_route",
            Self::BadRequest(_) => "bad_request",
        }
    }

    /// One sentence for people.
    pub const fn detail(self) -> &'static str {
        match self {
            Self::Asleep => "The service is asleep, and this kind of request does not wake it.",
            Self::Full => "The service is waking up, and too many requests are waiting for it already.",
            Self::HoldTimeout => "The service is still waking up. Try again soon.",
            Self::GoingDown => "The gateway is restarting. Try again soon.",
            Self::NoRoute => "There is nothing here.",
            Self::WakeFailed(public) | Self::BadRequest(public) => public,
        }
    }

    /// The status that gRPC has for it.
    const fn grpc_status(self) -> &'static str {
        match self {
            // UNAVAILABLE: "most likely a transient condition", which clients may retry.
            Self::Asleep | Self::Full | Self::HoldTimeout | Self::GoingDown | Self::WakeFailed(_) => "14",
            // UNIMPLEMENTED, as gRPC clients read a 404.
            Self::NoRoute => "12",
            // INTERNAL, as they read a 400.
            Self::BadRequest(_) => "13",
        }
    }

    /// As `application/problem+json`, with `Retry-After` where a time is given.
    ///
    /// The `type` is left at its default, so the title is that of the status (RFC 9457 section 4.2.1); programs
    /// tell the cases apart by the extension member `code`.
    pub fn problem(self, retry_after: Option<Duration>) -> Response<Bytes> {
        let status = self.status();
        let mut json = format!("{{\"type\":\"about:blank\",\"status\":{},\"title\":", status.as_u16());
        push_json(&mut json, status.canonical_reason().unwrap_or_default());
        json.push_str(",\"code\":");
        push_json(&mut json, self.code());
        json.push_str(",\"detail\":");
        push_json(&mut json, self.detail());
        json.push_str("}\n");
        let mut response = Response::new(json.into());
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some(time) = retry_after {
            headers.insert(header::RETRY_AFTER, seconds(time));
        }
        response
    }

    /// As a gRPC response without messages: all of it in the head ("Trailers-Only" in gRPC over HTTP/2). With a
    /// time given, clients with a retry policy wait that long (gRPC proposal A6, server pushback).
    pub fn grpc(self, retry_after: Option<Duration>) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert("grpc-status", HeaderValue::from_static(self.grpc_status()));
        headers.insert("grpc-message", grpc_message(self.detail()));
        if let Some(time) = retry_after {
            let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).min(i32::MAX as u64);
            headers.insert(HeaderName::from_static("grpc-retry-pushback-ms"), HeaderValue::from(millis));
        }
        response
    }
}

/// A time as `Retry-After` has it: whole seconds, rounded up, at least one.
pub(super) fn seconds(time: Duration) -> HeaderValue {
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

    const ALL: [Answer; 6] = [
        Answer::Asleep,
        Answer::Full,
        Answer::HoldTimeout,
        Answer::WakeFailed("It \"stopped\"\n\\ at 100 %, é."),
        Answer::NoRoute,
        Answer::BadRequest("The Host header is missing."),
    ];

    #[test]
    fn every_problem_is_json_that_says_its_status() {
        for answer in ALL {
            let response = answer.problem(Some(Duration::from_millis(1200)));
            let json: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
            assert_eq!(json["status"], response.status().as_u16());
            assert_eq!(json["title"], response.status().canonical_reason().unwrap());
            assert_eq!(json["detail"], answer.detail());
            assert_eq!(json["code"], answer.code());
            assert_eq!(response.headers()["retry-after"], "2");
            assert_eq!(response.headers()["content-type"], "application/problem+json");
        }
    }

    #[test]
    fn without_a_time_there_is_no_retry_after() {
        assert!(!Answer::NoRoute.problem(None).headers().contains_key("retry-after"));
        assert!(!Answer::NoRoute.grpc(None).headers().contains_key("grpc-retry-pushback-ms"));
    }

    #[test]
    fn grpc_is_all_head() {
        for answer in ALL {
            let response = answer.grpc(Some(Duration::from_secs(2)));
            assert_eq!(response.status(), 200);
            assert!(response.body().is_empty());
            assert_eq!(response.headers()["content-type"], "application/grpc");
            assert_eq!(response.headers()["grpc-retry-pushback-ms"], "2000");
        }
        assert_eq!(Answer::HoldTimeout.grpc(None).headers()["grpc-status"], "14");
        assert_eq!(ALL[3].grpc(None).headers()["grpc-message"], "It \"stopped\"%0A\\ at 100 %25, %C3%A9.");
    }

    #[test]
    fn seconds_are_rounded_up_and_never_zero() {
        assert_eq!(seconds(Duration::ZERO), "1");
        assert_eq!(seconds(Duration::from_millis(2001)), "3");
    }
}
