//! What stands around ECS: the queues, the event bus, the target groups, the scalable targets; and what the world does
//! to them when something happens in it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Notify;

use super::balancers;
use super::ecs::show::show_task;
use super::error::ApiError;
use super::events::{self, Bus, Event};
use super::groups::{Address, Check, Settings, TargetGroups};
use super::handle::Simulator;
use super::queue::Queues;
use super::queue_api::{self, Step};
use super::scaling::Scaling;
use super::service::ServiceKey;
use super::task::Task;
use super::wire::{ACCOUNT, Api, Asked};
use super::world::World;

/// What stands around ECS.
#[derive(Debug, Default)]
pub(crate) struct Wings {
    pub(crate) queues: Queues,
    pub(crate) groups: TargetGroups,
    pub(crate) scaling: Scaling,
    pub(crate) bus: Bus,
    /// Rung for the long polls when there may be something to receive.
    mail: Arc<Notify>,
}

impl World {
    // === Events ===

    /// A task has changed.
    pub(super) fn tell_task(&mut self, task: &Task) {
        if !self.wings.bus.is_on() {
            return;
        }
        let event = events::task_state_change(show_task(self, task), self.now + self.epoch);
        self.publish(&event);
    }

    /// Something happened to a service: `INFO`, `WARN` or `ERROR`, and `SERVICE_STEADY_STATE` or the like.
    pub(super) fn tell_service(&mut self, key: &ServiceKey, kind: &str, name: &str, reason: Option<&str>) {
        let (cluster, service) = (format!("cluster/{}", key.0), format!("service/{}/{}", key.0, key.1));
        let (cluster, service) = (self.arn(&cluster), self.arn(&service));
        self.publish(&events::service_action(&service, &cluster, kind, name, reason, self.now + self.epoch));
    }

    /// A deployment of a service got somewhere: `SERVICE_DEPLOYMENT_COMPLETED` or the like.
    pub(super) fn tell_deployment(
        &mut self,
        key: &ServiceKey,
        id: &str,
        kind: &str,
        name: &str,
        reason: &str,
    ) {
        let service = self.arn(&format!("service/{}/{}", key.0, key.1));
        self.publish(&events::deployment_state_change(
            &service,
            id,
            kind,
            name,
            reason,
            self.now + self.epoch,
        ));
    }

    fn publish(&mut self, event: &Event) {
        let Wings { queues, bus, mail, .. } = &mut self.wings;
        let delay = |published: Duration| self.timings.scaled(published);
        bus.publish(queues, event, self.now, self.epoch, delay, &mut self.rng);
        mail.notify_waiters();
    }

    // === Target groups ===

    /// The container of a task has started: its targets are registered.
    pub(super) fn register_targets(&mut self, arn: &str) {
        for (group, address) in self.targets_of(arn) {
            let phase = self.rng.f64();
            self.wings.groups.register(&group, address, phase, self.now);
        }
    }

    /// A task is taken out of its target groups; says when it has drained.
    pub(super) fn deregister_targets(&mut self, arn: &str) -> Duration {
        let targets = self.targets_of(arn);
        let drained =
            targets.iter().map(|(group, address)| self.wings.groups.deregister(group, *address, self.now));
        drained.max().unwrap_or(self.now)
    }

    fn targets_of(&self, arn: &str) -> Vec<(String, Address)> {
        let Some((task, ip)) = self.tasks.get(arn).and_then(|task| Some((task, task.ip?))) else {
            return Vec::new();
        };
        let service = task.service.as_ref().and_then(|key| self.services.get(key));
        let groups = service.map(|service| service.target_groups.as_slice()).unwrap_or_default();
        groups.iter().map(|(group, _, port)| (group.clone(), (ip, *port))).collect()
    }

