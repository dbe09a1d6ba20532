//! Services as local child processes.
//!
//! Every child runs in a process group of its own, so that a stop reaches what it started as well: SIGTERM, and
//! SIGKILL after its `stop_timeout`. A child that exits while it should run is started again, after pauses that
//! grow. What it writes goes to the log, and its last lines into the reason of its death.
//!
//! No child outlives the gateway, however the gateway ends: [`Process::shutdown`] sees them all out, and a guard
//! process, which hears of every child before it exists, kills what is left when the gateway dies without a word
//! (`kill -9`, out of memory). The guard needs `/bin/sh`; without one there is a warning, and no guard.
//!
//! With a fixed port, replica 0 is told to listen on it and the others on the ports after it; with port 0 each start
//! of each replica gets a free one. Either way it is on the loopback address, and told as `PORT`.
//!
//! One task a replica owns its child; [`Provider::scale`] sends it orders, [`Provider::observe`] reads what it
//! published last.

mod child;
mod group;
mod guard;
mod output;
mod pauses;
mod ports;
mod replica;
#[cfg(test)]
mod tests;
mod zombies;

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::Clock;
use crate::model::{Fault, Kind, Observation, Spec};
use crate::net::BoxFuture;
use crate::provider::{Nudge, Provider};
use guard::Guard;
use ports::Ports;
use replica::{Life, Replica};

/// Runs services as child processes of the gateway.
#[derive(Debug)]
pub struct Process {
    context: Arc<Context>,
    services: Mutex<Services>,
}

/// What all replicas share.
#[derive(Debug)]
struct Context {
    clock: Clock,
    nudge: Nudge,
    guard: Guard,
    ports: Ports,
    /// How many children were started so far.
    starts: AtomicU64,
}

#[derive(Debug, Default)]
struct Services {
    by_name: HashMap<Arc<str>, Service>,
    /// The gateway is going down: nothing is started any more.
    closed: bool,
}

#[derive(Debug, Default)]
struct Service {
    desired: u32,
    /// As many as were ever asked for at once; those past `desired` are down, or on their way there.
    replicas: Vec<Replica>,
}

impl Process {
    /// A provider without any children yet. `clock` dates their deaths; `nudge` hears of every start, exit and
    /// stop.
    pub fn new(clock: Clock, nudge: Nudge) -> Self {
        let context = Context {
            clock,
            nudge,
            guard: Guard::default(),
            ports: Ports::default(),
            starts: AtomicU64::new(0),
        };
        Self { context: Arc::new(context), services: Mutex::default() }
    }

    /// Stops every child, each with its own `stop_timeout`, and waits until all of them are gone. From then on
    /// nothing can be started.
    pub async fn shutdown(&self) {
        let replicas: Vec<Replica> = {
            let mut services = self.lock();
            services.closed = true;
            services.by_name.drain().flat_map(|(_, service)| service.replicas).collect()
        };
        let ends: Vec<_> = replicas.into_iter().map(Replica::end).collect();
        for end in ends {
            if let Err(error) = end.await {
                tracing::error!(%error, "the task of a child process failed");
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Services> {
        self.services.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Provider for Process {
    /// Returns once the missing children are spawned and the surplus ones have their stop signal.
    ///
    /// # Errors
    /// A child that cannot be spawned: a terminal fault where its command, its directory or its port is to
    /// blame. [`Provider::observe`] tells the same fault from then on.
    fn scale<'a>(&'a self, spec: &'a Arc<Spec>, count: u32) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async move {
            if !matches!(spec.kind, Kind::Process(_)) {
                return Err(not_ours(spec));
            }
            let orders = {
                let mut services = self.lock();
                if services.closed {
                    return Err(Fault::new("the gateway is going down"));
                }
                services.by_name.entry(spec.name.clone()).or_default().scale(&self.context, spec, count)
            };
            let mut result = Ok(());
            for order in orders {
                // A replica's task that is gone has nobody to tell; the next observation shows what there is.
                result = result.and(order.await.unwrap_or(Ok(())));
            }
            result
        })
    }

    fn observe<'a>(&'a self, specs: &'a [Arc<Spec>]) -> BoxFuture<'a, Vec<Result<Observation, Fault>>> {
        Box::pin(async move {
            let services = self.lock();
            let look = |spec: &Arc<Spec>| match spec.kind {
                Kind::Process(_) => {
                    Ok(services.by_name.get(&spec.name).map(Service::look).unwrap_or_default())
                }
                _ => Err(not_ours(spec)),
            };
            specs.iter().map(look).collect()
        })
    }
}

impl Service {
    /// Sends every replica its order, in one go; the answers come later.
    fn scale(&mut self, context: &Arc<Context>, spec: &Arc<Spec>, count: u32) -> Vec<replica::Answer> {
        self.desired = count;
        for index in self.replicas.len()..count as usize {
            self.replicas.push(Replica::new(context.clone(), spec.name.clone(), index));
        }
        self.replicas
            .iter()
            .zip(0..)
            .map(|(replica, index)| replica.order(spec.clone(), index < count))
            .collect()
    }

    fn look(&self) -> Observation {
        let mut seen = Observation { desired: self.desired, ..Observation::default() };
        let mut completed = 0;
        for replica in &self.replicas {
            let state = replica.state();
            match &state.life {
                Life::Down => {}
                Life::Up(target) => {
                    seen.running += 1;
                    seen.targets.extend(target.clone());
                }
                Life::Stopping => seen.stopping += 1,
                Life::Completed => completed += 1,
            }
            seen.fault = seen.fault.or_else(|| state.fault.clone());
        }
        seen.completed = self.desired > 0 && completed == self.desired;
        seen
    }
}

fn not_ours(spec: &Spec) -> Fault {
    Fault::terminal(format!("`{}` is not a local process", spec.name))
}
