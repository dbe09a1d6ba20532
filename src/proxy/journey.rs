//! One request's way to a target that answers it: from target to target, and back to the gate when none is left.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, StatusCode};
use tokio::time::Instant;

use super::pool::{Failure, Pool, Reply, Wish};
use super::sending::{CLIENT_BROKE_OFF, SendBody, clients_fault};
use super::spare::Spare;
use super::trace;
use crate::answer::Problem;
use crate::gate::{Pass, Refused, Slot};
use crate::model::Protocol;
use crate::net::Net;
use crate::peer::PeerGone;

/// The pause before the targets are tried again, while the gate still leads to those that did not answer. Doubles
/// up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Where a request is on its way.
pub(super) struct Journey<'n> {
    net: &'n Arc<dyn Net>,
    /// How long a connect may take.
    connect: Duration,
    /// How long an answer may take to begin.
    answer: Option<Duration>,
    /// Whether it asks for a tunnel.
    tunnel: bool,
    /// The target it was given. It stays counted there until the response has ended, whoever answers.
    first: Arc<Pass>,
    /// The target it is at now, where that is another one.
    other: Option<Pass>,
    /// The targets that did not answer.
    tried: Vec<Arc<Slot>>,
    gone: Option<PeerGone>,
    deadline: Option<Instant>,
    pause: Duration,
    /// It has waited for a service that died over it. Once is enough: it may be what kills it.
    outlived: bool,
}

impl<'n> Journey<'n> {
    pub(super) fn new(
        net: &'n Arc<dyn Net>,
        connect: Duration,
        answer: Option<Duration>,
        tunnel: bool,
        first: Arc<Pass>,
        gone: Option<PeerGone>,
    ) -> Self {
        Self {
            net,
            connect,
            answer,
            tunnel,
            first,
            other: None,
            tried: Vec::new(),
            gone,
            deadline: None,
            pause: FIRST_PAUSE,
            outlived: false,
        }
    }

    /// The passes to keep until the response has ended, and whoever waits for it.
    pub(super) fn end(self) -> (Arc<Pass>, Option<Pass>, Option<PeerGone>) {
        (self.first, self.other, self.gone)
    }

    /// Sends the request, and goes on while nothing is lost by it: to another target when one takes no connection,
    /// and with a copy of the request when its connection died, where sending it twice does no harm (RFC 9110
    /// section 9.2.2). When the last target died with it, it waits for the next one to start, as who comes now does.
    ///
    /// The request stays where it is until it is sent.
    pub(super) async fn travel(
        &mut self,
        request: &mut Request<SendBody>,
        protocol: Protocol,
    ) -> Result<Reply, Problem> {
        let spare = Spare::of(request);
        let mut fresh = false;
        loop {
            let failure = match self.send(request, protocol, fresh).await {
                Ok(reply) => {
                    if let Some(pass) = &self.other {
                        pass.answered();
                    }
                    return Ok(reply);
                }
                Err(failure) => failure,
            };
            // In a box, for it is rare: a request on its way carries no room for it.
            fresh = Box::pin(self.overcome(failure, request, spare.as_ref(), fresh)).await?;
        }
    }

    /// What to do after a failure: the request is there to be sent again, over a new connection if this returns `true`.
    async fn overcome(
        &mut self,
        failure: Failure,
        request: &mut Request<SendBody>,
        spare: Option<&Spare>,
        fresh: bool,
    ) -> Result<bool, Problem> {
        match failure {
            Failure::Connect(error) => {
                let target = self.pass().target();
                let trace = trace::id(request.headers());
                tracing::debug!(trace, %target, %error, "a target takes no connection");
                self.pass().gate().suspect(target);
                if !self.go_elsewhere() {
                    self.wait().await?;
                }
                Ok(false)
            }
            // It would say the same again.
            Failure::Died { error, .. } if error.is_parse() => {
                let target = self.pass().target();
                tracing::debug!(%target, %error, "a target's answer cannot be read");
                Err(UNREADABLE)
            }
            Failure::Died { error, reused } => {
                if let Some(problem) = clients_fault(&error) {
                    tracing::debug!(%error, "the client broke off its request");
                    return Err(problem);
                }
                let again = spare.map(Spare::request);
                let target = self.pass().target();
                let trace = again.as_ref().map(|request| trace::id(request.headers()));
                tracing::debug!(trace, %target, %error, reused, "a connection died with a request on it");
                *request = again.ok_or(BROKE_OFF)?;
                if reused && !fresh {
                    Ok(true)
                } else if self.go_elsewhere() {
                    Ok(false)
                } else if std::mem::replace(&mut self.outlived, true) {
                    Err(BROKE_OFF)
                } else {
                    self.wait().await?;
                    Ok(true)
                }
            }
            Failure::TooSlow => Err(ANSWER_TIMEOUT),
            Failure::NoWebSocket => Err(NO_WEBSOCKET),
        }
    }

