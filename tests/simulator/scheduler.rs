//! The service scheduler: it makes and stops tasks until there are as many as desired.
//!
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-throttle-logic.html>

use std::time::Duration;

use super::agenda::Due;
use super::definition::Definition;
use super::fault::FaultKind;
use super::lifecycle::NewTask;
use super::service::{Deployment, Rollout, Service, ServiceKey, ServiceStatus};
use super::task::{Health, Status, Task};
use super::world::World;

/// What the scheduler does in one look at a service.
#[derive(Debug, Default)]
struct Moves {
    start: usize,
    stop: Vec<String>,
    /// It would stop more, but they are protected.
    protected: bool,
}

impl World {
    /// The scheduler looks at a service in a moment.
    pub(super) fn look_soon(&mut self, key: &ServiceKey) {
        let wait = self.timings.drawn(self.timings.schedule, &mut self.rng);
        self.look_in(key, wait);
    }

    /// The scheduler looks at a service after a time, unless it looks earlier anyway.
    pub(super) fn look_in(&mut self, key: &ServiceKey, wait: Duration) {
        let at = self.now + wait;
        let Some(service) = self.services.get_mut(key) else { return };
        if service.look_at.is_none_or(|planned| planned > at) {
            service.look_at = Some(at);
            self.agenda.put(at, Due::Schedule(key.clone()));
        }
    }

    /// The scheduler looks at a service.
    pub(super) fn look_at(&mut self, key: &ServiceKey) {
        let now = self.now;
        let Some(service) = self.services.get_mut(key) else { return };
        if service.look_at.is_none_or(|planned| planned > now) {
            return;
        }
        service.look_at = None;
        match service.status {
            ServiceStatus::Active => {
                self.judge_deployment(key);
                self.make_and_stop(key);
                self.conclude(key);
                self.await_health(key);
            }
            ServiceStatus::Draining => self.finish_draining(key),
            ServiceStatus::Inactive => {}
        }
    }

    /// Looks again at a service with tasks that run and are not healthy yet: what is to stop may wait for them.
    fn await_health(&mut self, key: &ServiceKey) {
        let Some(service) = self.services.get(key) else { return };
        let is_awaited = |task: &&Task| task.status == Status::Running && !self.is_healthy(service, task);
        if self.live(service).iter().any(is_awaited) {
            self.look_in(key, self.timings.scaled(Duration::from_secs(5)));
        }
    }

    /// How many tasks a service is to have: a daemon service one on each of its cluster's instances, of which there
    /// is one.
    pub(super) fn wanted_count(service: &Service) -> usize {
        if service.scheduling == "DAEMON" { 1 } else { service.desired as usize }
    }

    /// The tasks of a service that exist and were not told to stop, the oldest first.
    pub(super) fn live(&self, service: &Service) -> Vec<&Task> {
        let tasks = service.tasks.iter().filter_map(|arn| self.tasks.get(arn));
        let mut live: Vec<_> = tasks.filter(|task| task.wanted()).collect();
        live.sort_by(|a, b| (a.stamps.created, &a.arn).cmp(&(b.stamps.created, &b.arn)));
        live
    }

    /// It runs, and whatever checks its health is content.
    pub(super) fn is_healthy(&self, service: &Service, task: &Task) -> bool {
        let checked = self.definition(&task.definition).and_then(Definition::health_check).is_some();
        task.wanted()
            && task.status == Status::Running
            && (!checked || task.health == Health::Healthy)
            && self.targets_healthy(service, task)
    }

