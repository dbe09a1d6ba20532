//! A request that may have to be sent once more.

use http::{HeaderName, HeaderValue, Method, Request, Uri, Version};

use super::sending::SendBody;

/// Ends a name and a value; neither can have it.
const END: u8 = b'\n';

/// Room for the fields of most requests.
const ROOM: usize = 1024;

/// What it takes to make a request again that has no body. Nearly none is, so this is made to cost little: the fields are
/// written down in one piece of memory, where a map of them would be several, and a share in each value's.
pub(super) struct Spare {
    method: Method,
    uri: Uri,
    version: Version,
    fields: Vec<u8>,
}

impl Spare {
    /// One of this request, if sending it twice does no harm (RFC 9110 section 9.2.2) and it has no body that would be
    /// gone the second time.
    pub(super) fn of(request: &Request<SendBody>) -> Option<Self> {
        let is_idempotent = matches!(
            *request.method(),
            Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE
        );
        if !is_idempotent || !request.body().is_empty() {
            return None;
        }
        let mut fields = Vec::with_capacity(ROOM);
        for (name, value) in request.headers() {
            fields.extend_from_slice(name.as_str().as_bytes());
            fields.push(END);
            fields.extend_from_slice(value.as_bytes());
            fields.push(END);
        }
        let (method, uri) = (request.method().clone(), request.uri().clone());
        Some(Self { method, uri, version: request.version(), fields })
    }

    /// The request.
    pub(super) fn request(&self) -> Request<SendBody> {
        let mut request = Request::new(SendBody::Empty);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.version_mut() = self.version;
        let mut parts = self.fields.split(|&byte| byte == END);
        while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
            // They were a name and a value before.
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
                request.headers_mut().append(name, value);
            }
        }
        request
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::Full;

    use super::*;

    #[test]
    fn what_is_made_of_it_is_the_request() {
        let odd = HeaderValue::from_bytes(b"caf\xc3\xa9\t\xff").unwrap();
        let request = Request::put("/x?y=1")
            .version(Version::HTTP_2)
            .header("host", "a.example")
            .header("x-many", "1")
            .header("x-many", "")
            .header("x-many", odd)
            .body(SendBody::Empty)
            .unwrap();
        let again = Spare::of(&request).unwrap().request();
        assert_eq!(again.method(), request.method());
        assert_eq!(again.uri(), request.uri());
        assert_eq!(again.version(), request.version());
        assert_eq!(again.headers(), request.headers());
    }

    #[test]
    fn none_is_kept_of_what_must_not_go_twice() {
        let timeout = std::time::Duration::from_secs(1);
        let body = || SendBody::new(Full::new(Bytes::from_static(b"x")), Version::HTTP_11, timeout);
        for (method, body, kept) in [
            (Method::GET, SendBody::Empty, true),
            (Method::DELETE, SendBody::Empty, true),
            (Method::POST, SendBody::Empty, false),
            (Method::PATCH, SendBody::Empty, false),
            (Method::PUT, body(), false),
        ] {
            let request = Request::builder().method(&method).body(body).unwrap();
            assert_eq!(Spare::of(&request).is_some(), kept, "{method}");
        }
    }
}
