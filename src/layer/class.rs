//! How a request wants to be treated while it waits.

use std::time::Duration;

use http::header::{ACCEPT, HeaderName, UPGRADE};
use http::{HeaderMap, Method, Request};

use crate::answer::is_grpc;
use crate::model::Limits;

const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// What sort of request it is, as far as waiting goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A browser goes to a page: after a while it is better shown the waiting page.
    Navigation {
        /// Only the head is asked for.
        head_only: bool,
    },
    /// A gRPC call: it is answered in gRPC's own words.
    Grpc {
        /// How long the caller is willing to wait, where it says so.
        deadline: Option<Duration>,
    },
    /// Anything else: a program that wants its answer.
    Other,
}

impl Class {
    /// The class of a request.
    pub fn of<B>(request: &Request<B>) -> Self {
        let headers = request.headers();
        if is_grpc(headers) {
            let deadline = headers.get(GRPC_TIMEOUT).and_then(|value| grpc_timeout(value.as_bytes()));
            return Self::Grpc { deadline };
        }
        if is_navigation(request.method(), headers) {
            return Self::Navigation { head_only: *request.method() == Method::HEAD };
        }
        Self::Other
    }

    /// How long it is held at most.
    pub fn patience(self, limits: &Limits) -> Duration {
        match self {
            Self::Navigation { .. } => limits.page_after,
            Self::Grpc { deadline } => deadline.map_or(limits.hold_timeout, |it| it.min(limits.hold_timeout)),
            Self::Other => limits.hold_timeout,
        }
    }
}

/// Whether a browser is going to a page: GET or HEAD, HTML is welcome, and it is not for a part of a page, which the
/// Fetch Metadata headers tell where the browser sends them (W3C Fetch Metadata, sections 2.1 and 2.2).
fn is_navigation(method: &Method, headers: &HeaderMap) -> bool {
    let is = |name: &HeaderName, allowed: &[&str]| {
        headers.get(name).is_none_or(|value| allowed.iter().any(|word| value == word))
    };
    matches!(*method, Method::GET | Method::HEAD)
        && accepts_html(headers)
        && !headers.contains_key(UPGRADE)
        && is(&SEC_FETCH_MODE, &["navigate"])
        && is(&SEC_FETCH_DEST, &["document"])
}

fn accepts_html(headers: &HeaderMap) -> bool {
    headers.get_all(ACCEPT).iter().any(|value| {
        value.as_bytes().split(|byte| *byte == b',').any(|media| {
            let range = media.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
            range.eq_ignore_ascii_case(b"text/html")
        })
    })
}

/// `grpc-timeout`: at most eight digits and a unit (gRPC over HTTP/2, "Timeout").
fn grpc_timeout(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    let count: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(match unit {
        b'H' => Duration::from_secs(count * 3600),
        b'M' => Duration::from_secs(count * 60),
        b'S' => Duration::from_secs(count),
        b'm' => Duration::from_millis(count),
        b'u' => Duration::from_micros(count),
        b'n' => Duration::from_nanos(count),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(method: &str, headers: &[(&str, &str)]) -> Class {
        let mut request = Request::builder().method(method);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Class::of(&request.body(()).unwrap())
    }

    #[test]
    fn a_browser_that_goes_to_a_page_is_a_navigation() {
        let chrome = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";
        let page = Class::Navigation { head_only: false };
        assert_eq!(class("GET", &[("accept", chrome)]), page);
        let fetch = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
        assert_eq!(class("GET", &[("accept", chrome), fetch[0], fetch[1]]), page);
        assert_eq!(class("HEAD", &[("accept", "text/html")]), Class::Navigation { head_only: true });
    }

    #[test]
    fn what_wants_data_is_not() {
        for (method, headers) in [
            ("GET", vec![("accept", "*/*")]),
            ("GET", vec![]),
            ("GET", vec![("accept", "application/json, text/plain")]),
            ("POST", vec![("accept", "text/html")]),
            ("GET", vec![("accept", "text/html"), ("sec-fetch-dest", "image")]),
            // The page may not be framed, so a frame waits for its document.
            ("GET", vec![("accept", "text/html"), ("sec-fetch-dest", "iframe")]),
            ("GET", vec![("accept", "text/html"), ("sec-fetch-mode", "cors")]),
            ("GET", vec![("accept", "text/html"), ("upgrade", "websocket")]),
            ("POST", vec![("content-type", "application/grpc-web+proto")]),
        ] {
            assert_eq!(class(method, &headers), Class::Other, "{method} {headers:?}");
        }
    }

    #[test]
    fn a_grpc_call_brings_its_deadline() {
        let limits = Limits { hold_timeout: Duration::from_secs(25), ..Limits::default() };
        let patience = |timeout: &str| {
            class("POST", &[("content-type", "application/grpc+proto"), ("grpc-timeout", timeout)])
                .patience(&limits)
        };
        assert_eq!(patience("500m"), Duration::from_millis(500));
        assert_eq!(patience("1H"), limits.hold_timeout);
        assert_eq!(patience("soon"), limits.hold_timeout);
        assert_eq!(patience("999999999S"), limits.hold_timeout);
    }
}
