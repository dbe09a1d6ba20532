//! A request whose service is not open to it: held, shown the page, or refused.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use tokio::time::Instant;

use super::inner::Inner;
use super::limiter::Limited;
use super::parking::Parking;
use super::room::Taken;
use super::tally::Tally;
use super::waiting::Waiting;
use super::{Class, Entry, ResponseFuture, Rules, Shared, refusal};
use crate::answer::Problem;
use crate::body::WakeBody;
use crate::gate::{Gate, Hold, Pass, Refused};
use crate::meter::Outcome;
use crate::model::{Fault, Phase};
use crate::peer::PeerGone;
use crate::route::Verdict;

/// The longest that anybody is told to stay away.
const LONGEST_RETRY: Duration = Duration::from_secs(60);

/// What a request brings along.
pub(super) struct Arrival {
    pub(super) tally: Tally,
    pub(super) gate: Arc<Gate>,
    pub(super) rules: Arc<Rules>,
    pub(super) shared: Arc<Shared>,
}

/// A request that may wait.
pub(super) struct Place {
    pub(super) hold: Hold,
    pub(super) _room: Taken,
}

/// How the waiting ended.
pub(super) enum End {
    Admitted(Pass),
    /// It does not wake the service, which sleeps.
    Asleep(Verdict),
    /// It would wake the service, and its client or all together have done so too often.
    Limited(Limited),
    /// Nobody more may wait.
    Full,
    Failed(Fault),
    OutOfPatience,
    GoingDown,
    Left,
}

/// A request that has waited, or may not, and how that ended.
pub struct Waited {
    pub(super) arrival: Arrival,
    pub(super) class: Class,
    pub(super) end: End,
}

/// Has the request wait as long as it may, and then lets it go on or answers it. Its body is not read.
pub(super) fn hold<S: Inner<B>, B: Send + 'static>(
    arrival: Arrival,
    verdict: &Verdict,
    client: IpAddr,
    inner: S,
    request: Request<B>,
) -> ResponseFuture<S, B, S::Body> {
    let class = Class::of(&request);
    let gone = request.extensions().get::<PeerGone>().cloned();
    let Some(parking) = request.extensions().get::<Parking>() else {
        let verdict = verdict.clone();
        return ResponseFuture::held(async move {
            // Over HTTP/2 a request may have been taken back in the same breath. It is dropped now, and wakes nobody.
            tokio::task::yield_now().await;
            let waited = match arrival.begin(&verdict, client, &request) {
                Ok(place) => Waiting::new(arrival, place, class, gone).await,
                Err(end) => Waited { arrival, class, end },
            };
            waited.go_on(inner, request).await
        });
    };
    let place = match arrival.begin(verdict, client, &request) {
        Ok(place) => place,
        Err(end) => return Waited { arrival, class, end }.go_on(inner, request),
    };
    match parking.leave(Box::pin(Waiting::new(arrival, place, class, gone))) {
        Ok(()) => ResponseFuture::parked(request),
        Err(wait) => ResponseFuture::held(async move { wait.await.go_on(inner, request).await }),
    }
}

impl Waited {
    /// The route it was found on.
    pub(super) fn entry(&self) -> Arc<Entry> {
        self.arrival.tally.shared_entry()
    }

    /// Whether its client has gone, so that nobody is left to be answered.
    pub fn has_left(&self) -> bool {
        matches!(self.end, End::Left)
    }

