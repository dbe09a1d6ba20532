//! Forwards requests to targets, upgrades them, and keeps the connections.
//!
//! A request arrives with the [`Pass`] that it was given at its service's gate (an `Arc` in its extensions), and,
//! from [`serve`](crate::gateway::serve), with the [`Peer`] it came from. Bodies stream both ways, neither buffered; the
//! system moves large ones from one connection to the other where it can.
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
mod spare;
mod spliced;
mod survey;
pub mod trace;
mod trailers;
mod upgrade;

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONNECTION, HOST, TE};
use http::uri::{PathAndQuery, Scheme as UriScheme};
use http::{Extensions, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use tower_service::Service;

pub use body::{BoxError, ProxyBody};

use crate::answer::{Problem, is_grpc};
use crate::gate::Pass;
use crate::model::{Protocol, Timeouts};
use crate::net::splice::Pipes;
use crate::net::{BoxFuture, Net};
use crate::peer::{Peer, PeerGone};

use journey::Journey;
use sending::SendBody;
use spliced::Direct;
use survey::Survey;
use trace::Traces;
use upgrade::Opening;

/// Forwards each request to the target that its pass names.
#[derive(Clone, Debug)]
pub struct Proxy {
    means: Arc<Means>,
}

/// What all requests share.
#[derive(Debug)]
struct Means {
    net: Arc<dyn Net>,
    timeouts: Timeouts,
    /// Whoever is in front has taken in each request.
    is_in_order: bool,
    pipes: Arc<Pipes>,
}

impl Proxy {
    /// A proxy that makes its connections here.
    pub fn new(net: Arc<dyn Net>) -> Self {
        Self::with_timeouts(net, Timeouts::default())
    }

    /// The same with timeouts of one's own: those for connecting and for a request's body.
    pub fn with_timeouts(net: Arc<dyn Net>, timeouts: Timeouts) -> Self {
        Self::of(net, timeouts, false, 0)
    }

    /// The same behind somebody who calls [`take_in`] for each request.
    pub(crate) fn behind_front(net: Arc<dyn Net>, timeouts: Timeouts, pipes: usize) -> Self {
        Self::of(net, timeouts, true, pipes)
    }

    fn of(net: Arc<dyn Net>, timeouts: Timeouts, is_in_order: bool, pipes: usize) -> Self {
        Self { means: Arc::new(Means { net, timeouts, is_in_order, pipes: Pipes::new(pipes) }) }
    }
}

impl Means {
    /// The request stays where it is until it is sent: it is large, and each step would carry room for it.
    async fn forward(
        &self,
        request: &mut Request<SendBody>,
        is_grpc: bool,
    ) -> Result<Response<ProxyBody>, Problem> {
        if !self.is_in_order && request.extensions_mut().remove::<Arrived>().is_none() {
            arrive(request)?;
        }
        let seen = Survey::of(request.headers());
        // A route may have named another host.
        check::check_seen(request, seen)?;
        let Some(pass) = request.extensions_mut().remove::<Arc<Pass>>() else {
            tracing::error!("a request reached the proxy without a pass");
            return Err(NO_PASS);
        };
        let is_direct = request.extensions().get::<Peer>().is_some_and(Peer::is_direct);
        let gone = request.extensions_mut().remove::<PeerGone>();
        let may_open = seen.has(Survey::UPGRADE) || *request.method() == Method::CONNECT;
        let opening = if may_open { Opening::of(request) } else { None };
        let spec = pass.gate().spec();
        let behind = spec.protocol;
        make_outgoing(request, seen, opening.as_ref(), behind)?;

        // A gRPC call may be a stream whose first message is long in coming, and has a deadline of its own.
        let answer = (!is_grpc).then_some(spec.limits.answer_timeout);
        drop(spec);
        let mut journey =
            Journey::new(&self.net, self.timeouts.connect, answer, opening.is_some(), pass, gone);
        let reply = journey.travel(request, behind).await?;
        let seen = Survey::of(reply.response.headers());
        respond::check(&reply.response, seen)?;
        let (first, other, gone) = journey.end();
        match opening {
            Some(opening) => opening.answer(reply, behind, (first, other)),
            None => {
                let client = gone.filter(|_| is_direct).map(PeerGone::into_watch);
                let direct = client.map(|client| Direct { pipes: &self.pipes, client });
                respond::respond(reply, seen, other, direct)
            }
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
        let means = self.means.clone();
        let grpc = is_grpc(request.headers());
        let (version, timeout) = (request.version(), means.timeouts.body);
        let mut request = request.map(|body| SendBody::new(body, version, timeout));
        Box::pin(async move {
            Ok(means
                .forward(&mut request, grpc)
                .await
                .unwrap_or_else(|problem| answer::unserved(problem, grpc)))
        })
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
    take_in(request, Traces::Keep)?;
    request.extensions_mut().insert(Arrived);
    Ok(())
}

/// The same along with the trace headers, for a proxy that knows of it ([`Proxy::behind_front`]).
///
/// # Errors
/// The [`Problem`] to answer with.
pub(crate) fn take_in<B>(request: &mut Request<B>, traces: Traces) -> Result<(), Problem> {
    let seen = Survey::whole_of(request.headers());
    check::check_seen(request, seen)?;
    let peer = request.extensions().get::<Peer>().cloned();
    if let Some(client) = forwarded::arrive(request.headers_mut(), seen, peer.as_ref()) {
        request.extensions_mut().insert(client);
    }
    traces.apply_to(request.headers_mut(), seen.has(Survey::TRACE));
    Ok(())
}

/// Makes the request what the target gets.
fn make_outgoing(
    request: &mut Request<SendBody>,
    seen: Survey,
    opening: Option<&Opening>,
    behind: Protocol,
) -> Result<(), Problem> {
    *request.extensions_mut() = Extensions::new();
    let length = request.body().length();
    let headers = request.headers_mut();
    let trailers = seen.has(Survey::TE) && headers::takes_trailers(headers);
    headers::strip_request(headers, seen);
    if trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    if opening.is_none() && (seen.has(Survey::CONTENT_LENGTH) || length.is_none()) {
        length::settle(headers, length, behind);
    }
    if behind == Protocol::Http1 {
        if trailers {
            // RFC 9110 section 10.1.4: TE is for the next hop alone, and says so.
            headers.insert(CONNECTION, HeaderValue::from_static("te"));
        }
        if seen.has(Survey::COOKIE) {
            headers::join_cookies(headers);
        }
    }
    set_target(request, behind)?;
    if let Some(opening) = opening {
        opening.prepare(request, behind);
    }
    Ok(())
}

/// Puts the target into the form that goes with the protocol.
fn set_target(request: &mut Request<SendBody>, behind: Protocol) -> Result<(), Problem> {
    *request.version_mut() = match behind {
        Protocol::Http1 => Version::HTTP_11,
        Protocol::H2 => Version::HTTP_2,
    };
    // Most have come in the form that goes on.
    if behind == Protocol::Http1 && request.uri().authority().is_none() && request.uri().scheme().is_none() {
        return Ok(());
    }
    let path = request.uri().path_and_query().cloned();
    let mut uri = http::uri::Parts::default();
    uri.path_and_query = Some(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
    if behind == Protocol::H2 {
        uri.scheme = Some(UriScheme::HTTP);
        uri.authority = check::authority(request.uri(), request.headers());
        request.headers_mut().remove(HOST);
    }
    *request.uri_mut() = Uri::from_parts(uri).map_err(|_| BAD_TARGET)?;
    Ok(())
}

const NO_PASS: Problem =
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "no_pass", "The gateway is not set up for this.");
const BAD_TARGET: Problem = Problem::bad_request("The request's target is not valid.");
