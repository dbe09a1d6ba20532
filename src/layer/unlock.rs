//! A route with a lock: nothing of it is touched, woken or told before a key has opened it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::SET_COOKIE;
use http::{Request, Response};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{Instant, sleep, timeout};

use super::inner::Inner;
use super::parking::Parking;
use super::{Class, Entry, ResponseFuture, Rules, Shared, onward, refusal};
use crate::answer::{Problem, for_no_cache};
use crate::body::WakeBody;
use crate::clock::Clock;
use crate::lock::{Attempt, Guesses, Lock, Memory, Moment, Tried};
use crate::meter::Outcome;
use crate::peer::{Client, Scheme};

/// How many passwords may wait to be checked.
const QUEUE: usize = 64;
/// How long one waits at most.
const PATIENCE: Duration = Duration::from_secs(10);

/// What all locks share.
#[derive(Debug)]
pub(super) struct Porter {
    memory: Memory,
    guesses: Guesses,
    /// Places for those who wait, and for those whose turn it is.
    queue: Semaphore,
    turns: Arc<Semaphore>,
}

impl Porter {
    pub(super) fn new() -> Self {
        // Half of the cores: the others are for requests that have been let in.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let turns = Arc::new(Semaphore::new((cores / 2).clamp(1, 4)));
        Self { memory: Memory::new(), guesses: Guesses::default(), queue: Semaphore::new(QUEUE), turns }
    }

    /// Checks a password where that stops nobody: beside the threads that carry requests, and a few at a time.
    async fn check(self: &Arc<Self>, attempt: Attempt, from: IpAddr, clock: Clock) -> Result<(), Problem> {
        self.may_try(from, clock)?;
        let _place = self.queue.try_acquire().map_err(|_| Problem::BUSY_CHECKING)?;
        let turn = timeout(PATIENCE, self.turns.clone().acquire_owned()).await;
        let Ok(Ok(turn)) = turn else { return Err(Problem::BUSY_CHECKING) };
        // While it waited, the same password may have been found right, or too many others wrong.
        if attempt.is_known(&self.memory, clock.now()) {
            return Ok(());
        }
        self.may_try(from, clock)?;
        let (told, answer) = oneshot::channel();
        let porter = self.clone();
        // A task of its own: a client that leaves neither shortens the pause nor goes uncounted.
        tokio::spawn(async move {
            let began = Instant::now();
            let checked = tokio::task::spawn_blocking(move || (attempt.check(), attempt)).await;
            let Ok((right, attempt)) = checked else { return };
            if right {
                attempt.remember(&porter.memory, clock.now());
            } else {
                porter.guesses.wrong(from, clock.now());
            }
            // Nobody may be left to be told.
            told.send(right).ok();
            if !right {
                // As long again, so that those who guess get half of what processor there is, and no more.
                sleep(began.elapsed()).await;
            }
            drop(turn);
        });
        match answer.await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Problem::LOCKED),
            Err(_) => Err(Problem::BUSY_CHECKING),
        }
    }

    fn may_try(&self, from: IpAddr, clock: Clock) -> Result<(), Problem> {
        let pause = self.guesses.pause(from, clock.now());
        pause.map_or(Ok(()), |pause| Err(Problem::TOO_MANY_TRIES.retry_after(pause)))
    }
}

/// Lets the request go on if it opens the lock of its route.
pub(super) fn unlock<S: Inner<B>, B: Send + 'static>(
    shared: &Arc<Shared>,
    rules: &Arc<Rules>,
    inner: S,
    entry: &Arc<Entry>,
    mut request: Request<B>,
    from: IpAddr,
) -> ResponseFuture<S, B, S::Body> {
    let Some(lock) = &entry.rule.lock else {
        crate::lock::strip_cookies(request.headers_mut());
        return onward(shared, rules, inner, entry, request, from);
    };
    let comes_back = request.extensions().get::<Parking>().is_some_and(Parking::is_back);
    let clock = shared.clock;
    let https = Client::of(request.extensions()).is_some_and(|client| client.scheme == Scheme::Https);
    let unix = if lock.has_links() { clock.unix() } else { 0 };
    let moment = Moment { now: clock.now(), unix, https };
    match lock.try_open(&mut request, &shared.porter.memory, moment) {
        Tried::Open { cookie: None } => onward(shared, rules, inner, entry, request, from),
        Tried::Open { cookie: Some(cookie) } => {
            let going = onward(shared, rules, inner, entry, request, from);
            ResponseFuture::held(async move {
                let mut response = going.await?;
                let headers = response.headers_mut();
                headers.append(SET_COOKIE, cookie);
                // Whatever the service says of it: a cache that keeps cookies and does not look at queries would hand this one,
                // which is as good as the link, to everybody.
                for (name, value) in for_no_cache() {
                    headers.insert(name, value);
                }
                Ok(response)
            })
        }
        // It was let in before it waited, by what it still says; how long that holds is not asked again.
        Tried::Password(_) if comes_back => {
            Lock::opened(&mut request);
            onward(shared, rules, inner, entry, request, from)
        }
        Tried::Shut if comes_back => onward(shared, rules, inner, entry, request, from),
        Tried::Password(attempt) => {
            let (shared, rules, entry, lock) = (shared.clone(), rules.clone(), entry.clone(), lock.clone());
            ResponseFuture::held(async move {
                match shared.porter.check(attempt, from, clock).await {
                    Ok(()) => {
                        Lock::opened(&mut request);
                        onward(&shared, &rules, inner, &entry, request, from).await
                    }
                    Err(problem) => Ok(refused(&entry, &lock, problem, Class::of(&request))),
                }
            })
        }
        Tried::Shut => ResponseFuture::ready(refused(entry, lock, Problem::LOCKED, Class::of(&request))),
    }
}

fn refused<R>(entry: &Entry, lock: &Lock, problem: Problem, class: Class) -> Response<WakeBody<R>> {
    entry.meter.count(Outcome::Locked);
    let mut response = refusal(problem, class);
    if problem == Problem::LOCKED {
        lock.challenge(response.headers_mut());
    }
    response
}
