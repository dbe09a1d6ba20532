//! The requests of a connection as they are handed on.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body as _;
use hyper::body::Incoming;

use super::answer::Answer;
use crate::gateway::answers::Answers;
use crate::gateway::stop::Leaving;
use crate::layer::{Parking, Waited};
use crate::peer::{Peer, PeerGone, Uses};

/// Hands each request on, with the facts of its connection.
pub(super) struct Requests<S> {
    service: S,
    peer: Peer,
    pub(super) uses: Arc<Uses>,
    /// What HTTP/1 alone needs. HTTP/2 sees itself when its client goes, and has GOAWAY.
    http1: Option<(PeerGone, Leaving)>,
    /// Where the next request may wait, and its number.
    parking: Option<(Parking, u64)>,
    waited: Option<Box<Waited>>,
}

impl<S> Requests<S> {
    pub(super) fn new(service: S, peer: Peer, gone: PeerGone, leaving: Leaving) -> Self {
        Self { service, peer, uses: Uses::new(), http1: Some((gone, leaving)), parking: None, waited: None }
    }

    /// The same over HTTP/2, where a client that leaves ends its requests by itself.
    pub(super) fn over_http2(self) -> Self {
        Self { http1: None, ..self }
    }

    /// Where the next request may wait apart from its connection.
    pub(super) fn parks(&mut self) -> Parking {
        let parking = self.waited.take().map_or_else(Parking::default, |waited| Parking::back(*waited));
        self.parking = Some((parking.clone(), self.uses.ever()));
        parking
    }

    /// The same without what was there for one request alone.
    pub(super) fn at_rest(self) -> Self {
        Self { parking: None, ..self }
    }

    /// The next request is one that has waited. So have many others, mostly, who need the room that its reader would keep.
    pub(super) fn come_back(&mut self, waited: Waited) {
        self.uses.next_is_single();
        self.waited = Some(waited.into());
    }
}

impl<S: Answers> hyper::service::Service<Request<Incoming>> for Requests<S> {
    type Response = Response<Answer<S::Body>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        if self.uses.has_length() && request.headers().contains_key(TRANSFER_ENCODING) {
            // It was there, and hyper has taken it out. Whether that may be is not for hyper to say.
            request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let parking = self.parking.as_ref().filter(|(_, number)| *number == self.uses.ever());
        let in_use = self.uses.begin(!request.body().is_end_stream());
        let may_become_tunnel =
            *request.method() == Method::CONNECT || request.headers().contains_key(UPGRADE);
        let extensions = request.extensions_mut();
        extensions.insert(self.peer.clone());
        let mut leaving = None;
        if let Some((gone, at)) = &self.http1 {
            extensions.insert(gone.clone());
            leaving = Some(at.clone());
        }
        if let Some((parking, _)) = parking {
            extensions.insert(parking.clone());
        }
        if may_become_tunnel {
            extensions.insert(in_use.clone());
        }
        let mut service = self.service.clone();
        // Boxed, so that a connection does not carry the room for a request while it has none.
        Box::pin(async move {
            poll_fn(|cx| service.poll_ready(cx)).await?;
            let mut response = service.call(request).await?;
            let is_last = leaving.is_some_and(|leaving| leaving.has_begun());
            if is_last && response.status() != StatusCode::SWITCHING_PROTOCOLS {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(response.map(|body| Answer::new(body, in_use)))
        })
    }
}
