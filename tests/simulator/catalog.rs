//! How services are made, changed and deleted.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::agenda::Due;
use super::app::AppBehaviour;
use super::definition;
use super::error::ApiError;
use super::hosts::Count;
use super::service::{Service, ServiceKey, ServiceSetup, ServiceStatus};
use super::task::Status;
use super::world::World;

impl World {
    /// Makes a service, and its cluster and task definition.
    ///
    /// # Errors
    /// There is one of that name.
    pub(super) fn set_up(&mut self, setup: ServiceSetup) -> Result<ServiceKey, ApiError> {
        self.clusters.insert(setup.cluster.clone());
        let definition = self.register_definition(&definition::input_of(&setup))?;
        let mut service = self.blank_service(&setup.cluster, &setup.name);
        let container = definition.container_name();
        service.desired = setup.desired;
        service.app = setup.app;
        service.tags = setup.tags;
        service.scheduling = setup.scheduling;
        service.circuit_breaker = setup.circuit_breaker;
        service.target_groups =
            setup.target_groups.into_iter().map(|arn| (arn, container.clone(), setup.port)).collect();
        service.launch_type = match (&setup.capacity_provider, setup.network_mode.as_str()) {
            (Some(_), _) => None,
            (None, "awsvpc") => Some("FARGATE".to_owned()),
            (None, _) => Some("EC2".to_owned()),
        };
        service.capacity_provider = setup.capacity_provider;
        self.add_service(service, &definition.arn)
    }

    /// A service with what CreateService fills in by itself.
    pub(super) fn blank_service(&self, cluster: &str, name: &str) -> Service {
        Service {
            key: (cluster.to_owned(), name.to_owned()),
            arn: self.arn(&format!("service/{cluster}/{name}")),
            status: ServiceStatus::Active,
            desired: 0,
            called: false,
            running: 0,
            pending: 0,
            created: self.now,
            deployments: Vec::new(),
            events: VecDeque::new(),
            tags: BTreeMap::new(),
            app: AppBehaviour::default(),
            scheduling: "REPLICA".to_owned(),
            launch_type: None,
            capacity_provider: None,
            circuit_breaker: None,
            maximum_percent: 200,
            minimum_healthy_percent: 100,
            grace: Duration::ZERO,
            target_groups: Vec::new(),
            subnets: vec!["subnet-0123456789abcdef0".to_owned()],
            security_groups: vec!["sg-0123456789abcdef0".to_owned()],
            tasks: BTreeSet::new(),
            look_at: None,
            failures: 0,
            backoff_until: Duration::ZERO,
            steady: false,
            complaint: String::new(),
        }
    }

    /// Adds a service that was made, with its first deployment.
    ///
    /// # Errors
    /// There is one of that name.
    pub(super) fn add_service(&mut self, service: Service, definition: &str) -> Result<ServiceKey, ApiError> {
        let key = service.key.clone();
        match self.services.get(&key).map(|there| there.status) {
            Some(ServiceStatus::Active) => {
                return Err(ApiError::invalid("Creation of service was not idempotent."));
            }
            Some(ServiceStatus::Draining) => {
                return Err(ApiError::invalid("Unable to Start a service that is still Draining."));
            }
            Some(ServiceStatus::Inactive) | None => {}
        }
        self.services_past.forget(&key);
        self.services.insert(key.clone(), service);
        self.begin_deployment(&key, definition);
        // One without tasks is deployed by that.
        self.conclude(&key);
        Ok(key)
    }

    /// Sets the desired count. It begins no deployment.
    pub(super) fn set_desired(&mut self, key: &ServiceKey, desired: u32, called: bool) {
        let Some(service) = self.services.get_mut(key) else { return };
        service.called = called;
        self.hosts.counted(&Count { service: &key.1, from: service.desired, to: desired, called });
        if service.desired != desired {
            service.desired = desired;
            service.steady = false;
            self.service_changed(key);
        }
        self.look_soon(key);
    }

    /// Protects a task from scale-in for a time, or ends that.
    pub(super) fn protect(&mut self, arn: &str, time: Option<Duration>) {
        let until = time.map(|time| self.now + time);
        let Some(task) = self.tasks.get_mut(arn) else { return };
        task.protected_until = until;
        if let Some(key) = task.service.clone() {
            self.look_soon(&key);
        }
    }

    /// Deletes a service: its tasks stop, then it is INACTIVE, and after an hour it has never been.
    pub(super) fn delete_service(&mut self, key: &ServiceKey) {
        let Some(service) = self.services.get_mut(key) else { return };
        service.status = ServiceStatus::Draining;
        service.desired = 0;
        let id = service.deployments.first().map_or(String::new(), |primary| primary.id.clone());
        let tasks: Vec<_> = service.tasks.iter().cloned().collect();
        let reason = format!("Scaling activity initiated by (deployment {id})");
        for arn in tasks {
            self.stop_task(&arn, "ServiceSchedulerInitiated", &reason);
        }
        self.service_changed(key);
        self.look_soon(key);
    }

    /// A deleted service whose tasks are all over is INACTIVE.
    pub(super) fn finish_draining(&mut self, key: &ServiceKey) {
        let Some(service) = self.services.get(key) else { return };
        let mut left = service.tasks.iter().filter_map(|arn| self.tasks.get(arn));
        if left.any(|task| task.status != Status::Stopped) {
            return;
        }
        let created = service.created;
        if let Some(service) = self.services.get_mut(key) {
            service.status = ServiceStatus::Inactive;
            service.deployments.clear();
        }
        self.service_changed(key);
        self.agenda.put(self.now + self.timings.memory, Due::ForgetService(key.clone(), created));
    }

    /// A deleted service can no longer be described.
    pub(super) fn forget_service(&mut self, key: &ServiceKey, created: Duration) {
        let same =
            |service: &Service| service.created == created && service.status == ServiceStatus::Inactive;
        if self.services.get(key).is_some_and(same) {
            self.services.remove(key);
            self.services_past.forget(key);
        }
    }
}
