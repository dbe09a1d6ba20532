//! What the middleware stands in front of.

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

/// A service for requests with such bodies. All that are fit to be one are.
pub(super) trait Inner<B>:
    Service<Request<B>, Response = Response<<Self as Inner<B>>::Body>, Future: Send> + Clone + Send + 'static
{
    /// Of its answers.
    type Body: Body<Data = Bytes> + Send + 'static;
}

impl<S, B, R> Inner<B> for S
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    R: Body<Data = Bytes> + Send + 'static,
{
    type Body = R;
}
