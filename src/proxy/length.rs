//! How long a request is, as the target is told: in one way, and in ours.

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue};

use crate::model::Protocol;

/// Makes the length that the fields tell the one that the body has. Without a length, a body goes in chunks,
/// whatever the method is: hyper would leave it out of a GET.
pub(super) fn settle(headers: &mut HeaderMap, length: Option<u64>, behind: Protocol) {
    match length {
        Some(length) => {
            if let Some(told) = headers.get_mut(CONTENT_LENGTH)
                && !is_plainly(told, length)
            {
                *told = length.into();
            }
        }
        None => {
            headers.remove(CONTENT_LENGTH);
            if behind == Protocol::Http1 {
                headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
            }
        }
    }
}

/// Whether it is that number, and without a zero in front, by which some read it as octal.
fn is_plainly(told: &HeaderValue, length: u64) -> bool {
    match told.as_bytes() {
        [b'0'] => length == 0,
        [b'1'..=b'9', ..] => told.to_str().ok().and_then(|told| told.parse().ok()) == Some(length),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Version;
    use http_body_util::Full;

    use std::time::Duration;

    use super::super::sending::SendBody;
    use super::*;

    struct Endless;

    impl http_body::Body for Endless {
        type Data = Bytes;
        type Error = super::super::BoxError;

        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
            std::task::Poll::Pending
        }
    }

    fn settled(told: Option<&'static str>, body: &SendBody, behind: Protocol) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(told) = told {
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static(told));
        }
        settle(&mut headers, body.length(), behind);
        headers
    }

    #[test]
    fn what_is_told_is_what_is_sent() {
        let hello = || {
            SendBody::new(Full::new(Bytes::from_static(b"hello")), Version::HTTP_11, Duration::from_secs(1))
        };
        for (told, body, expected) in [
            ("5", hello(), "5"),
            ("005", hello(), "5"),
            ("9", hello(), "5"),
            ("0", SendBody::Empty, "0"),
            ("00", SendBody::Empty, "0"),
            ("7", SendBody::Empty, "0"),
        ] {
            assert_eq!(settled(Some(told), &body, Protocol::Http1)[CONTENT_LENGTH], expected, "{told}");
        }
        assert!(settled(None, &SendBody::Empty, Protocol::Http1).is_empty());
    }

    #[test]
    fn what_has_no_length_goes_in_chunks() {
        let body = SendBody::new(Endless, Version::HTTP_11, Duration::from_secs(1));
        let headers = settled(Some("5"), &body, Protocol::Http1);
        assert!(!headers.contains_key(CONTENT_LENGTH));
        assert_eq!(headers[TRANSFER_ENCODING], "chunked");
        assert!(settled(Some("5"), &body, Protocol::H2).is_empty());
    }
}
