//! The way of a request through the middleware, as a future.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::tally::Tally;
use super::{Class, Entry, refusal};
use crate::answer::Problem;
use crate::body::WakeBody;
use crate::gate::{Pass, Unserved};
use crate::meter::Outcome;
use crate::net::BoxFuture;
use crate::route::Unrewritable;

pin_project! {
    /// The response future of [`Wake`](super::Wake). For an awake service it holds the inner future itself; only a
    /// held request costs a box.
    pub struct ResponseFuture<S, B, R>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B, R>,
    }
}

pin_project! {
    #[project = StateProjection]
    #[project_replace = StateReplacement]
    enum State<S, B, R>
    where
        S: Service<Request<B>>,
    {
        Ready { response: Option<Response<WakeBody<R>>> },
        Passing { #[pin] passing: Passing<S, B> },
        Held { held: BoxFuture<'static, Result<Response<WakeBody<R>>, S::Error>> },
        // Never answered: the request is handed in again. Its body must be there until then.
        Parked { _request: Request<B> },
    }
}

impl<S, B, R> ResponseFuture<S, B, R>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    pub(super) fn ready(response: Response<WakeBody<R>>) -> Self {
        Self { state: State::Ready { response: Some(response) } }
    }

    pub(super) fn admitted(inner: S, mut request: Request<B>, tally: Tally, pass: Arc<Pass>) -> Self {
        if prepare(&mut request, tally.entry(), &pass).is_err() {
            return Self::ready(refused(tally, Class::of(&request)));
        }
        Self { state: State::Passing { passing: Passing::new(inner, request, tally, pass) } }
    }

    pub(super) fn parked(request: Request<B>) -> Self {
        Self { state: State::Parked { _request: request } }
    }

    pub(super) fn held(
        held: impl Future<Output = Result<Response<WakeBody<R>>, S::Error>> + Send + 'static,
    ) -> Self {
        Self { state: State::Held { held: Box::pin(held) } }
    }
}

/// Rewrites the request and puts the pass into its extensions.
fn prepare<B>(request: &mut Request<B>, entry: &Entry, pass: &Arc<Pass>) -> Result<(), Unrewritable> {
    if entry.rewrites {
        let mut uri = std::mem::take(request.uri_mut());
        let rewritten = entry.rule.rewrite.apply(&mut uri, request.headers_mut());
        *request.uri_mut() = uri;
        rewritten?;
    }
    request.extensions_mut().insert(pass.clone());
    Ok(())
}

fn refused<R>(tally: Tally, class: Class) -> Response<WakeBody<R>> {
    tally.ends(Outcome::BadRequest);
    refusal(Problem::bad_request("The rewritten path is not valid."), class)
}

impl<S, B, R> Future for ResponseFuture<S, B, R>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body<Data = Bytes>,
{
    type Output = Result<Response<WakeBody<R>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Ready { response } => match response.take() {
                Some(response) => Poll::Ready(Ok(response)),
                // Polled after it was ready.
                None => Poll::Pending,
            },
            StateProjection::Passing { passing } => passing.poll(cx),
            StateProjection::Held { held } => held.as_mut().poll(cx),
            StateProjection::Parked { .. } => Poll::Pending,
        }
    }
}

impl<S, B, R> fmt::Debug for ResponseFuture<S, B, R>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

pin_project! {
    /// A request with a pass, on its way through the inner service.
    struct Passing<S, B>
    where
        S: Service<Request<B>>,
    {
        // Readiness belongs to this very clone, and is awaited here.
        inner: S,
        request: Option<Request<B>>,
        #[pin]
        calling: Option<S::Future>,
        // Both are there until the answer is.
        held: Option<(Tally, Arc<Pass>)>,
    }
}

impl<S: Service<Request<B>>, B> Passing<S, B> {
    fn new(inner: S, request: Request<B>, tally: Tally, pass: Arc<Pass>) -> Self {
        Self { inner, request: Some(request), calling: None, held: Some((tally, pass)) }
    }
}

impl<S, B, R> Future for Passing<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body<Data = Bytes>,
{
    type Output = Result<Response<WakeBody<R>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let response = match this.calling.as_mut().as_pin_mut() {
                Some(calling) => ready!(calling.poll(cx)),
                None => match ready!(this.inner.poll_ready(cx)) {
                    Ok(()) => {
                        let Some(request) = this.request.take() else { return Poll::Pending };
                        let calling = this.inner.call(request);
                        this.calling.set(Some(calling));
                        continue;
                    }
                    Err(error) => Err(error),
                },
            };
            let Some((tally, pass)) = this.held.take() else { return Poll::Pending };
            return Poll::Ready(finish(response, tally, pass));
        }
    }
}

fn finish<R, E>(
    response: Result<Response<R>, E>,
    tally: Tally,
    pass: Arc<Pass>,
) -> Result<Response<WakeBody<R>>, E>
where
    R: Body<Data = Bytes>,
{
    // The next of those who wait may follow, however long this body is.
    pass.answered();
    let mut response = match response {
        Ok(response) => response,
        Err(error) => {
            tally.ends(Outcome::Upstream);
            return Err(error);
        }
    };
    let entry = tally.entry();
    if entry.rewrites {
        entry.rule.rewrite.apply_response(response.headers_mut());
    }
    tally.ends(match response.extensions().get() {
        None => Outcome::Served,
        Some(Unserved::NoAnswer) => Outcome::Upstream,
        Some(Unserved::BadRequest) => Outcome::BadRequest,
    });
    Ok(response.map(|body| WakeBody::service(body, pass)))
}
