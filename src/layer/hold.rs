//! A request whose service is not open to it: held, shown the page, or refused.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tokio::time::{Instant, sleep_until};
use tower_service::Service;

use super::limiter::Limited;
use super::tally::Tally;
use super::{Class, Shared, future, refusal};
use crate::answer::Problem;
use crate::body::WakeBody;
use crate::clock::Clock;
use crate::gate::{Gate, Hold, Pass, Refused};
use crate::meter::{Outcome, RouteMeter};
use crate::model::{Fault, Phase, Time};
use crate::page::Page;
use crate::peer::PeerGone;
use crate::route::Verdict;

/// The longest that anybody is told to stay away.
const LONGEST_RETRY: Duration = Duration::from_secs(60);

/// What a request brings along.
pub(super) struct Arrival {
    pub(super) tally: Tally,
    pub(super) gate: Arc<Gate>,
    pub(super) verdict: Verdict,
    pub(super) page: Page,
    pub(super) client: IpAddr,
    pub(super) shared: Arc<Shared>,
}

/// How the waiting ended.
enum End {
    Admitted(Pass),
    /// It does not wake the service, which sleeps.
    Asleep,
    /// It would wake the service, and its client or all together have done so too often.
    Limited(Limited),
    /// Nobody more may wait.
    Full,
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
    let gone = request.extensions().get::<PeerGone>().cloned();
    // Over HTTP/2 a request may have been taken back in the same breath. It is dropped now, and wakes nobody.
    tokio::task::yield_now().await;
    let taken = arrival.shared.room.take(&request);
    let end = if taken.is_some() { arrival.end(class, gone).await } else { End::Full };
    drop(taken);
    let (outcome, response) = match end {
        End::Admitted(pass) => {
            return future::go_on(inner, request, arrival.tally, Arc::new(pass)).await;
        }
        End::Asleep => (Outcome::AnsweredAsleep, arrival.not_woken(class)),
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
    Ok(response)
}

impl Arrival {
    /// How the waiting ends, which for some is before it begins.
    async fn end(&self, class: Class, gone: Option<PeerGone>) -> End {
        if self.begins_wake()
            && let Err(limited) = self.shared.limiter.begin(self.client, self.shared.clock.now())
        {
            return End::Limited(limited);
        }
        let counts = self.verdict.counts();
        let place =
            if self.verdict.wakes() { self.gate.hold(counts) } else { self.gate.hold_if_open(counts) };
        match place {
            Ok(hold) => self.patiently(hold, class, gone).await,
            Err(Refused::Shut) => End::Asleep,
            Err(Refused::Full) => End::Full,
            Err(Refused::Failed(fault)) => End::Failed(fault),
        }
    }

    /// Whether it would wake a service that nobody wants yet. A service that fails to start is tried again in pauses that grow, whoever
    /// asks; that is limit enough.
    fn begins_wake(&self) -> bool {
        self.verdict.wakes()
            && matches!(self.gate.view().phase, Phase::Asleep | Phase::Stopping)
            && self.gate.activity().held == 0
    }

    /// The first of: the door opens, the wake fails, patience runs out, the client leaves.
    async fn patiently(&self, hold: Hold, class: Class, gone: Option<PeerGone>) -> End {
        let _held = Held {
            meter: &self.tally.entry().meter,
            clock: self.shared.clock,
            since: self.shared.clock.now(),
        };
        let limits = self.gate.spec().limits.clone();
        let began = Instant::now();
        let last = began + limits.hold_timeout;
        let mut until = began + class.patience(&limits);
        let mut hold = std::pin::pin!(hold);
        let leaves = async {
            match gone {
                Some(gone) => gone.gone().await,
                None => std::future::pending().await,
            }
        };
        let mut leaves = std::pin::pin!(leaves);
        loop {
            return tokio::select! {
                biased;
                end = &mut hold => match end {
                    Ok(pass) => End::Admitted(pass),
                    Err(fault) => End::Failed(fault),
                },
                () = &mut leaves => End::Left,
                () = self.closed() => End::GoingDown,
                () = sleep_until(until) => {
                    // Before an open door there is no page to show: its targets have all that they may have, and
                    // it will not be long.
                    if matches!(class, Class::Navigation { .. }) && until < last && self.gate.is_open() {
                        until = last;
                        continue;
                    }
                    End::OutOfPatience
                }
            };
        }
    }

    /// Resolves when the gateway goes down and has no more time for those who wait.
    async fn closed(&self) {
        let mut closing = self.shared.closing.subscribe();
        let closes = closing.wait_for(Option::is_some).await.ok().and_then(|at| *at);
        match closes {
            Some(at) => sleep_until(self.shared.clock.instant(at)).await,
            None => std::future::pending().await,
        }
    }

    fn not_woken<R>(&self, class: Class) -> Response<WakeBody<R>> {
        match self.verdict.answer() {
            Some(answer) => answer.to_response().map(WakeBody::bytes),
            None => refusal(Problem::ASLEEP.retry_after(LONGEST_RETRY), class),
        }
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
            self.page.head_only()
        } else {
            self.page.response(
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

impl Limited {
    fn problem(self) -> Problem {
        match self {
            Self::Client(wait) => Problem::TOO_MANY_WAKES.retry_after(wait),
            Self::Total(wait) => Problem::WAKES_USED_UP.retry_after(wait),
        }
    }
}

/// Records how long a request was held, whatever ended it; a client that leaves does so by dropping.
struct Held<'a> {
    meter: &'a RouteMeter,
    clock: Clock,
    since: Time,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.meter.held(self.clock.now().since(self.since));
    }
}
