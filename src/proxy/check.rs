//! Which requests go no further, and the one spelling of "for which host" that the rest relies on.

use std::net::Ipv6Addr;

use http::header::{CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, Version};
use hyper::ext::Protocol;

use super::handshake;
use super::survey::Survey;
use crate::answer::Problem;

/// Refuses what is not valid, and puts what is into one form: afterwards `Host` is there once, is the authority
/// that the client meant (RFC 9112 section 3.2, RFC 9113 section 8.3.1), and is well-formed.
///
/// Calling it again changes nothing.
///
/// # Errors
/// The [`Problem`] to answer with.
pub fn check<B>(request: &mut Request<B>) -> Result<(), Problem> {
    let seen = Survey::of(request.headers());
    check_seen(request, seen)
}

/// The same where it is known which fields there are.
pub(super) fn check_seen<B>(request: &mut Request<B>, seen: Survey) -> Result<(), Problem> {
    check_method(request)?;
    check_target(request)?;
    if seen.has(Survey::TRANSFER_ENCODING.or(Survey::EXPECT)) {
        check_framing(request.headers())?;
    }
    check_values(request)?;
    if seen.has(Survey::UPGRADE) {
        handshake::check(request)?;
    }
    settle_host(request)
}

fn check_method<B>(request: &Request<B>) -> Result<(), Problem> {
    let refused = match *request.method() {
        Method::CONNECT => !is_extended_connect(request),
        Method::TRACE => true,
        // Methods are case-sensitive: `get` is not GET, and who sends it hopes that somebody thinks it is.
        ref other => other.as_str().bytes().any(|byte| byte.is_ascii_lowercase()),
    };
    if refused { Err(METHOD) } else { Ok(()) }
}

/// RFC 8441: the only `CONNECT` that is meant for us is the one that opens a WebSocket over HTTP/2.
pub(super) fn is_extended_connect<B>(request: &Request<B>) -> bool {
    let protocol = request.extensions().get::<Protocol>();
    request.version() == Version::HTTP_2 && protocol.is_some_and(|protocol| protocol.as_str() == "websocket")
}

fn check_target<B>(request: &Request<B>) -> Result<(), Problem> {
    let uri = request.uri();
    if let Some(scheme) = uri.scheme_str()
        && !matches!(scheme, "http" | "https")
    {
        return Err(SCHEME);
    }
    if uri.path() == "*" && *request.method() != Method::OPTIONS {
        return Err(TARGET);
    }
    // A host alone is for CONNECT (RFC 9112 section 3.2.3). Taken for a whole address, it would replace `Host`.
    if uri.authority().is_some() && uri.scheme().is_none() && *request.method() != Method::CONNECT {
        return Err(TARGET);
    }
    Ok(())
}

/// RFC 9113 section 8.2.1: no value begins or ends with white space. Behind us, in HTTP/1.1, it could not.
fn check_values<B>(request: &Request<B>) -> Result<(), Problem> {
    let is_space = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    let is_padded =
        |value: &HeaderValue| is_space(value.as_bytes().first()) || is_space(value.as_bytes().last());
    if request.version() == Version::HTTP_2 && request.headers().values().any(is_padded) {
        return Err(PADDED);
    }
    Ok(())
}

fn check_framing(headers: &HeaderMap) -> Result<(), Problem> {
    if let Some(coding) = headers.get(TRANSFER_ENCODING) {
        if headers.get_all(TRANSFER_ENCODING).iter().count() > 1
            || !coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked")
        {
            return Err(CODING);
        }
        if headers.contains_key(CONTENT_LENGTH) {
            return Err(FRAMING);
        }
    }
    let is_known = |expect: &HeaderValue| expect.as_bytes().eq_ignore_ascii_case(b"100-continue");
    if headers.get_all(EXPECT).iter().all(is_known) { Ok(()) } else { Err(EXPECTATION) }
}

fn settle_host<B>(request: &mut Request<B>) -> Result<(), Problem> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err(HOST_INVALID);
    }
    if let Some(authority) = request.uri().authority() {
        if !is_host(authority.as_str()) {
            return Err(HOST_INVALID);
        }
        if host.is_some_and(|host| host.as_bytes() == authority.as_str().as_bytes()) {
            return Ok(());
        }
        let host = HeaderValue::from_str(authority.as_str()).map_err(|_| HOST_INVALID)?;
        request.headers_mut().insert(HOST, host);
        return Ok(());
    }
    let host = host.ok_or(HOST_MISSING)?.as_bytes();
    // Most are a name alone.
    let is_valid = is_name(host) || std::str::from_utf8(host).is_ok_and(is_host);
    if is_valid { Ok(()) } else { Err(HOST_INVALID) }
}

const LONGEST_NAME: usize = 255;

/// The bytes that a host's name may have.
const NAME: [bool; 256] = {
    let mut name = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        name[byte] =
            matches!(byte as u8, b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~');
        byte += 1;
    }
    name
};

/// Whether it is a name, in which no label is empty but the last.
fn is_name(text: &[u8]) -> bool {
    let mut before = b'.';
    let mut fits = |&byte: &u8| {
        let before = std::mem::replace(&mut before, byte);
        NAME[usize::from(byte)] && (byte != b'.' || before != b'.')
    };
    !text.is_empty() && text.len() <= LONGEST_NAME && text.iter().all(&mut fits)
}