    /// Lets the request go on its way, or answers it.
    pub(super) fn go_on<S: Inner<B>, B>(
        self,
        inner: S,
        request: Request<B>,
    ) -> ResponseFuture<S, B, S::Body> {
        let Self { arrival, class, end } = self;
        let (outcome, response) = match end {
            End::Admitted(pass) => {
                return ResponseFuture::admitted(inner, request, arrival.tally, Arc::new(pass));
            }
            End::Asleep(verdict) => (Outcome::AnsweredAsleep, not_woken(&verdict, class)),
            End::Limited(limited) => (Outcome::WakeLimited, refusal(limited.problem(), class)),
            End::Full => (Outcome::Full, refusal(Problem::FULL.retry_after(arrival.retry_after()), class)),
            End::Failed(fault) => (Outcome::WakeFailed, arrival.failed(&fault, class)),
            End::OutOfPatience => match class {
                Class::Navigation { head_only } if !arrival.gate.is_open() => {
                    (Outcome::Page, arrival.waiting_page(head_only))
                }
                Class::Navigation { .. } | Class::Grpc { .. } | Class::Other => {
                    let response = refusal(Problem::HOLD_TIMEOUT.retry_after(arrival.retry_after()), class);
                    (Outcome::HoldTimeout, response)
                }
            },
            End::GoingDown => {
                (Outcome::GoingDown, refusal(Problem::GOING_DOWN.retry_after(arrival.retry_after()), class))
            }
            // Nobody reads this any more.
            End::Left => (Outcome::Left, refusal(Problem::HOLD_TIMEOUT, class)),
        };
        arrival.tally.ends(outcome);
        ResponseFuture::ready(response)
    }
}

impl Arrival {
    /// A place among those who wait; for some the waiting ends before it begins.
    fn begin<B>(&self, verdict: &Verdict, client: IpAddr, request: &Request<B>) -> Result<Place, End> {
        let room = self.shared.room.take(request).ok_or(End::Full)?;
        if verdict.wakes() && self.begins_wake() {
            let limited = self.shared.limiter.begin(client, self.shared.clock.now());
            limited.map_err(End::Limited)?;
        }
        let counts = verdict.counts();
        let place = if verdict.wakes() { self.gate.hold(counts) } else { self.gate.hold_if_open(counts) };
        match place {
            Ok(hold) => Ok(Place { hold, _room: room }),
            Err(Refused::Shut) => Err(End::Asleep(verdict.clone())),
            Err(Refused::Full) => Err(End::Full),
            Err(Refused::Failed(fault)) => Err(End::Failed(fault)),
        }
    }

    /// Whether one that wakes would wake a service that nobody wants yet. A service that fails to start is tried again in pauses that grow, whoever
    /// asks; that is limit enough.
    fn begins_wake(&self) -> bool {
        matches!(self.gate.view().phase, Phase::Asleep | Phase::Stopping) && self.gate.activity().held == 0
    }

    /// Records how long it was held, whatever ended that.
    pub(super) fn was_held(&self, since: Instant) {
        self.tally.entry().meter.held(since.elapsed());
    }

    fn failed<R>(&self, fault: &Fault, class: Class) -> Response<WakeBody<R>> {
        match class {
            Class::Navigation { head_only } => self.waiting_page(head_only),
            Class::Grpc { .. } | Class::Other => {
                refusal(Problem::wake_failed(fault.public).retry_after(self.retry_after()), class)
            }
        }
    }

    fn waiting_page<R>(&self, head_only: bool) -> Response<WakeBody<R>> {
        let response = if head_only {
            self.rules.page.head_only()
        } else {
            self.rules.page.response(
                self.tally.entry().members(),
                self.shared.clock,
                self.shared.closing.subscribe(),
            )
        };
        response.map(WakeBody::page)
    }

    /// When it is worth coming back.
    fn retry_after(&self) -> Duration {
        let (now, view) = (self.shared.clock.now(), self.gate.view());
        let until_retry = view.retry_at.map(|at| at.since(now)).filter(|time| !time.is_zero());
        let until_ready = || Some(view.expected?.saturating_sub(now.since(view.waking_since?)));
        let shortest = Duration::from_secs(1);
        until_retry.or_else(until_ready).unwrap_or(shortest).clamp(shortest, LONGEST_RETRY)
    }
}

fn not_woken<R>(verdict: &Verdict, class: Class) -> Response<WakeBody<R>> {
    match verdict.answer() {
        Some(answer) => answer.to_response().map(WakeBody::bytes),
        None => refusal(Problem::ASLEEP.retry_after(LONGEST_RETRY), class),
    }
}

impl Limited {
    fn problem(self) -> Problem {
        match self {
            Self::Client(wait) => Problem::TOO_MANY_WAKES.retry_after(wait),
            Self::Total(wait) => Problem::WAKES_USED_UP.retry_after(wait),
        }
    }
}

impl fmt::Debug for Waited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waited").field("has_left", &self.has_left()).finish_non_exhaustive()
    }
}
