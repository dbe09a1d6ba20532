//! The tower middleware: routes a request, lets it through while its service is awake, and otherwise wakes the service
//! and holds the request, or answers with the waiting page.
//!
//! For an awake service this is a lookup and a handful of atomic operations: no lock, no channel, no clock, no system
//! call. The inner service finds the [`Pass`](crate::gate::Pass) with the target to use among the request's
//! extensions, as `Arc<Pass>`, and may keep it for as long as it uses the target (a tunnel, for one).

mod class;
mod future;
mod hold;
mod inner;
mod limiter;
mod parking;
mod room;
mod table;
mod tally;
mod unlock;
mod waiting;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::header::LOCATION;
use http::{Request, Response};
use http_body::Body;
use tokio::sync::{Notify, watch};
use tower_layer::Layer;
use tower_service::Service;

pub use class::Class;
pub use future::ResponseFuture;
pub use hold::Waited;
pub use parking::{Parking, Wait};
pub use table::{Entry, Table};

use crate::answer::Problem;
use crate::body::WakeBody;
use crate::clock::Clock;
use crate::gate::Gate;
use crate::meter::{Outcome, RouteMeter};
use crate::model::{Bounds, Time, WakeLimits};
use crate::page::Page;
use crate::peer::Client;
use crate::route::{Action, Ambiguous, Head, Redirect, Verdict};
use inner::Inner;
use limiter::Limiter;
use room::Room;
use tally::Tally;
use unlock::Porter;

/// Who sent a request that does not say.
const NOBODY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// Puts [`Wake`] in front of a service. Cheap to clone; all clones see a [`WakeLayer::set`].
#[derive(Clone)]
pub struct WakeLayer {
    shared: Arc<Shared>,
}

/// What all requests share.
struct Shared {
    rules: ArcSwap<Rules>,
    clock: Clock,
    /// Until when those who wait may go on waiting, once the gateway goes down.
    closing: watch::Sender<Option<Time>>,
    /// Tells those who wait when that is said; a place in this is far smaller than one in a channel.
    closes: Arc<Notify>,
    /// Counts the requests that no route matches.
    unmatched: Arc<RouteMeter>,
    room: Arc<Room>,
    limiter: Limiter,
    porter: Arc<Porter>,
}

/// What a reload replaces.
struct Rules {
    table: Table,
    page: Page,
}

impl WakeLayer {
    /// A layer that routes by `table`, answers with `page`, and counts what no route matches by `unmatched`.
    pub fn new(table: Table, page: Page, clock: Clock, unmatched: Arc<RouteMeter>) -> Self {
        let rules = ArcSwap::from_pointee(Rules { table, page });
        let closing = watch::Sender::new(None);
        let closes = Arc::new(Notify::new());
        let room = Room::new(Bounds::default().held_size);
        let limiter = Limiter::new(WakeLimits::default());
        let porter = Arc::new(Porter::new());
        Self { shared: Arc::new(Shared { rules, clock, closing, closes, unmatched, room, limiter, porter }) }
    }

    /// Goes over to other routes and another page. Requests that have been routed already are not touched.
    pub fn set(&self, table: Table, page: Page) {
        self.shared.rules.store(Arc::new(Rules { table, page }));
    }

    /// Requests that wait may take up this many bytes all together ([`Bounds::held_size`] where this is not called);
    /// who comes when there is no more room is answered 503.
    pub fn set_held_size(&self, bytes: usize) {
        self.shared.room.set_limit(bytes);
    }

    /// Requests may begin so many wakes ([`WakeLimits::default`] where this is not called). Who would begin another is
    /// answered 429, or 503 where it is not its own doing; the service sleeps on.
    pub fn limit_wakes(&self, limits: WakeLimits) {
        self.shared.limiter.set(limits);
    }

    /// The gateway goes down: waiting pages end, so that their browsers ask again (and find another gateway, it is to
    /// be hoped); held requests may wait for another `grace` and are then told so.
    pub fn close(&self, grace: Duration) {
        self.shared.closing.send_replace(Some(self.shared.clock.now() + grace));
        self.shared.closes.notify_waiters();
    }
}

impl<S> Layer<S> for WakeLayer {
    type Service = Wake<S>;

    fn layer(&self, inner: S) -> Wake<S> {
        Wake { shared: self.shared.clone(), inner }
    }
}

/// The middleware that [`WakeLayer`] makes. It is always ready: which service a request is for is not known before it
/// is there, so the inner service's readiness is awaited inside the response future.
#[derive(Clone)]
pub struct Wake<S> {
    shared: Arc<Shared>,
    inner: S,
}

