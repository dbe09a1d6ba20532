//! The arithmetic of the WebSocket handshake (RFC 6455 section 1.3).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::HeaderValue;

/// What RFC 6455 section 1.3 appends to a key before it is hashed.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

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
