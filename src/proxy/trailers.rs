//! The fields after a body, on their way through.
//!
//! HTTP/1.1 sends on only those that the head has announced (`Trailer`), and to clients only where they take any
//! (`TE: trailers`); hyper sees to both. HTTP/2 sends them as they are.

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;

use super::forwarded::is_told;
use super::headers::{is_hop_by_hop, strip_if};

/// Takes out of a body's last frame what may not stand there. A receiver that puts trailers among the fields of
/// the head, as some do, must not believe of them what it would not have believed there.
pub(super) fn sift(mut frame: Frame<Bytes>) -> Frame<Bytes> {
    if let Some(trailers) = frame.trailers_mut() {
        strip(trailers);
    }
    frame
}

fn strip(trailers: &mut HeaderMap) {
    strip_if(trailers, |name| is_forbidden(name) || is_hop_by_hop(name) || is_told(name));
}

/// RFC 9110 section 6.5.1: what frames, routes, modifies a request, authenticates, controls a response or tells how
/// to read the content.
fn is_forbidden(name: &str) -> bool {
    match name.as_bytes() {
        [b'i', b'f', b'-', ..] | [b'c', b'o', b'n', b't', b'e', b'n', b't', b'-', ..] => !is_digest(name),
        _ => matches!(
            name,
            "age"
                | "authorization"
                | "cache-control"
                | "cookie"
                | "date"
                | "expect"
                | "expires"
                | "host"
                | "location"
                | "max-forwards"
                | "pragma"
                | "proxy"
                | "range"
                | "retry-after"
                | "set-cookie"
                | "trailer"
                | "vary"
                | "warning"
                | "www-authenticate"
        ),
    }
}

/// What is computed along the way has its place after the content (RFC 9530 section 6.2).
fn is_digest(name: &str) -> bool {
    matches!(name, "content-digest" | "content-md5")
}

#[cfg(test)]
mod tests {
    use http::HeaderName;
    use http::HeaderValue;

    use super::*;

    #[test]
    fn harmless_trailers_stay() {
        let all = [
            ("grpc-status", true),
            ("grpc-message", true),
            ("server-timing", true),
            ("content-digest", true),
            ("etag", true),
            ("content-length", false),
            ("content-type", false),
            ("transfer-encoding", false),
            ("if-none-match", false),
            ("authorization", false),
            ("x-forwarded-for", false),
            ("x_real_ip", false),
            ("connection", false),
        ];
        let mut trailers = HeaderMap::new();
        for (name, _) in all {
            trailers.insert(HeaderName::from_static(name), HeaderValue::from_static("x"));
        }
        let sifted = sift(Frame::trailers(trailers)).into_trailers().unwrap();
        for (name, stays) in all {
            assert_eq!(sifted.contains_key(name), stays, "{name}");
        }
    }
}