    fn make_and_stop(&mut self, key: &ServiceKey) {
        let Some(service) = self.services.get(key) else { return };
        let Some(primary) = service.deployments.first().cloned() else { return };
        let (name, backoff_until) = (key.1.clone(), service.backoff_until);
        let moves = self.moves(service, &primary);
        if moves.start > 0 {
            if backoff_until > self.now {
                self.look_in(key, backoff_until - self.now);
            } else if self.place(key) {
                self.start_tasks(key, &primary, moves.start);
            }
        }
        if !moves.stop.is_empty() {
            let reason = format!("Scaling activity initiated by (deployment {})", primary.id);
            let named: Vec<_> =
                moves.stop.iter().map(|arn| format!("(task {})", super::call::last_part(arn))).collect();
            for arn in &moves.stop {
                self.stop_task(arn, "ServiceSchedulerInitiated", &reason);
            }
            self.say(
                key,
                &format!("(service {name}) has stopped {} running tasks: {}.", named.len(), named.join(" ")),
            );
        }
        if moves.protected {
            let message = format!(
                "(service {name}) was unable to reach steady state because task set ({}) was unable to scale in. \
                 Reason: The number of protected tasks are more than the desired count of tasks.",
                primary.id
            );
            self.complain(key, &message);
            let again = self.timings.scaled(Duration::from_secs(30));
            self.look_in(key, again);
        }
    }

    /// What to do. In a deployment the new ones come first and the old go when they are not needed any more.
    fn moves(&self, service: &Service, primary: &Deployment) -> Moves {
        let wanted = Self::wanted_count(service);
        let live = self.live(service);
        let (new, old): (Vec<&Task>, Vec<&Task>) =
            live.iter().partition(|task| task.started_by.as_ref() == Some(&primary.id));
        let most = if old.is_empty() { wanted } else { wanted * service.maximum_percent as usize / 100 };
        let mut start = wanted.saturating_sub(new.len()).min(most.saturating_sub(live.len()));
        if primary.rollout == Rollout::Failed {
            start = 0;
        }
        let healthy = live.iter().filter(|task| self.is_healthy(service, task)).count();
        let least = (wanted * service.minimum_healthy_percent as usize).div_ceil(100);
        let mut spare = healthy.saturating_sub(least);
        let mut surplus = new.len().saturating_sub(wanted);
        // What does not run yet goes first; then the youngest.
        let first_to_go = |tasks: &mut Vec<&Task>| tasks.sort_by_key(|task| task.status == Status::Running);
        let (mut new, mut old) = (new, old);
        new.reverse();
        first_to_go(&mut new);
        first_to_go(&mut old);
        let mut moves = Moves { start, ..Moves::default() };
        let mut old_protected = false;
        for task in old {
            let running = self.is_healthy(service, task);
            if running && spare == 0 {
                continue;
            }
            if self.is_protected(task) {
                old_protected = true;
                continue;
            }
            spare -= usize::from(running);
            moves.stop.push(task.arn.clone());
        }
        for task in new {
            if surplus == 0 {
                break;
            }
            if self.is_protected(task) {
                continue;
            }
            surplus -= 1;
            moves.stop.push(task.arn.clone());
        }
        moves.protected = old_protected || surplus > 0;
        moves
    }

    fn is_protected(&self, task: &Task) -> bool {
        task.protected_until.is_some_and(|until| until > self.now)
    }

    /// Whether a task can be placed; says why where it cannot.
    fn place(&mut self, key: &ServiceKey) -> bool {
        let fits = |kind: &FaultKind| *kind == FaultKind::PlacementFailure;
        if self.faults.strike_task(&key.1, &mut self.rng, fits).is_none() {
            return true;
        }
        let on_fargate = self.services.get(key).is_some_and(|service| {
            let of = |text: &Option<String>| text.as_deref().is_some_and(|text| text.starts_with("FARGATE"));
            of(&service.launch_type) || of(&service.capacity_provider)
        });
        let (why, reason) = if on_fargate {
            let why = "was unable to place a task. Reason: Capacity is unavailable at this time. Please try again \
                       later or in a different availability zone.";
            (why, "RESOURCE:FARGATE")
        } else {
            let why = "was unable to place a task because no container instance met all of its requirements. Reason: \
                       No Container Instances were found in your cluster.";
            (why, "RESOURCE:MEMORY")
        };
        let more = "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.";
        self.complain(key, &format!("(service {}) {why} {more}", key.1));
        self.tell_service(key, "ERROR", "SERVICE_TASK_PLACEMENT_FAILURE", Some(reason));
        let again = self.timings.scaled(Duration::from_secs(15));
        self.look_in(key, again);
        false
    }

