use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};

/// A whole answer that the gateway gives by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; empty for statuses that have none.
    pub body: Bytes,
}

impl Answer {
    /// An answer of this status, with neither headers nor body.
    pub fn new(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// The answer as a response. The body's bytes are shared, not copied.
    pub fn to_response(&self) -> Response<Bytes> {
        let mut response = Response::new(self.body.clone());
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers.clone();
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_response_is_all_of_the_answer() {
        let mut answer = Answer::new(StatusCode::IM_A_TEAPOT);
        answer.headers.insert("x-pot", http::HeaderValue::from_static("short"));
        answer.body = Bytes::from_static(b"stout");
        let response = answer.to_response();
        assert_eq!((response.status(), response.headers()), (answer.status, &answer.headers));
        assert_eq!(response.body(), "stout");
    }
}
