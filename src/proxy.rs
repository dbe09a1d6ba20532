//! Forwards requests to targets, upgrades them, and keeps the connections.
//!
//! A request arrives with the [`Pass`] that it was given at its service's gate (an `Arc` in its extensions), and,
//! from [`serve`](crate::gateway::serve), with the [`Peer`] it came from. Bodies stream both ways, neither buffered.
//!
//! What passes is spelt in one way, whatever way it came: one host, one length or chunks, no field of one hop, no
//! trailer that would have been looked at in the head. What may mean two things is refused, from either side.
//!
//! What goes wrong is told honestly, and hidden only where that cannot do harm: a target that takes no connection is
//! passed over, a request that was not written goes again, one that was goes again when its method is idempotent and
//! it has no body. With every target out of reach the request waits at the gate, as it would have had it come now.

pub mod answer;
mod body;
pub mod check;
mod forwarded;
mod handshake;
mod headers;

mod journey;

mod length;
mod pool;
mod respond;
mod sending;
pub mod trace;
mod trailers;
mod upgrade;

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONNECTION, HOST, TE};
use http::uri::{PathAndQuery, Scheme as UriScheme};
use http::{HeaderValue, Request, Response, StatusCode, Uri, Version};
use tower_service::Service;

pub use body::{BoxError, ProxyBody};

use crate::answer::{Problem, is_grpc};
use crate::gate::Pass;
use crate::model::{Protocol, Timeouts};
use crate::net::{BoxFuture, Net};
use crate::peer::{Peer, PeerGone};

use sending::SendBody;

use journey::Journey;
use upgrade::Opening;

/// Forwards each request to the target that its pass names.
#[derive(Clone, Debug)]
pub struct Proxy {
    net: Arc<dyn Net>,
    timeouts: Arc<Timeouts>,
}

impl Proxy {
    /// A proxy that makes its connections here.
    pub fn new(net: Arc<dyn Net>) -> Self {
        Self::with_timeouts(net, Timeouts::default())
    }

    /// The same with timeouts of one's own: those for connecting and for a request's body.
    pub fn with_timeouts(net: Arc<dyn Net>, timeouts: Timeouts) -> Self {
        Self { net, timeouts: Arc::new(timeouts) }
    }

    async fn forward(self, mut request: Request<SendBody>) -> Result<Response<ProxyBody>, Problem> {
        if request.extensions_mut().remove::<Arrived>().is_none() {
            arrive(&mut request)?;
        } else {
            // A route may have named another host.
            check::check(&mut request)?;
        }
        let Some(pass) = request.extensions_mut().remove::<Arc<Pass>>() else {
            tracing::error!("a request reached the proxy without a pass");
            return Err(NO_PASS);
        };
        let gone = request.extensions_mut().remove::<PeerGone>();
        let opening = Opening::of(&mut request);
        let behind = pass.gate().spec().protocol;
        let is_grpc = is_grpc(request.headers());
        let request = outgoing(request, opening.as_ref(), behind)?;

        let mut journey = Journey::new(self.net, self.timeouts.connect, pass, gone, is_grpc);
        let reply = journey.travel(request, behind).await?;
        respond::check(&reply.response)?;
        let (first, other) = journey.end();
        match opening {
            Some(opening) => opening.answer(reply, behind, (first, other)),
            None => respond::respond(reply, other),
        }
    }
}

impl<B> Service<Request<B>> for Proxy
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<ProxyBody>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<ProxyBody>, Infallible>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let grpc = is_grpc(request.headers());
        let (version, timeout) = (request.version(), self.timeouts.body);
        let forwarded = self.clone().forward(request.map(|body| SendBody::new(body, version, timeout)));
        Box::pin(async move { Ok(forwarded.await.unwrap_or_else(|problem| answer::unserved(problem, grpc))) })
    }
}

/// Says that [`arrive`] has seen a request.
#[derive(Clone, Copy, Debug)]
struct Arrived;

/// Checks a request that has just arrived ([`check::check`]) and puts in order what it says of its way here. To be
/// called before it is routed; [`Proxy`] makes up for it where it was not.
///
/// # Errors
/// The [`Problem`] to answer with.
pub fn arrive<B>(request: &mut Request<B>) -> Result<(), Problem> {
    check::check(request)?;
    let peer = request.extensions().get::<Peer>().cloned();
    if let Some(client) = forwarded::arrive(request.headers_mut(), peer.as_ref()) {
        request.extensions_mut().insert(client);
    }
    request.extensions_mut().insert(Arrived);
    Ok(())
}

/// The request as the target gets it.
fn outgoing(
    request: Request<SendBody>,
    opening: Option<&Opening>,
    behind: Protocol,
) -> Result<Request<SendBody>, Problem> {
    let (mut head, body) = request.into_parts();
    let trailers = headers::takes_trailers(&head.headers);
    headers::strip_request(&mut head.headers);
    if trailers {
        head.headers.insert(TE, HeaderValue::from_static("trailers"));
    }

    let mut request = Request::new(body);
    let path = head.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    let mut uri = http::uri::Parts::default();
    uri.path_and_query = Some(path);
    if opening.is_none() {
        length::settle(&mut head.headers, request.body(), behind);
    }
    match behind {
        Protocol::Http1 => {
            if trailers {
                // RFC 9110 section 10.1.4: TE is for the next hop alone, and says so.
                head.headers.insert(CONNECTION, HeaderValue::from_static("te"));
            }
            headers::join_cookies(&mut head.headers);
            *request.version_mut() = Version::HTTP_11;
        }
        Protocol::H2 => {
            uri.scheme = Some(UriScheme::HTTP);
            uri.authority = check::authority(&head.uri, &head.headers);
            head.headers.remove(HOST);
            *request.version_mut() = Version::HTTP_2;
        }
    }
    *request.uri_mut() = Uri::from_parts(uri).map_err(|_| BAD_TARGET)?;
    *request.method_mut() = head.method;
    *request.headers_mut() = head.headers;
    if let Some(opening) = opening {
        opening.prepare(&mut request, behind);
    }
    Ok(request)
}

const NO_PASS: Problem =
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "no_pass", "The gateway is not set up for this.");
const BAD_TARGET: Problem = Problem::bad_request("The request's target is not valid.");
