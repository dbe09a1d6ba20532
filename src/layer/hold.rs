//! A request whose service is not open to it: held, shown the page, or refused.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{Class, Entry, future, refusal};
use crate::body::WakeBody;
use crate::clock::Clock;
use crate::gate::{Gate, Hold, Pass, Refused};
use crate::metrics::{Outcome, RouteMeter};
use crate::model::Fault;
use crate::page::{Closing, Page, answer::Answer};
use crate::peer::PeerGone;
use crate::route::Verdict;

/// The longest that anybody is told to stay away.
const LONGEST_RETRY: Duration = Duration::from_secs(60);

/// What a request brings along.
pub(super) struct Arrival {
    pub(super) entry: Arc<Entry>,
    pub(super) gate: Arc<Gate>,
    pub(super) verdict: Verdict,
    pub(super) page: Page,
    pub(super) clock: Clock,
    pub(super) closing: Closing,
}

/// How the waiting ended.
enum End {
    Admitted(Pass),
    Failed(Fault),
    OutOfPatience,
    GoingDown,
    Left,
}

/// Waits as long as the request may, and lets it go on or answers it. Its body is not read.
pub(super) async fn wait<S, B, R>(
    arrival: Arrival,
    inner: S,
    request: Request<B>,
) -> Result<Response<WakeBody<R>>, S::Error>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body<Data = Bytes>,
{
    let class = Class::of(&request);
    let mut tally = Tally { meter: arrival.entry.meter.clone(), outcome: Some(Outcome::Left) };
    if !arrival.verdict.wakes() && !arrival.gate.is_open() {
        tally.outcome = Some(Outcome::AnsweredAsleep);
        return Ok(arrival.not_woken(class));
    }
    let hold = match arrival.gate.hold(arrival.verdict.counts()) {
        Ok(hold) => hold,
        Err(Refused::Full) => {
            tally.outcome = Some(Outcome::Full);
            return Ok(refusal(Answer::Full, class, Some(arrival.retry_after())));
        }
        Err(Refused::Failed(fault)) => {
            tally.outcome = Some(Outcome::WakeFailed);
            return Ok(arrival.failed(&fault, class));
        }
    };
    let gone = request.extensions().get::<PeerGone>().cloned();
    let began = arrival.clock.now();
    let end = arrival.patiently(hold, class, gone).await;
    tally.meter.held(arrival.clock.now().since(began));
    Ok(match end {
        End::Admitted(pass) => {
            // From here on the passing counts.
            tally.outcome = None;
            return future::go_on(inner, request, arrival.entry, Arc::new(pass)).await;
        }
        End::Failed(fault) => {
            tally.outcome = Some(Outcome::WakeFailed);
            arrival.failed(&fault, class)
        }
        End::OutOfPatience => match class {
            Class::Navigation { head_only } => {
                tally.outcome = Some(Outcome::Page);
                arrival.waiting_page(head_only)
            }
            Class::Grpc { .. } | Class::Other => {
                tally.outcome = Some(Outcome::HoldTimeout);
                refusal(Answer::HoldTimeout, class, Some(arrival.retry_after()))
            }
        },
        End::GoingDown => {
            tally.outcome = Some(Outcome::GoingDown);
            refusal(Answer::GoingDown, class, Some(arrival.retry_after()))
        }
        // Nobody reads this any more.
        End::Left => refusal(Answer::HoldTimeout, class, None),
    })
}

impl Arrival {
    /// The first of: the door opens, the wake fails, patience runs out, the client leaves.
    async fn patiently(&self, hold: Hold, class: Class, gone: Option<PeerGone>) -> End {
        let patience = class.patience(&self.gate.spec().limits);
        let leaves = async {
            match gone {
                Some(gone) => gone.gone().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            end = hold => match end {
                Ok(pass) => End::Admitted(pass),
                Err(fault) => End::Failed(fault),
            },
            () = leaves => End::Left,
            () = self.closed() => End::GoingDown,
            () = tokio::time::sleep(patience) => End::OutOfPatience,
        }
    }

    /// Resolves when the gateway goes down and has no more time for those who wait.
    async fn closed(&self) {
        let mut closing = self.closing.clone();
        let closes = closing.wait_for(Option::is_some).await.ok().and_then(|at| *at);
        match closes {
            Some(at) => tokio::time::sleep_until(self.clock.instant(at)).await,
            None => std::future::pending().await,
        }
    }

    fn not_woken<R>(&self, class: Class) -> Response<WakeBody<R>> {
        match self.verdict.answer() {
            Some(answer) => answer.to_response().map(WakeBody::bytes),
            None => refusal(Answer::Asleep, class, Some(LONGEST_RETRY)),
        }
    }

    fn failed<R>(&self, fault: &Fault, class: Class) -> Response<WakeBody<R>> {
        match class {
            Class::Navigation { head_only } => self.waiting_page(head_only),
            Class::Grpc { .. } | Class::Other => {
                refusal(Answer::WakeFailed(fault.public), class, Some(self.retry_after()))
            }
        }
    }

    fn waiting_page<R>(&self, head_only: bool) -> Response<WakeBody<R>> {
        let response = if head_only {
            self.page.head_only()
        } else {
            self.page.response(self.entry.members(), self.clock, self.closing.clone())
        };
        response.map(WakeBody::page)
    }

    /// When it is worth coming back.
    fn retry_after(&self) -> Duration {
        let (now, view) = (self.clock.now(), self.gate.view());
        let until_retry = view.retry_at.map(|at| at.since(now)).filter(|time| !time.is_zero());
        let until_ready = || Some(view.expected?.saturating_sub(now.since(view.waking_since?)));
        let shortest = Duration::from_secs(1);
        until_retry.or_else(until_ready).unwrap_or(shortest).clamp(shortest, LONGEST_RETRY)
    }
}

/// Counts the request under its outcome when it ends; a client that leaves ends it by dropping.
struct Tally {
    meter: Arc<RouteMeter>,
    outcome: Option<Outcome>,
}

impl Drop for Tally {
    fn drop(&mut self) {
        if let Some(outcome) = self.outcome {
            self.meter.count(outcome);
        }
    }
}
