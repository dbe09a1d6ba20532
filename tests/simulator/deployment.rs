//! Deployments: how they begin, fail, are rolled back and are completed; and what a service says of itself.
//!
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html>

use std::time::Duration;

use super::service::{Deployment, Rollout, ServiceEvent, ServiceKey};
use super::task::Status;
use super::world::World;

/// How many events a service keeps.
const EVENTS: usize = 100;

impl World {
    /// A new deployment of a service, of the given revision.
    pub(super) fn begin_deployment(&mut self, key: &ServiceKey, definition: &str) {
        let id = format!("ecs-svc/{:019}", self.rng.u64(1..10_u64.pow(19)));
        let now = self.now;
        let Some(service) = self.services.get_mut(key) else { return };
        let deployment = Deployment {
            reason: format!("ECS deployment {id} in progress."),
            id: id.clone(),
            definition: definition.to_owned(),
            created: now,
            updated: now,
            rollout: Rollout::InProgress,
            failed: 0,
            running: 0,
            pending: 0,
            proven: false,
        };
        service.deployments.insert(0, deployment);
        (service.failures, service.backoff_until, service.steady) = (0, Duration::ZERO, false);
        service.complaint.clear();
        self.service_changed(key);
        self.report_deployment(key, &id, "SERVICE_DEPLOYMENT_IN_PROGRESS");
        self.look_soon(key);
    }

    /// The circuit breaker: a deployment with too many failed tasks is given up.
    pub(super) fn judge_deployment(&mut self, key: &ServiceKey) {
        let now = self.now;
        let Some(service) = self.services.get_mut(key) else { return };
        let (Some(breaker), wanted) = (service.circuit_breaker, service.desired) else { return };
        let Some(primary) = service.deployments.first_mut() else { return };
        let limit = wanted.div_ceil(2).clamp(3, 200);
        if primary.rollout != Rollout::InProgress || primary.failed < limit {
            return;
        }
        primary.rollout = Rollout::Failed;
        primary.updated = now;
        primary.reason = "ECS deployment circuit breaker: tasks failed to start.".to_owned();
        let failed = primary.id.clone();
        let earlier = service.deployments.iter().position(|each| each.proven).filter(|_| breaker);
        let mut back_to = None;
        if let Some(place) = earlier {
            let mut again = service.deployments.remove(place);
            again.rollout = Rollout::InProgress;
            again.updated = now;
            again.failed = 0;
            again.reason =
                format!("ECS deployment circuit breaker: rolling back to deploymentId {}.", again.id);
            back_to = Some(again.id.clone());
            service.deployments.insert(0, again);
            (service.failures, service.backoff_until) = (0, Duration::ZERO);
        }
        let name = &key.1;
        self.say(
            key,
            &format!("(service {name}) (deployment {failed}) deployment failed: tasks failed to start."),
        );
        self.report_deployment(key, &failed, "SERVICE_DEPLOYMENT_FAILED");
        if let Some(id) = back_to {
            self.say(key, &format!("(service {name}) rolling back to deployment {id}."));
            self.report_deployment(key, &id, "SERVICE_DEPLOYMENT_IN_PROGRESS");
        }
    }

    /// Completes a deployment when all of its tasks run and the others are gone; says when the service is steady.
    pub(super) fn conclude(&mut self, key: &ServiceKey) {
        let Some(service) = self.services.get(key) else { return };
        let Some(primary) = service.deployments.first() else { return };
        let (wanted, live) = (Self::wanted_count(service), self.live(service));
        let done = live.len() == wanted
            && live
                .iter()
                .all(|task| task.started_by.as_ref() == Some(&primary.id) && self.is_healthy(service, task));
        let gone = wanted > 0 || service.running == 0;
        if !done || !gone {
            return;
        }
        // Where nothing checks their health, ECS waits a while until it believes in them.
        let started = live.iter().filter_map(|task| task.stamps.started).max().unwrap_or_default();
        let believed =
            if primary.rollout == Rollout::InProgress { started.max(primary.updated) } else { started };
        let believed =
            if wanted == 0 { self.now } else { believed + self.timings.scaled(self.timings.settle) };
        if believed > self.now {
            let wait = believed - self.now;
            return self.look_in(key, wait);
        }
        let (id, steady) = (primary.id.clone(), service.steady);
        let completes = primary.rollout == Rollout::InProgress;
        if completes {
            self.complete(key, &id);
        }
        if !steady {
            if let Some(service) = self.services.get_mut(key) {
                service.steady = true;
                service.complaint.clear();
            }
            self.say(key, &format!("(service {}) has reached a steady state.", key.1));
            self.tell_service(key, "INFO", "SERVICE_STEADY_STATE", None);
        }
    }