/// A host name, an IPv4 address or a bracketed IPv6 one, with a port or without. Narrower than RFC 3986: no
/// userinfo, no percent-encoding, none of the punctuation that no real name has; and no empty label but the root's, for who
/// takes dots off would find another host, and who has a folder for each would find the one above.
fn is_host(text: &str) -> bool {
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let Some((address, rest)) = rest.split_once(']') else { return false };
            if address.parse::<Ipv6Addr>().is_err() {
                return false;
            }
            match rest.strip_prefix(':') {
                Some(port) => ("-", Some(port)),
                None if rest.is_empty() => ("-", None),
                None => return false,
            }
        }
        None => match text.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (text, None),
        },
    };
    is_name(name.as_bytes())
        && port
            .is_none_or(|port| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok())
}

/// The authority that a checked request is for.
pub(super) fn authority(uri: &Uri, headers: &HeaderMap) -> Option<Authority> {
    match uri.authority() {
        Some(authority) => Some(authority.clone()),
        None => Authority::try_from(headers.get(HOST)?.as_bytes()).ok(),
    }
}

const METHOD: Problem =
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", "The gateway does not pass this method on.");
const SCHEME: Problem = Problem::bad_request("The request's scheme is not http or https.");
const TARGET: Problem = Problem::bad_request("The request's target is not valid.");
const CODING: Problem = Problem::new(
    StatusCode::NOT_IMPLEMENTED,
    "transfer_coding",
    "The request's transfer coding is not chunked alone.",
);
const FRAMING: Problem = Problem::bad_request("The request's length is given in two ways.");
const EXPECTATION: Problem = Problem::new(
    StatusCode::EXPECTATION_FAILED,
    "expectation",
    "The gateway knows no expectation but 100-continue.",
);
const PADDED: Problem = Problem::bad_request("The request has a field with space around its value.");
const HOST_MISSING: Problem = Problem::bad_request("The request names no host.");
const HOST_INVALID: Problem = Problem::bad_request("The request's host is not valid.");

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, uri: &str, headers: &[(&'static str, &str)]) -> Request<()> {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    }

    fn status(method: &str, uri: &str, headers: &[(&'static str, &str)]) -> u16 {
        match check(&mut request(method, uri, headers)) {
            Ok(()) => 200,
            Err(problem) => problem.status.as_u16(),
        }
    }

    #[test]
    fn a_host_is_needed_once_and_well_formed() {
        assert_eq!(status("GET", "/", &[]), 400);
        assert_eq!(status("GET", "/", &[("host", "a"), ("host", "a")]), 400);
        for good in [
            "a",
            "a.",
            "a.example.:80",
            "a.example",
            "a_b.example:8080",
            "127.0.0.1",
            "[::1]",
            "[::1]:80",
            "a~b",
        ] {
            assert_eq!(status("GET", "/", &[("host", good)]), 200, "{good}");
        }
        for bad in [
            "", ".", "..", ".a", "..:80", "a..", "a..b", "a, b", "u@b", "a b", "a/../b", "a:", "a:x", "a:+1",
            "a:65536", "[::1", "[x]", "[::1]x", ":80",
        ] {
            assert_eq!(status("GET", "/", &[("host", bad)]), 400, "{bad}");
        }
    }

    #[test]
    fn the_targets_authority_beats_the_host_header() {
        for host in [None, Some(("host", "evil.example")), Some(("host", "good.example"))] {
            let mut request = request("GET", "http://good.example/x", host.as_slice());
            check(&mut request).unwrap();
            assert_eq!(request.headers()["host"], "good.example");
        }
        assert_eq!(status("GET", "http://user@good.example/", &[]), 400);
        assert_eq!(status("GET", "ftp://good.example/", &[]), 400);
    }

    #[test]
    fn methods_that_are_not_for_a_gateway_are_refused() {
        for method in ["TRACE", "CONNECT", "get", "Post"] {
            let uri = if method == "CONNECT" { "a.example:443" } else { "/" };
            assert_eq!(status(method, uri, &[("host", "a.example:443")]), 405, "{method}");
        }
        for method in ["GET", "PROPFIND", "M-SEARCH"] {
            assert_eq!(status(method, "/", &[("host", "a")]), 200, "{method}");
        }
    }

    #[test]
    fn connect_opens_a_websocket_over_http_2_and_nothing_else() {
        let mut request = request("CONNECT", "https://a.example/chat", &[]);
        *request.version_mut() = Version::HTTP_2;
        request.extensions_mut().insert(Protocol::from_static("connect-udp"));
        assert_eq!(check(&mut request).unwrap_err().status, 405);
        request.extensions_mut().insert(Protocol::from_static("websocket"));
        check(&mut request).unwrap();
    }

    #[test]
    fn the_star_belongs_to_options() {
        assert_eq!(status("OPTIONS", "*", &[("host", "a")]), 200);
        assert_eq!(status("GET", "*", &[("host", "a")]), 400);
    }

    #[test]
    fn odd_framing_is_refused() {
        let with = |name, value| status("POST", "/", &[("host", "a"), (name, value)]);
        assert_eq!(with("transfer-encoding", "Chunked"), 200);
        for bad in ["gzip, chunked", ",chunked", "chunked, chunked", "cow"] {
            assert_eq!(with("transfer-encoding", bad), 501, "{bad}");
        }
        let both = [("host", "a"), ("transfer-encoding", "chunked"), ("content-length", "1")];
        assert_eq!(status("POST", "/", &both), 400);
        assert_eq!(with("expect", "100-Continue"), 200);
        assert_eq!(with("expect", "y 100-continue"), 417);
    }
}
