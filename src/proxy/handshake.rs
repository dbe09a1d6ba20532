//! The WebSocket handshake (RFC 6455): its form, and its arithmetic.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::{
    CONNECTION, CONTENT_LENGTH, HeaderName, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING,
    UPGRADE,
};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Version};

use super::headers::has_token;
use crate::answer::Problem;

/// What RFC 6455 section 1.3 appends to a key before it is hashed.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The only version there is (RFC 6455 section 4.1).
const VERSION: &str = "13";

/// Whether a request over HTTP/1.1 asks for a WebSocket, and for nothing else, in whatever form.
pub(super) fn is_asked<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    only(headers, &UPGRADE).is_some_and(|upgrade| upgrade.as_bytes().eq_ignore_ascii_case(b"websocket"))
        && request.version() == Version::HTTP_11
        && has_token(headers, &CONNECTION, "upgrade")
}

/// Refuses a handshake that is not whole (RFC 6455 section 4.2.1): half understood, it would be a tunnel to one side
/// and a request to the other. To another version than ours the answer tells the one that goes (section 4.2.2).
///
/// # Errors
/// The [`Problem`] to answer with.
pub(super) fn check<B>(request: &Request<B>) -> Result<(), Problem> {
    if !is_asked(request) {
        return Ok(());
    }
    let headers = request.headers();
    if only(headers, &SEC_WEBSOCKET_VERSION).is_none_or(|version| version != VERSION) {
        return Err(OTHER_VERSION);
    }
    let is_bodiless = !headers.contains_key(TRANSFER_ENCODING)
        && headers.get(CONTENT_LENGTH).is_none_or(|length| length.as_bytes() == b"0");
    let has_key = only(headers, &SEC_WEBSOCKET_KEY).is_some_and(is_key);
    if *request.method() == Method::GET && is_bodiless && has_key { Ok(()) } else { Err(NOT_WHOLE) }
}

/// The value of a field that is there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

/// Sixteen bytes in base64.
fn is_key(key: &HeaderValue) -> bool {
    let mut decoded = [0; 18];
    matches!(BASE64_STANDARD.decode_slice(key, &mut decoded), Ok(16))
}

/// A new `Sec-WebSocket-Key`: 16 bytes that nobody guesses by accident. It proves that the target understood the
/// handshake and protects nothing else.
pub(super) fn new_key() -> HeaderValue {
    value(&BASE64_STANDARD.encode(fastrand::u128(..).to_be_bytes()))
}

/// The `Sec-WebSocket-Accept` that answers a key.
pub(super) fn accept(key: &HeaderValue) -> HeaderValue {
    let mut hash = sha1_smol::Sha1::from(key.as_bytes().trim_ascii());
    hash.update(GUID);
    value(&BASE64_STANDARD.encode(hash.digest().bytes()))
}

fn value(text: &str) -> HeaderValue {
    // The alphabet has no character that a header may not have.
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

const OTHER_VERSION: Problem = Problem::new(
    StatusCode::UPGRADE_REQUIRED,
    "websocket_version",
    "The gateway takes WebSockets of version 13 alone.",
);
const NOT_WHOLE: Problem = Problem::bad_request("The request is no valid WebSocket handshake.");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_the_key_in_rfc_6455() {
        let key = HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(accept(&key), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn keys_are_16_bytes_and_differ() {
        let (one, other) = (new_key(), new_key());
        assert_eq!(one.len(), 24);
        assert!(one.to_str().unwrap().ends_with("=="));
        assert_ne!(one, other);
    }
}
