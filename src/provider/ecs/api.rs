//! Every request to AWS goes through here: within its budget, bounded in time, tried again where that helps.
//!
//! The SDK's own retries are off, for they know neither the buckets nor who waits.

mod clients;
mod health;
mod queue;
mod refusals;
mod scaling;
mod services;
mod tasks;
mod trial;

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use aws_config::SdkConfig;
use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use tokio::time::{sleep, timeout};

use self::clients::Clients;
use self::refusals::Refusals;
use super::Settings;
use super::backoff::Backoff;
use super::budget::{Bucket, Budget};
use super::state::Nonsense;
use super::trouble::{Kind, Trouble};

pub(in crate::provider::ecs) use self::queue::Message;
pub(in crate::provider::ecs) use self::services::SERVICES_PER_REQUEST;
pub(in crate::provider::ecs) use super::budget::Urgency;

/// How many different kinds of nonsense are told apart in the log.
const COMPLAINTS: usize = 4096;

/// The requests that the provider makes.
pub(in crate::provider::ecs) struct Api {
    config: SdkConfig,
    clients: ArcSwap<Clients>,
    budget: Budget,
    backoff: Backoff,
    /// How long one attempt may take.
    limit: Duration,
    wall: SharedTimeSource,
    refusals: Refusals,
    complaints: Mutex<BTreeSet<(String, String)>>,
}

/// A kind of request.
#[derive(Clone, Copy, Debug)]
struct Action {
    /// As policies name it.
    name: &'static str,
    /// Where its tokens come from; none for what AWS does not limit.
    bucket: Option<Bucket>,
    /// It follows from what was read just before, and is not made again: somebody may have changed that meanwhile.
    once: bool,
    /// How long AWS itself may wait before it answers, besides the time that any request may take.
    waits: Duration,
}

impl Action {
    const fn new(name: &'static str, bucket: Bucket) -> Self {
        Self { name, bucket: Some(bucket), once: false, waits: Duration::ZERO }
    }
}

impl Api {
    /// Requests made as `config` says: its region, its credentials, its endpoints, its HTTP client. `seed` is that of
    /// the pauses between attempts.
    pub(in crate::provider::ecs) fn new(config: &SdkConfig, settings: &Settings, seed: u64) -> Self {
        Self {
            config: config.clone(),
            clients: ArcSwap::from_pointee(Clients::new(config)),
            budget: Budget::new(settings.budget),
            backoff: Backoff::new(seed),
            limit: settings.request_timeout,
            wall: config.time_source().unwrap_or_else(|| SharedTimeSource::new(SystemTimeSource::new())),
            refusals: Refusals::default(),
            complaints: Mutex::default(),
        }
    }

    /// The wall clock that the SDK signs with.
    pub(in crate::provider::ecs) fn wall(&self) -> SystemTime {
        self.wall.now()
    }

    /// Makes a request, again where that helps. `about` says in words what it is about.
    async fn call<O, E, F>(
        &self,
        action: Action,
        urgency: Urgency,
        about: &str,
        send: impl Fn(Arc<Clients>) -> F,
    ) -> Result<O, Trouble>
    where
        F: Future<Output = Result<O, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + Error + 'static,
    {
        let limit = self.limit + action.waits;
        let mut attempt = 1;
        let mut perhaps_done = false;
        loop {
            if let Some(bucket) = action.bucket {
                self.budget.take(bucket, urgency).await;
            }
            let clients = self.clients.load_full();
            // The SDK's futures are large.
            let mut trouble = match timeout(limit, Box::pin(send(clients.clone()))).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => Trouble::read(&error, action.name, about),
                Err(_) => Trouble::new(
                    Kind::Unreachable,
                    action.name,
                    about,
                    format!("it took more than {:.1} seconds", limit.as_secs_f64()),
                ),
            };
            perhaps_done |= trouble.perhaps_done;
            trouble.perhaps_done = perhaps_done;
            match (&trouble.kind, action.bucket) {
                (Kind::Throttled, Some(bucket)) => self.budget.throttled(bucket),
                // What this client has just learned of AWS's time would be lost with it.
                (Kind::Expired, _) if attempt == 1 && trouble.may_be_the_clock() => {}
                (Kind::Expired, _) => self.renew(&clients),
                _ => {}
            }
            let pause = self.backoff.after(attempt, &trouble, urgency).filter(|_| {
                // Other credentials are tried at once.
                !action.once || trouble.kind == Kind::Expired
            });
            let Some(pause) = pause else { return Err(trouble) };
            tracing::debug!(
                attempt,
                action = action.name,
                error = %trouble,
                pause_ms = pause.as_millis(),
                "a request to AWS is made again"
            );
            sleep(pause).await;
            attempt += 1;
        }
    }

    /// Makes new clients in place of `old`, which hold credentials that AWS no longer accepts. The SDK would keep
    /// these until they expire by its own clock.
    fn renew(&self, old: &Arc<Clients>) {
        self.clients.compare_and_swap(old, Arc::new(Clients::new(&self.config)));
    }

    /// Logs an answer that makes no sense: once for each kind of nonsense and each thing it is about.
    fn complain(&self, action: Action, about: &str, nonsense: &Nonsense) {
        let mut complaints = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
        if complaints.len() < COMPLAINTS && complaints.insert((about.to_owned(), nonsense.0.clone())) {
            tracing::warn!(action = action.name, about, error = %nonsense, "an answer of AWS makes no sense; it changes nothing");
        }
    }

    /// A failure for an answer that makes no sense.
    fn nonsense(&self, action: Action, about: &str, nonsense: &Nonsense) -> Trouble {
        self.complain(action, about, nonsense);
        Trouble::new(Kind::Nonsense, action.name, about, nonsense.0.clone())
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api")
            .field("budget", &self.budget)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
