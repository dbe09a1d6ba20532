//! What a test does to a world, and what it can see of it.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::Duration;

use super::app::{AppBehaviour, Seen};
use super::call::Call;
use super::error::ApiError;
use super::events::Bus;
use super::fault::Fault;
use super::groups::Settings;
use super::handle::Simulator;
use super::past::Stale;
use super::pool::Pool;
use super::scaling::{ScalableTarget, Suspended};
use super::service::{Service, ServiceKey, ServiceSetup};
use super::task::{Status, Task};
use super::timings::Timings;

impl Simulator {
    /// Makes a service, and its cluster and task definition.
    ///
    /// # Errors
    /// There is one of that name.
    pub(crate) fn create_service(&self, setup: ServiceSetup) -> Result<ServiceKey, ApiError> {
        self.with(|world| world.set_up(setup))
    }

    /// Turns a switch on, and says by which number it can be turned off.
    pub(crate) fn fault(&self, fault: Fault) -> u64 {
        self.with(|world| world.faults.set(fault))
    }

    /// Turns a switch off; all where none is named.
    pub(crate) fn clear_faults(&self, number: Option<u64>) {
        self.with(|world| world.faults.clear(number));
    }

    /// Every call so far.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.with(|world| world.calls.clone())
    }

    /// How many calls of an action there have been so far.
    pub(crate) fn count_calls(&self, action: &str) -> usize {
        self.with(|world| world.calls.iter().filter(|call| call.action == action).count())
    }

    /// Forgets the calls and requests so far.
    pub(crate) fn clear_log(&self) {
        self.with(|world| {
            world.calls.clear();
            world.seen.lock().unwrap_or_else(PoisonError::into_inner).clear();
        });
    }

    /// Every request that any app saw so far.
    pub(crate) fn requests(&self) -> Vec<Seen> {
        self.with(|world| world.seen.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Sets a desired count, as somebody else would.
    pub(crate) fn set_desired(&self, cluster: &str, service: &str, desired: u32) {
        self.with(|world| world.set_desired(&key(cluster, service), desired, false));
    }

    /// Begins a deployment, of another image where one is given, and of other manners where they are given.
    pub(crate) fn deploy(
        &self,
        cluster: &str,
        service: &str,
        image: Option<&str>,
        app: Option<AppBehaviour>,
    ) {
        self.with(|world| {
            let key = key(cluster, service);
            let Some(there) = world.services.get_mut(&key) else { return };
            if let Some(app) = app {
                there.app = app;
            }
            let current =
                there.deployments.first().map(|primary| primary.definition.clone()).unwrap_or_default();
            let mut definition = current.clone();
            if let Some((image, mut input)) = image.zip(world.definition(&current).map(|it| it.shown.clone()))
            {
                input["containerDefinitions"][0]["image"] = image.into();
                if let Ok(new) = world.register_definition(&input) {
                    definition = new.arn;
                }
            }
            world.begin_deployment(&key, &definition);
        });
    }

    /// Stops a task, as a user would; its service makes another one.
    pub(crate) fn stop_task(&self, arn: &str, reason: &str) {
        self.with(|world| world.stop_task(arn, "UserInitiated", reason));
    }

    /// The app of a task ends by itself, if it runs.
    pub(crate) fn crash(&self, arn: &str) {
        self.with(|world| world.crash(arn));
    }

    /// Changes how events get to their queue.
    pub(crate) fn set_bus(&self, change: impl FnOnce(&mut Bus)) {
        self.with(|world| change(&mut world.wings.bus));
    }

    /// Makes a target group, or sets one up anew.
    pub(crate) fn set_group(&self, settings: Settings) {
        self.with(|world| world.wings.groups.set(settings));
    }

    /// Makes a service a scalable target of Application Auto Scaling.
    pub(crate) fn set_scalable(&self, cluster: &str, service: &str, min: i64, max: i64) {
        self.with(|world| {
            let target = ScalableTarget { min, max, suspended: Suspended::default(), created: world.now };
            world.wings.scaling.set(cluster, service, target);
        });
    }

    /// What Application Auto Scaling knows of a service.
    pub(crate) fn scalable(&self, cluster: &str, service: &str) -> Option<ScalableTarget> {
        self.with(|world| world.wings.scaling.get(cluster, service).cloned())
    }

    /// Deletes a service, by force.
    pub(crate) fn delete(&self, cluster: &str, service: &str) {
        self.with(|world| world.delete_service(&key(cluster, service)));
    }

    /// Protects a task from scale-in for a time, or ends that.
    pub(crate) fn protect(&self, arn: &str, time: Option<Duration>) {
        self.with(|world| world.protect(arn, time));
    }

    /// A service as it is.
    pub(crate) fn service(&self, cluster: &str, service: &str) -> Option<Service> {
        self.with(|world| world.services.get(&key(cluster, service)).cloned())
    }

    /// All services.
    pub(crate) fn services(&self) -> Vec<Service> {
        self.with(|world| world.services.values().cloned().collect())
    }

    /// The tasks of a service as long as they can be described, the oldest first.
    pub(crate) fn tasks(&self, cluster: &str, service: &str) -> Vec<Task> {
        self.with(|world| {
            let service = world.services.get(&key(cluster, service));
            let arns = service.into_iter().flat_map(|service| &service.tasks);
            let mut tasks: Vec<_> = arns.filter_map(|arn| world.tasks.get(arn).cloned()).collect();
            tasks.sort_by(|a, b| (a.stamps.created, &a.arn).cmp(&(b.stamps.created, &b.arn)));
            tasks
        })
    }

    /// Whether a service is to have no task, and all that it had are over.
    pub(crate) fn is_asleep(&self, cluster: &str, service: &str) -> bool {
        self.with(|world| {
            let service = world.services.get(&key(cluster, service));
            let tasks =
                service.iter().flat_map(|service| &service.tasks).filter_map(|arn| world.tasks.get(arn));
            service.is_none_or(|service| service.desired == 0)
                && tasks.into_iter().all(|task| task.status == Status::Stopped)
        })
    }

    /// The tags of a service.
    pub(crate) fn tags(&self, cluster: &str, service: &str) -> BTreeMap<String, String> {
        self.service(cluster, service).map(|service| service.tags).unwrap_or_default()
    }

    /// Changes the manners of a service's tasks to come.
    pub(crate) fn set_app(&self, cluster: &str, service: &str, app: AppBehaviour) {
        self.with(|world| {
            if let Some(service) = world.services.get_mut(&key(cluster, service)) {
                service.app = app;
            }
        });
    }

    /// Changes how long things take from here on.
    pub(crate) fn set_timings(&self, change: impl FnOnce(&mut Timings)) {
        self.with(|world| change(&mut world.timings));
    }

    /// Makes reads lag behind, or ends that.
    pub(crate) fn set_stale(&self, stale: Stale) {
        self.with(|world| world.set_stale(stale));
    }

    /// Gives the tasks to come these addresses.
    pub(crate) fn set_addresses(&self, pool: Pool) {
        self.with(|world| world.pool = pool);
    }

    /// Sets the wall clock: the time since 1970 at the start of the simulator.
    pub(crate) fn set_epoch(&self, epoch: Duration) {
        self.with(|world| world.epoch = epoch);
    }

    /// Turns the token buckets on or off.
    pub(crate) fn set_buckets(&self, on: bool) {
        self.with(|world| world.buckets.on = on);
    }

    /// Leaves so many tokens in a bucket: somebody else of the account has used the others.
    pub(crate) fn drain_bucket(&self, name: &str, left: f64) {
        self.with(|world| world.buckets.drain(name, left, world.now));
    }
}

fn key(cluster: &str, service: &str) -> ServiceKey {
    (cluster.to_owned(), service.to_owned())
}