    /// Carries out the health checks that are due, and ends the drains that are over.
    pub(super) fn check_targets(&mut self, now: Duration) {
        if self.wings.groups.next_due().is_none_or(|due| due > now) {
            return;
        }
        let tasks = &self.tasks;
        self.wings.groups.advance(now, |settings, address, at| {
            let task = tasks
                .values()
                .find(|task| task.alive && task.ip == Some(address.0) && task.port == address.1);
            task.map_or(Check::Refused, |task| look(task, settings, at))
        });
    }

    // === Calls ===

    /// Answers a call of one of the wings' APIs but SQS.
    pub(super) fn answer_wings(&mut self, asked: &Asked) -> Result<Value, ApiError> {
        match asked.api {
            Api::Balancers => balancers::answer(&self.wings.groups, &asked.action, &asked.params),
            Api::Scaling => self.answer_scaling(asked),
            Api::Identity if asked.action == "GetCallerIdentity" => Ok(json!({
                "Account": ACCOUNT,
                "Arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/simulator/session"),
                "UserId": "AROA5IMULATOR:session",
            })),
            Api::Identity => Err(ApiError::new("InvalidAction", "")),
            Api::Ecs | Api::Queues => Err(ApiError::new("UnknownOperationException", "")),
        }
    }

    fn answer_scaling(&mut self, asked: &Asked) -> Result<Value, ApiError> {
        let services = &self.services;
        let known =
            |cluster: &str, service: &str| services.contains_key(&(cluster.to_owned(), service.to_owned()));
        let scaling = &mut self.wings.scaling;
        let (answer, clamp) = scaling.answer(&asked.action, &asked.params, self.now, self.epoch, known)?;
        if let Some(clamp) = clamp {
            let key = (clamp.cluster, clamp.service);
            let desired = self.services.get(&key).map(|service| i64::from(service.desired));
            if let Some(desired) = desired {
                let within = desired.clamp(clamp.min, clamp.max);
                if within != desired {
                    self.set_desired(&key, u32::try_from(within).unwrap_or_default(), false);
                }
            }
        }
        Ok(answer)
    }
}

/// What the app of a task answers to a health check at a time, by what is known of it.
fn look(task: &Task, settings: &Settings, at: Duration) -> Check {
    let Some(began) = task.stamps.pull_stopped else { return Check::Refused };
    let app = &task.app;
    if app.black_hole {
        return Check::Timeout;
    }
    let listens = began.saturating_add(app.boot);
    if at < listens {
        return Check::Refused;
    }
    if app.think > settings.timeout {
        return Check::Timeout;
    }
    let warm = app.warm.is_some_and(|warm| at >= listens.saturating_add(warm));
    Check::Status(if warm { app.status } else { 503 })
}

impl Simulator {
    /// Answers a call of SQS; a long poll may take its time. `host` is what the caller asked.
    pub(super) async fn answer_queues(&self, asked: &Asked, host: &str) -> Result<Value, ApiError> {
        let began = self.now();
        let mail = self.with(|world| world.wings.mail.clone());
        loop {
            let rung = mail.notified();
            tokio::pin!(rung);
            // From here on no ring is missed, and only then it is looked.
            rung.as_mut().enable();
            let step = self.with(|world| {
                let (now, epoch) = (world.now, world.epoch);
                let (action, params) = (asked.action.as_str(), &asked.params);
                let request = queue_api::Request { action, params, host, began, now, epoch };
                let step = queue_api::answer(&mut world.wings.queues, request);
                // A message was sent, or is to be had again.
                if matches!(
                    action,
                    "SendMessage" | "ChangeMessageVisibility" | "ChangeMessageVisibilityBatch"
                ) {
                    world.wings.mail.notify_waiters();
                }
                step
            })?;
            match step {
                Step::Done(answer) => return Ok(answer),
                Step::Wait(until) => {
                    let wait = until.saturating_sub(self.now());
                    let _rung_or_late = tokio::time::timeout(wait, rung).await;
                }
            }
        }
    }
}