    fn complete(&mut self, key: &ServiceKey, id: &str) {
        let now = self.now;
        let Some(service) = self.services.get_mut(key) else { return };
        service.deployments.truncate(1);
        if let Some(primary) = service.deployments.first_mut() {
            primary.rollout = Rollout::Completed;
            primary.reason = format!("ECS deployment {id} completed.");
            primary.updated = now;
            primary.proven = true;
        }
        self.say(key, &format!("(service {}) (deployment {id}) deployment completed.", key.1));
        self.report_deployment(key, id, "SERVICE_DEPLOYMENT_COMPLETED");
    }

    /// Says that a deployment got somewhere, with its own reason.
    fn report_deployment(&mut self, key: &ServiceKey, id: &str, name: &str) {
        let deployments =
            self.services.get(key).map(|service| service.deployments.as_slice()).unwrap_or_default();
        let reason = deployments.iter().find(|each| each.id == id).map(|each| each.reason.clone());
        let kind = if name.ends_with("FAILED") { "ERROR" } else { "INFO" };
        self.tell_deployment(key, id, kind, name, &reason.unwrap_or_default());
    }

    /// Counts a service's tasks anew.
    pub(super) fn count_tasks(&mut self, key: &ServiceKey) {
        let Some(service) = self.services.get_mut(key) else { return };
        (service.running, service.pending) = (0, 0);
        for deployment in &mut service.deployments {
            (deployment.running, deployment.pending) = (0, 0);
        }
        for task in service.tasks.iter().filter_map(|arn| self.tasks.get(arn)) {
            let counted = match task.status {
                Status::Running => (1, 0),
                Status::Provisioning | Status::Pending | Status::Activating => (0, u32::from(task.wanted())),
                _ => continue,
            };
            service.running += counted.0;
            service.pending += counted.1;
            let own = |each: &&mut Deployment| Some(&each.id) == task.started_by.as_ref();
            if let Some(deployment) = service.deployments.iter_mut().find(own) {
                deployment.running += counted.0;
                deployment.pending += counted.1;
            }
        }
        if service.running + service.pending != service.desired {
            service.steady = false;
        }
        self.service_changed(key);
    }

    /// Takes note that a service has changed, for stale reads.
    pub(super) fn service_changed(&mut self, key: &ServiceKey) {
        let window = self.stale.window;
        if let Some(service) = self.services.get(key).filter(|_| !window.is_zero()) {
            self.services_past.note(key, service.clone(), self.now, window);
        }
    }

    /// Adds a line to a service's events.
    pub(super) fn say(&mut self, key: &ServiceKey, message: &str) {
        let (id, at) = (self.uuid(), self.now);
        if let Some(service) = self.services.get_mut(key) {
            service.events.push_front(ServiceEvent { id, at, message: message.to_owned() });
            service.events.truncate(EVENTS);
        }
        self.service_changed(key);
    }

    /// The same, unless it was the last complaint: ECS does not repeat one for hours.
    pub(super) fn complain(&mut self, key: &ServiceKey, message: &str) {
        let Some(service) = self.services.get_mut(key) else { return };
        if service.complaint != message {
            message.clone_into(&mut service.complaint);
            self.say(key, message);
        }
    }
}