    fn pass(&self) -> &Pass {
        self.other.as_ref().unwrap_or(&self.first)
    }

    async fn send(
        &self,
        request: &mut Request<SendBody>,
        protocol: Protocol,
        fresh: bool,
    ) -> Result<Reply, Failure> {
        let pass = self.pass();
        let make = || Pool::new(self.net.clone(), pass.target().address.clone(), self.connect);
        let progress = request.body().progress();
        let own;
        let pool = match pass.slot().attached(make) {
            Some(pool) => pool,
            // Nobody else hangs anything there; a pool of its own serves as well. In a box, as all that is rare.
            None => {
                own = Box::new(make());
                &own
            }
        };
        let sent = pin!(pool.send(request, protocol, Wish { fresh, tunnel: self.tunnel }));
        match self.answer {
            // After the last of the request was sent.
            Some(limit) => {
                let began = Instant::now();
                let until = || progress.as_ref().map_or(began, |progress| progress.last()) + limit;
                pool.alarms().before(until, sent).await.unwrap_or(Err(Failure::TooSlow))
            }
            None => sent.await,
        }
    }

    /// Goes on to a target that was not tried yet.
    fn go_elsewhere(&mut self) -> bool {
        let slot = self.pass().slot().clone();
        self.tried.push(slot);
        let next = self.pass().elsewhere(&self.tried);
        let found = next.is_some();
        if found {
            self.other = next;
        }
        found
    }

    /// Waits at the gate like anybody who comes now: the driver has been told, or will be when the next connection
    /// cannot be made, and the service is being looked at and woken again.
    async fn wait(&mut self) -> Result<(), Problem> {
        let gate = self.first.gate().clone();
        let limit = gate.spec().limits.hold_timeout;
        let deadline = *self.deadline.get_or_insert_with(|| Instant::now() + limit);
        self.other = None;
        self.tried.clear();
        // It will not be answered soon: those behind it in the ramp need not wait for it.
        self.first.answered();

        let pause = self.pause;
        self.pause = LONGEST_PAUSE.min(pause * 2);
        if gate.is_open() {
            // The driver has not looked yet, or finds nothing wrong: the gate would lead back at once.
            within(deadline, self.gone.as_ref(), tokio::time::sleep(pause)).await?;
        }
        // What keeps nothing awake wakes nothing either.
        let counts = self.first.counts();
        let place = if counts { gate.hold(counts) } else { gate.hold_if_open(counts) };
        let hold = match place {
            Ok(hold) => hold,
            Err(Refused::Shut) => return Err(Problem::ASLEEP),
            Err(Refused::Full) => return Err(Problem::FULL),
            Err(Refused::Failed(fault)) => return Err(Problem::wake_failed(fault.public)),
        };
        let admitted = async {
            tokio::select! {
                biased;
                admitted = hold => Some(admitted),
                // Its place at its first target may be the one it would be waiting for.
                () = self.still_led_to(pause) => None,
            }
        };
        match within(deadline, self.gone.as_ref(), admitted).await? {
            Some(Ok(pass)) => self.other = Some(pass),
            Some(Err(fault)) => return Err(Problem::wake_failed(fault.public)),
            None => {}
        }
        Ok(())
    }

    /// Resolves after a while, when the gate is open and still leads to the first target.
    async fn still_led_to(&self, after: Duration) {
        loop {
            tokio::time::sleep(after).await;
            let gate = self.first.gate();
            if gate.targets().iter().any(|(target, _)| target == self.first.target()) {
                return;
            }
        }
    }
}

/// What `future` comes to, unless the time is up or the client leaves before.
async fn within<T>(
    deadline: Instant,
    gone: Option<&PeerGone>,
    future: impl Future<Output = T>,
) -> Result<T, Problem> {
    let gone = async {
        match gone {
            Some(gone) => gone.gone().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        value = future => Ok(value),
        () = gone => Err(CLIENT_BROKE_OFF),
        () = tokio::time::sleep_until(deadline) => Err(Problem::HOLD_TIMEOUT),
    }
}

const BROKE_OFF: Problem = Problem::bad_gateway("The service broke off before it answered.");
const ANSWER_TIMEOUT: Problem =
    Problem::new(StatusCode::GATEWAY_TIMEOUT, "answer_timeout", "The service took too long to answer.");
const UNREADABLE: Problem = Problem::bad_gateway("The service's answer is not valid HTTP.");
const NO_WEBSOCKET: Problem = Problem::bad_gateway("The service takes no WebSockets over HTTP/2.");