impl<S, B, R> Service<Request<B>> for Wake<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
    R: Body<Data = Bytes> + Send + 'static,
{
    type Response = Response<WakeBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B, R>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let rules = self.shared.rules.load();
        let from = Client::of(request.extensions()).map_or(NOBODY, |client| client.address);
        if let Some(entry) = request.extensions().get::<Parking>().and_then(Parking::entry) {
            return self.again(&rules, &entry, request, from);
        }
        let head = Head::of(&request, from);
        let unmatched = |outcome, problem| {
            self.shared.unmatched.count(outcome);
            ResponseFuture::ready(refusal(problem, Class::of(&request)))
        };
        let entry = match rules.table.find(&head) {
            Ok(Some(entry)) => entry,
            Ok(None) => return unmatched(Outcome::NotFound, Problem::NO_ROUTE),
            Err(Ambiguous) => return unmatched(Outcome::BadRequest, Problem::AMBIGUOUS),
        };
        if entry.keyed {
            return unlock::unlock(&self.shared, &rules, self.inner.clone(), entry, request, from);
        }
        let way = way(&rules, entry, &head, &request);
        go(way, &self.shared, &rules, self.inner.clone(), entry, request, from)
    }
}

impl<S> Wake<S> {
    /// A request that has waited already, on the route that it was found on then.
    #[cold]
    fn again<B: Send + 'static>(
        &self,
        rules: &Arc<Rules>,
        entry: &Arc<Entry>,
        request: Request<B>,
        from: IpAddr,
    ) -> ResponseFuture<S, B, S::Body>
    where
        S: Inner<B>,
    {
        if entry.keyed {
            // What opens its lock has to be taken out of it once more.
            return unlock::unlock(&self.shared, rules, self.inner.clone(), entry, request, from);
        }
        onward(&self.shared, rules, self.inner.clone(), entry, request, from)
    }
}

/// Where a request goes on whose route is known, and open to it.
fn onward<S: Inner<B>, B: Send + 'static>(
    shared: &Arc<Shared>,
    rules: &Arc<Rules>,
    inner: S,
    entry: &Arc<Entry>,
    request: Request<B>,
    from: IpAddr,
) -> ResponseFuture<S, B, S::Body> {
    if let Some(waited) = request.extensions().get::<Parking>().and_then(Parking::waited) {
        return waited.go_on(inner, request);
    }
    let way = way(rules, entry, &Head::of(&request, from), &request);
    go(way, shared, rules, inner, entry, request, from)
}

/// What becomes of a request that is let in.
enum Way<'r, R> {
    /// It goes to the gate of its service, where it may do what the policy says.
    Gate(&'r Arc<Gate>, &'r Verdict),
    /// It is answered at once.
    Answer(Response<WakeBody<R>>),
}

fn way<'r, B, R>(rules: &'r Rules, entry: &'r Entry, head: &Head<'_>, request: &Request<B>) -> Way<'r, R> {
    match (&entry.rule.action, &entry.gate) {
        (Action::Service(_), Some(gate)) => Way::Gate(gate, rules.table.verdict(entry, head)),
        (Action::Service(_), None) => {
            entry.meter.count(Outcome::WakeFailed);
            Way::Answer(refusal(Problem::wake_failed("The service is not there."), Class::of(request)))
        }
        (Action::Redirect(redirect), _) => {
            let (outcome, response) = redirected(redirect, head, request);
            entry.meter.count(outcome);
            Way::Answer(response)
        }
        (Action::Respond(answer), _) => {
            entry.meter.count(Outcome::Fixed);
            Way::Answer(answer.to_response().map(WakeBody::bytes))
        }
    }
}

/// Through the gate, or to those who wait before it, or back.
fn go<S: Inner<B>, B: Send + 'static>(
    way: Way<'_, S::Body>,
    shared: &Arc<Shared>,
    rules: &Arc<Rules>,
    inner: S,
    entry: &Arc<Entry>,
    request: Request<B>,
    from: IpAddr,
) -> ResponseFuture<S, B, S::Body> {
    let (gate, verdict) = match way {
        Way::Gate(gate, verdict) => (gate, verdict),
        Way::Answer(response) => return ResponseFuture::ready(response),
    };
    let stopwatch = entry.meter.arrived();
    let tally = Tally::new(entry.clone());
    if let Some(pass) = gate.enter(verdict.counts()) {
        let passing = ResponseFuture::admitted(inner, request, tally, Arc::new(pass));
        if let Some(stopwatch) = stopwatch {
            stopwatch.passed();
        }
        return passing;
    }
    let arrival = hold::Arrival { tally, gate: gate.clone(), rules: rules.clone(), shared: shared.clone() };
    hold::hold(arrival, verdict, from, inner, request)
}

/// An answer of the gateway's own, in the form that the client understands.
fn refusal<R>(problem: Problem, class: Class) -> Response<WakeBody<R>> {
    problem.response(matches!(class, Class::Grpc { .. })).map(WakeBody::bytes)
}

fn redirected<B, R>(
    redirect: &Redirect,
    head: &Head<'_>,
    request: &Request<B>,
) -> (Outcome, Response<WakeBody<R>>) {
    let Some(location) = redirect.location(head) else {
        let problem = Problem::bad_request("The address cannot be redirected.");
        return (Outcome::BadRequest, refusal(problem, Class::of(request)));
    };
    let mut response = Response::new(WakeBody::bytes(Bytes::new()));
    *response.status_mut() = redirect.status();
    response.headers_mut().insert(LOCATION, location);
    (Outcome::Redirect, response)
}

impl fmt::Debug for WakeLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WakeLayer").finish_non_exhaustive()
    }
}

impl<S: fmt::Debug> fmt::Debug for Wake<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wake").field("inner", &self.inner).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
