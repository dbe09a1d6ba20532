//! The world: everything that exists, and the passing of time over it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::agenda::{Agenda, Due};
use super::app::{AppBehaviour, SeenLog};
use super::bucket::Buckets;
use super::call::Call;
use super::definition::Definition;
use super::fault::Faults;
use super::handle::Clock;
use super::hosts::Hosts;
use super::past::{Past, Stale};
use super::pool::Pool;
use super::service::{Service, ServiceKey};
use super::task::Task;
use super::timings::Timings;
use super::wings::Wings;
use super::wire::{ACCOUNT, REGION};

/// Everything that exists.
pub(crate) struct World {
    /// Up to when everything has happened.
    pub(super) now: Duration,
    /// The wall clock's time at the start, since 1970.
    pub(super) epoch: Duration,
    pub(super) region: String,
    pub(super) account: String,
    pub(super) rng: fastrand::Rng,
    pub(super) clock: Clock,
    pub(super) hosts: Arc<dyn Hosts>,
    pub(super) timings: Timings,
    pub(super) agenda: Agenda,
    /// Their names.
    pub(super) clusters: BTreeSet<String>,
    /// The revisions of each family, from 1.
    pub(super) definitions: BTreeMap<String, Vec<Definition>>,
    pub(super) services: BTreeMap<ServiceKey, Service>,
    /// By ARN.
    pub(super) tasks: BTreeMap<String, Task>,
    /// What runs in tasks that belong to no service, by family.
    pub(super) apps: BTreeMap<String, AppBehaviour>,
    pub(super) pool: Pool,
    pub(super) faults: Faults,
    pub(super) buckets: Buckets,
    pub(super) stale: Stale,
    pub(super) services_past: Past<ServiceKey, Service>,
    pub(super) tasks_past: Past<String, Task>,
    pub(super) calls: Vec<Call>,
    pub(super) seen: SeenLog,
    /// What stands around ECS: queues, events, target groups, scalable targets.
    pub(super) wings: Wings,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("now", &self.now).finish_non_exhaustive()
    }
}

impl World {
    /// A world in which nothing is yet but the cluster `default`.
    pub(super) fn new(seed: u64, clock: Clock, hosts: Arc<dyn Hosts>) -> Self {
        Self {
            now: Duration::ZERO,
            epoch: Duration::from_secs(1_750_000_000),
            region: REGION.to_owned(),
            account: ACCOUNT.to_owned(),
            rng: fastrand::Rng::with_seed(seed),
            clock,
            hosts,
            timings: Timings::default(),
            agenda: Agenda::default(),
            clusters: BTreeSet::from(["default".to_owned()]),
            definitions: BTreeMap::new(),
            services: BTreeMap::new(),
            tasks: BTreeMap::new(),
            apps: BTreeMap::new(),
            pool: Pool::loopback(0),
            faults: Faults::default(),
            buckets: Buckets::default(),
            stale: Stale::default(),
            services_past: Past::default(),
            tasks_past: Past::default(),
            calls: Vec::new(),
            seen: SeenLog::default(),
            wings: Wings::default(),
        }
    }

    /// When the next thing happens.
    pub(super) fn next_due(&self) -> Option<Duration> {
        self.agenda.next().into_iter().chain(self.wings.groups.next_due()).min()
    }

    /// Lets everything happen that is due at `now`, each at its own time.
    pub(super) fn advance(&mut self, now: Duration) {
        while let Some(next) = self.next_due().filter(|next| *next <= now) {
            self.now = self.now.max(next);
            match self.agenda.take(self.now) {
                // A load balancer's check that is due at the same time comes after it.
                Some(due) => self.carry_out(due),
                None => {
                    self.check_targets(self.now);
                    self.give_up_unhealthy();
                }
            }
        }
        self.now = self.now.max(now);
    }

    fn carry_out(&mut self, due: Due) {
        match due {
            Due::Step { task, plan } => self.step(&task, plan),
            Due::Exit { task, plan } => self.exit(&task, plan),
            Due::Healthy { task, plan } => self.pass_health_check(&task, plan),
            Due::GiveUp { task, plan, reason } => self.give_up(&task, plan, &reason),
            Due::Schedule(key) => self.look_at(&key),
            Due::Forget(task) => self.forget_task(&task),
            Due::ForgetService(key, created) => self.forget_service(&key, created),
        }
    }

    /// Makes the history of what will happen from here on remembered, for stale reads; or stops that.
    pub(super) fn set_stale(&mut self, stale: Stale) {
        self.stale = stale;
        self.services_past.clear();
        self.tasks_past.clear();
        if stale.window.is_zero() {
            return;
        }
        for (key, service) in &self.services {
            self.services_past.note(key, service.clone(), self.now, stale.window);
        }
        for (arn, task) in &self.tasks {
            self.tasks_past.note(arn, task.clone(), self.now, stale.window);
        }
    }

    /// The moment whose state the next read shows: now, or a bit before.
    pub(super) fn moment_of_read(&mut self) -> Duration {
        if self.stale.window.is_zero() || self.rng.f64() >= self.stale.chance {
            return self.now;
        }
        self.now.saturating_sub(self.stale.window.mul_f64(self.rng.f64()))
    }

    /// A service as it was at a moment.
    pub(super) fn service_at(&self, key: &ServiceKey, moment: Duration) -> Option<&Service> {
        let service = self.services.get(key)?;
        if moment >= self.now {
            return Some(service);
        }
        let then = self.services_past.at(key, moment).unwrap_or(service);
        (then.created <= moment).then_some(then)
    }

    /// A task as it was at a moment.
    pub(super) fn task_at(&self, arn: &str, moment: Duration) -> Option<&Task> {
        let task = self.tasks.get(arn)?;
        if moment >= self.now {
            return Some(task);
        }
        let then = self.tasks_past.at(&task.arn, moment).unwrap_or(task);
        (then.stamps.created <= moment).then_some(then)
    }

    /// So many hexadecimal digits, a multiple of 16 at most 64.
    pub(super) fn hex(&mut self, digits: usize) -> String {
        let mut text = String::with_capacity(digits);
        while text.len() < digits {
            text += &format!("{:016x}", self.rng.u64(..));
        }
        text.truncate(digits);
        text
    }

    /// A UUID.
    pub(super) fn uuid(&mut self) -> String {
        let hex = self.hex(32);
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }

    /// The ARN of something of ECS.
    pub(super) fn arn(&self, what: &str) -> String {
        format!("arn:aws:ecs:{}:{}:{what}", self.region, self.account)
    }
}
