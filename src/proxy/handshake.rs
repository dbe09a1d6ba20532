//! The arithmetic of the WebSocket handshake (RFC 6455 section 1.3).

use std::hash::{BuildHasher, RandomState};

use http::HeaderValue;

/// What RFC 6455 section 1.3 appends to a key before it is hashed.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A new `Sec-WebSocket-Key`: 16 bytes that nobody guesses by accident. It proves that the target understood the
/// handshake and protects nothing else.
pub(super) fn new_key() -> HeaderValue {
    // Seeded by the system; each state hashes differently.
    let random = || RandomState::new().hash_one(0_u8).to_be_bytes();
    let mut key = [0; 16];
    key[..8].copy_from_slice(&random());
    key[8..].copy_from_slice(&random());
    value(&base64(&key))
}

/// The `Sec-WebSocket-Accept` that answers a key.
pub(super) fn accept(key: &HeaderValue) -> HeaderValue {
    let mut hash = sha1_smol::Sha1::from(key.as_bytes().trim_ascii());
    hash.update(GUID);
    value(&base64(&hash.digest().bytes()))
}

fn value(text: &str) -> HeaderValue {
    // The alphabet has no character that a header may not have.
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// RFC 4648 section 4, with padding.
fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let at = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4_usize {
            let index = (bits >> (18 - 6 * place)) & 63;
            text.push(if place <= group.len() { char::from(ALPHABET[index as usize]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_as_in_rfc_4648() {
        let vectors = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (plain, coded) in vectors {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xfe]), "+//+");
    }

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
