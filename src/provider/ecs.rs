//! Services on Amazon ECS.
//!
//! A service sleeps at desired count zero, and wakes to the count it had. Its targets are the addresses of its tasks
//! themselves, from the first answer that has them: no load balancer, registration or DNS is waited for, unless the
//! operator prefers a target group's word ([`Check::TargetGroup`](crate::model::Check::TargetGroup)).
//!
//! Everything that AWS says comes in through `api`, within the account's rate limits, as the plain words of `state`.
//! The `ledger` keeps what is known of services and their tasks, and works out what to ask next, what to tell the
//! engine and which addresses may be used; it is fed by looks (`look`) and by events (`events`), where there is a queue.
//! `raise` and `lower` carry out the engine's orders. What a sleeping service has to be remembered by stands in its tags
//! (`memory`), so that a gateway may end at any moment and another take over.
//!
//! This is the only place that knows the AWS SDK.

mod api;
mod backoff;
mod budget;
mod check;
mod connect;
mod events;
mod gather;
mod join;
mod key;
mod ledger;
mod look;
mod lower;
mod memory;
mod raise;
mod resume;
mod settings;
mod state;
#[cfg(test)]
mod tests;
mod trouble;
mod words;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub use aws_config::SdkConfig;

use self::api::{Api, SERVICES_PER_REQUEST};
use self::events::Events;
use self::gather::Gather;
use self::key::Key;
use self::ledger::{Ledger, Now};
use crate::clock::Clock;
use crate::model::{EcsSpec, Fault, Kind, Observation, Spec};
use crate::net::BoxFuture;
use crate::provider::{Manner, Nudge, Provider};
pub use check::{Finding, Report, Weight, check};
pub use connect::connect;
pub use settings::Settings;

/// How long a call may take: only a backstop, for every request has its own limit and its own number of attempts.
const PATIENCE: Duration = Duration::from_secs(120);

/// Starts, stops and observes services on Amazon ECS.
#[derive(Debug)]
pub struct Ecs {
    api: Arc<Api>,
    ledger: Arc<Ledger>,
    gather: Gather,
    events: Option<Events>,
    clock: Clock,
    nudge: Nudge,
    settings: Settings,
}

impl Ecs {
    /// A provider that makes its requests as `config` says ([`connect`] makes one). `clock` dates what happens,
    /// `nudge` hears of what events tell; `seed` is that of all pauses at random. Must be called within a tokio
    /// runtime.
    pub fn new(config: &SdkConfig, settings: Settings, clock: Clock, nudge: Nudge, seed: u64) -> Arc<Self> {
        let api = Arc::new(Api::new(config, &settings, seed));
        let ledger = Arc::new(Ledger::new(clock, settings.settle));
        let follow =
            |url: &String| Events::follow(api.clone(), url, ledger.clone(), clock, nudge.clone(), seed);
        let events = settings.queue_url.as_ref().map(follow);
        Arc::new(Self { api, ledger, gather: Gather::default(), events, clock, nudge, settings })
    }

    fn now(&self) -> Now {
        Now { time: self.clock.now(), wall: self.api.wall() }
    }
}

impl Provider for Ecs {
    /// Waking never lowers a count, and putting to sleep remembers it: see [`Settings`] and the README.
    ///
    /// # Errors
    /// Terminal where waiting cannot help: no such service, a missing permission, a daemon service.
    fn scale<'a>(&'a self, spec: &'a Arc<Spec>, count: u32) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async move {
            let ecs = ecs_of(spec)?;
            if count == 0 { self.lower(ecs, spec.count).await } else { self.raise(ecs, count).await }
        })
    }

    fn observe<'a>(&'a self, specs: &'a [Arc<Spec>]) -> BoxFuture<'a, Vec<Result<Observation, Fault>>> {
        Box::pin(async move {
            let mut clusters: BTreeMap<Arc<str>, Vec<Asked<'_>>> = BTreeMap::new();
            let mut seen: Vec<Result<Observation, Fault>> = Vec::with_capacity(specs.len());
            for (index, spec) in specs.iter().enumerate() {
                let ecs = ecs_of(spec);
                seen.push(Err(ecs
                    .as_ref()
                    .err()
                    .cloned()
                    .unwrap_or_else(|| Fault::new("it was not looked at"))));
                if let Ok(ecs) = ecs {
                    clusters.entry(Key::of(ecs).cluster).or_default().push((index, spec, ecs));
                }
            }
            let looks = clusters.iter().map(|(cluster, items)| async move {
                let specs: Vec<_> = items.iter().map(|(_, spec, ecs)| (*spec, *ecs)).collect();
                self.look(cluster, &specs).await
            });
            for (items, results) in clusters.values().zip(join::all(looks).await) {
                for ((index, ..), result) in items.iter().zip(results) {
                    seen[*index] = result;
                }
            }
            seen
        })
    }

    fn call_off(&self, spec: &Spec) {
        if let Ok(ecs) = ecs_of(spec) {
            self.ledger.with(&Key::of(ecs), |record| record.call_off());
        }
    }

    fn manner(&self) -> Manner {
        Manner { patience: PATIENCE, batch: SERVICES_PER_REQUEST }
    }
}

/// One of the specs that an observation is asked for, with its place among them.
type Asked<'a> = (usize, &'a Arc<Spec>, &'a EcsSpec);

fn ecs_of(spec: &Spec) -> Result<&EcsSpec, Fault> {
    match &spec.kind {
        Kind::Ecs(ecs) => Ok(ecs),
        _ => Err(Fault::terminal(format!("`{}` is not a service on ECS", spec.name))),
    }
}