    fn start_tasks(&mut self, key: &ServiceKey, primary: &Deployment, count: usize) {
        let Some(service) = self.services.get(key) else { return };
        let Some(definition) = self.definition(&primary.definition).cloned() else { return };
        let new = NewTask {
            cluster: key.0.clone(),
            service: Some(key.clone()),
            group: format!("service:{}", key.1),
            started_by: Some(primary.id.clone()),
            definition,
            app: service.app.clone(),
            launch_type: service.launch_type.clone(),
            capacity_provider: service.capacity_provider.clone(),
        };
        let arns: Vec<_> = (0..count).map(|_| self.create_task(new.clone())).collect();
        let named: Vec<_> =
            arns.iter().map(|arn| format!("(task {})", super::call::last_part(arn))).collect();
        self.say(key, &format!("(service {}) has started {count} tasks: {}.", key.1, named.join(" ")));
    }

    /// A task could not be started, or did not become healthy. One that never ran makes the scheduler pause, longer
    /// each time.
    pub(super) fn count_failure(&mut self, key: &ServiceKey, deployment: &str, never_ran: bool) {
        let (now, timings) = (self.now, self.timings.clone());
        let Some(service) = self.services.get_mut(key) else { return };
        if let Some(deployment) = service.deployments.iter_mut().find(|each| each.id == deployment) {
            deployment.failed += 1;
            deployment.updated = now;
        }
        if !never_ran {
            return;
        }
        service.failures += 1;
        let Some(doublings) = service.failures.checked_sub(2) else { return };
        let pause = timings.backoff.saturating_mul(1 << doublings.min(20)).min(timings.backoff_limit);
        service.backoff_until = now + timings.scaled(pause);
        if doublings > 0 {
            let message = format!(
                "(service {}) is unable to consistently start tasks successfully. For more information, see the \
                 Troubleshooting section of the Amazon ECS Developer Guide.",
                key.1
            );
            self.complain(key, &message);
            self.tell_service(key, "WARN", "SERVICE_TASK_START_IMPAIRED", None);
        }
    }

    /// A task of a service runs.
    pub(super) fn task_runs(&mut self, arn: &str) {
        let Some(task) = self.tasks.get(arn) else { return };
        let (plan, Some(key)) = (task.plan, task.service.clone()) else { return };
        if let Some(service) = self.services.get_mut(&key) {
            service.failures = 0;
            service.backoff_until = Duration::ZERO;
        }
        self.look_soon(&key);
        let kills = |kind: &FaultKind| matches!(kind, FaultKind::HealthCheckKill { .. });
        let kill = self.faults.strike_task(&key.1, &mut self.rng, kills);
        if let Some(FaultKind::HealthCheckKill { after }) = kill {
            let group = self.services.get(&key).and_then(|service| service.target_groups.first());
            let group = group.map_or_else(
                || {
                    format!(
                        "arn:aws:elasticloadbalancing:{}:{}:targetgroup/{}/0",
                        self.region, self.account, key.1
                    )
                },
                |(arn, ..)| arn.clone(),
            );
            let reason = format!("Task failed ELB health checks in (target-group {group})");
            self.agenda.put(self.now + after, Due::GiveUp { task: arn.to_owned(), plan, reason });
        }
    }

    /// A task is over.
    pub(super) fn task_stopped(&mut self, arn: &str) {
        if let Some(key) = self.tasks.get(arn).and_then(|task| task.service.clone()) {
            self.look_soon(&key);
        }
    }
}
