//! The life of a task, step by step.
//!
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html>

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::agenda::Due;
use super::app::{App, AppBehaviour, Death};
use super::definition::Definition;
use super::hosts::{End, Run, Why};
use super::pool::Reuse;
use super::service::{ServiceKey, ServiceStatus};
use super::task::{Doom, Health, Stamps, Status, Task};
use super::world::World;

/// A task that is to be made.
#[derive(Clone, Debug)]
pub(super) struct NewTask {
    pub(super) cluster: String,
    pub(super) service: Option<ServiceKey>,
    pub(super) group: String,
    pub(super) started_by: Option<String>,
    pub(super) definition: Definition,
    pub(super) app: AppBehaviour,
    pub(super) launch_type: Option<String>,
    pub(super) capacity_provider: Option<String>,
}

/// The stop codes of tasks that failed by themselves.
const FAILURES: [&str; 2] = ["TaskFailedToStart", "EssentialContainerExited"];

/// How often a container health check may fail.
const RETRIES: u32 = 3;

impl World {
    /// Makes a task, and says its ARN.
    pub(super) fn create_task(&mut self, new: NewTask) -> String {
        let id = self.hex(32);
        let arn = self.arn(&format!("task/{}/{id}", new.cluster));
        let mut app = new.app;
        let name = new.service.as_ref().map_or(new.definition.family.as_str(), |(_, name)| name);
        let doom = self.draw_doom(name, &new.definition, &mut app);
        let task = Task {
            arn: arn.clone(),
            cluster: new.cluster,
            service: new.service.clone(),
            group: new.group,
            started_by: new.started_by,
            definition: new.definition.arn.clone(),
            status: Status::Provisioning,
            stop_wanted: false,
            version: 0,
            stamps: Stamps { created: self.now, ..Stamps::default() },
            ip: None,
            port: new.definition.port(),
            network_mode: new.definition.network_mode(),
            interface: self.hex(16),
            container: new.definition.container_name(),
            image: new.definition.image(),
            health: Health::Unknown,
            stop_code: None,
            stopped_reason: None,
            exit_code: None,
            container_reason: None,
            launch_type: new.launch_type,
            capacity_provider: new.capacity_provider,
            protected_until: None,
            app,
            ordered: false,
            plan: 0,
            alive: false,
            holds_ip: false,
            doom,
            told: Arc::new(AtomicBool::new(false)),
        };
        self.tasks.insert(arn.clone(), task);
        if let Some(service) = new.service.and_then(|key| self.services.get_mut(&key)) {
            service.tasks.insert(arn.clone());
        }
        self.task_changed(&arn);
        let wait = self.timings.drawn(self.timings.provisioning, &mut self.rng);
        self.plan_step(&arn, wait);
        arn
    }

    /// Tells a task to stop.
    pub(super) fn stop_task(&mut self, arn: &str, code: &str, reason: &str) {
        let now = self.now;
        let Some(task) = self.tasks.get_mut(arn).filter(|task| task.wanted()) else { return };
        task.stop_wanted = true;
        task.told.store(true, Ordering::Release);
        task.plan += 1;
        task.stop_code = Some(code.to_owned());
        task.stopped_reason = Some(reason.to_owned());
        task.stamps.stopping = Some(now);
        let (status, alive) = (task.status, task.alive);
        let never_ran = task.stamps.started.is_none();
        let why = self.why(arn, code);
        self.hosts.told(arn, why);
        let Some(task) = self.tasks.get_mut(arn) else { return };
        task.ordered = why == Why::Ordered;
        let owner = task.service.clone().zip(task.started_by.clone());
        if let Some((key, deployment)) = owner.filter(|_| never_ran && FAILURES.contains(&code)) {
            self.count_failure(&key, &deployment, true);
        }
        match status {
            // What runs is seen to run, and to be told to stop, for a moment.
            Status::Running => {
                self.task_changed(arn);
                let wait = self.timings.drawn(Duration::from_millis(500), &mut self.rng);
                self.plan_step(arn, wait);
            }
            Status::Activating if alive => self.enter(arn, Status::Stopping),
            _ => self.enter(arn, Status::Deprovisioning),
        }
        if let Some(key) = self.tasks.get(arn).and_then(|task| task.service.clone()) {
            self.look_soon(&key);
        }
    }

    fn why(&self, arn: &str, code: &str) -> Why {
        let service = self.tasks.get(arn).and_then(|task| self.services.get(task.service.as_ref()?));
        match code {
            "EssentialContainerExited" => Why::Ended,
            "TaskFailedToStart" => Why::NeverRan,
            _ if service
                .is_some_and(|it| it.called && it.desired == 0 && it.status == ServiceStatus::Active) =>
            {
                Why::Ordered
            }
            _ => Why::Other,
        }
    }

    /// The next step of a task, unless it belongs to a plan that has been dropped.
    pub(super) fn step(&mut self, arn: &str, plan: u32) {
        let Some(task) = self.tasks.get(arn).filter(|task| task.plan == plan) else { return };
        if !task.stop_wanted {
            match &task.doom {
                // It looks again now and then whether there is capacity.
                Some(Doom::NoCapacity) => return self.await_capacity(arn),
                Some(Doom::Fails { at, reason }) if *at == task.status => {
                    let reason = reason.clone();
                    if let Some(task) = self.tasks.get_mut(arn) {
                        task.container_reason = Some(reason.clone());
                    }
                    return self.stop_task(arn, "TaskFailedToStart", &reason);
                }
                _ => {}
            }
        }
        let next = match task.status {
            Status::Provisioning => Status::Pending,
            Status::Pending => Status::Activating,
            Status::Activating if !task.alive => return self.start_container(arn),
            Status::Activating => Status::Running,
            Status::Running => Status::Deactivating,
            Status::Deactivating => Status::Stopping,
            Status::Stopping => Status::Deprovisioning,
            Status::Deprovisioning | Status::Stopped => Status::Stopped,
        };
        self.enter(arn, next);
    }

    /// The container of a task ends by itself.
    pub(super) fn exit(&mut self, arn: &str, plan: u32) {
        let now = self.now;
        let Some(task) = self.tasks.get_mut(arn).filter(|task| task.plan == plan) else { return };
        let Some(death) = task.app.dies.clone() else { return };
        task.alive = false;
        task.exit_code = Some(death.exit_code);
        task.container_reason = death.reason;
        task.stamps.execution_stopped = Some(now);
        self.hosts.end(arn, End::Kill);
        self.stop_task(arn, "EssentialContainerExited", "Essential container in task exited");
    }

    /// The container of a task that runs ends at once, by itself.
    pub(super) fn crash(&mut self, arn: &str) {
        let Some(task) = self.tasks.get_mut(arn).filter(|task| task.alive && task.wanted()) else { return };
        task.app.dies = Some(Death { after: Duration::ZERO, exit_code: 1, reason: None });
        let plan = task.plan;
        self.exit(arn, plan);
    }

    /// The container health check of a task passes.
    pub(super) fn pass_health_check(&mut self, arn: &str, plan: u32) {
        if let Some(task) = self.tasks.get_mut(arn).filter(|task| task.plan == plan) {
            task.health = Health::Healthy;
            self.task_changed(arn);
        }
    }

    /// A health check has failed too often.
    pub(super) fn give_up(&mut self, arn: &str, plan: u32, reason: &str) {
        let Some(task) = self.tasks.get_mut(arn).filter(|task| task.plan == plan) else { return };
        if reason.contains("container health") {
            task.health = Health::Unhealthy;
        }
        let (service, by) = (task.service.clone(), task.started_by.clone());
        if let Some((key, by)) = service.zip(by) {
            self.count_failure(&key, &by, false);
        }
        self.stop_task(arn, "ServiceSchedulerInitiated", reason);
    }

    /// A stopped task can no longer be described.
    pub(super) fn forget_task(&mut self, arn: &str) {
        self.tasks_past.forget(&arn.to_owned());
        let Some(task) = self.tasks.remove(arn) else { return };
        if let Some(service) = task.service.and_then(|key| self.services.get_mut(&key)) {
            service.tasks.remove(arn);
        }
    }

    /// Takes note that a task has changed: its version, its service's counts, its past, its event.
    pub(super) fn task_changed(&mut self, arn: &str) {
        let Some(task) = self.tasks.get_mut(arn) else { return };
        task.version += 1;
        let (task, window) = (task.clone(), self.stale.window);
        if !window.is_zero() {
            self.tasks_past.note(&task.arn, task.clone(), self.now, window);
        }
        if let Some(key) = &task.service {
            self.count_tasks(key);
        }
        self.tell_task(&task);
    }

    fn plan_step(&mut self, arn: &str, wait: Duration) {
        if let Some(task) = self.tasks.get(arn) {
            let due = Due::Step { task: arn.to_owned(), plan: task.plan };
            self.agenda.put(self.now.saturating_add(wait), due);
        }
    }

    /// Enters a state and plans the next.
    fn enter(&mut self, arn: &str, status: Status) {
        let (now, timings) = (self.now, self.timings.clone());
        if status == Status::Pending && !self.give_address(arn) {
            return self.await_capacity(arn);
        }
        let Some(task) = self.tasks.get_mut(arn) else { return };
        task.status = status;
        let wait = match status {
            Status::Provisioning => timings.drawn(timings.provisioning, &mut self.rng),
            Status::Pending => {
                task.stamps.connectivity = Some(now);
                timings.drawn(timings.pending, &mut self.rng)
            }
            Status::Activating => {
                task.stamps.pull_started = Some(now);
                let pull = timings.activating.saturating_sub(timings.head_start);
                timings.drawn(pull, &mut self.rng)
            }
            Status::Running => {
                task.stamps.started = Some(now);
                self.task_runs(arn);
                return self.task_changed(arn);
            }
            Status::Deactivating => {
                let drained = self.deregister_targets(arn).saturating_sub(now);
                self.say_targets(arn, "deregistered");
                drained.max(timings.drawn(timings.deactivating, &mut self.rng))
            }
            Status::Stopping => self.terminate(arn),
            Status::Deprovisioning => {
                self.end_container(arn);
                timings.drawn(timings.deprovisioning, &mut self.rng)
            }
            Status::Stopped => {
                task.stamps.stopped = Some(now);
                self.release_address(arn);
                self.agenda.put(now + timings.memory, Due::Forget(arn.to_owned()));
                self.task_changed(arn);
                return self.task_stopped(arn);
            }
        };
        self.task_changed(arn);
        self.plan_step(arn, wait);
    }

    /// The images are there; the container starts, and its app with it.
    fn start_container(&mut self, arn: &str) {
        let timings = self.timings.clone();
        let clock = self.clock.clone();
        let Some(task) = self.tasks.get_mut(arn) else { return };
        let Some(ip) = task.ip else { return };
        task.alive = true;
        task.stamps.pull_stopped = Some(self.now);
        let (plan, boot) = (task.plan, task.app.boot);
        let warm_at = task.app.warm.map(|warm| self.now.saturating_add(boot).saturating_add(warm));
        let service = match &task.service {
            Some((_, name)) => name.clone(),
            None => task.group.trim_start_matches("family:").to_owned(),
        };
        let run = Run {
            task_arn: arn.to_owned(),
            service: service.clone(),
            ip,
            port: task.port,
            listens_after: boot,
            black_hole: task.app.black_hole,
            app: App {
                task_arn: arn.into(),
                service: service.into(),
                behaviour: Arc::new(task.app.clone()),
                warm_at,
                told_to_stop: task.told.clone(),
                seen: self.seen.clone(),
                clock,
            },
        };
        let dies = task.app.dies.as_ref().map(|death| death.after);
        let checked = self.definition(&self.tasks[arn].definition).and_then(Definition::health_check);
        self.hosts.begin(run);
        if let Some(after) = dies {
            self.agenda.put(self.now + after, Due::Exit { task: arn.to_owned(), plan });
        }
        if let Some(interval) = checked.map(|interval| timings.scaled(interval)) {
            self.plan_health_check(arn, plan, interval, warm_at);
        }
        self.register_targets(arn);
        self.say_targets(arn, "registered");
        self.task_changed(arn);
        let wait = timings.drawn(timings.head_start, &mut self.rng);
        self.plan_step(arn, wait);
    }

    /// The check passes at its first round after the app is warm, or gives up after too many.
    fn plan_health_check(&mut self, arn: &str, plan: u32, interval: Duration, warm_at: Option<Duration>) {
        let task = arn.to_owned();
        let began = self.now;
        let warm_after = warm_at.map(|warm_at| warm_at.saturating_sub(began));
        let rounds = (1..=RETRIES).find(|round| warm_after.is_some_and(|warm| warm <= interval * *round));
        let (at, due) = match rounds {
            Some(round) => (began + interval * round, Due::Healthy { task, plan }),
            None => {
                let reason = "Task failed container health checks".to_owned();
                (began + interval * RETRIES, Due::GiveUp { task, plan, reason })
            }
        };
        self.agenda.put(at, due);
    }

    /// SIGTERM; says how long it takes until the container is gone.
    fn terminate(&mut self, arn: &str) -> Duration {
        let Some(task) = self.tasks.get_mut(arn) else { return Duration::ZERO };
        // One that is to rest would not be given away, but its container would be killed at once for nothing.
        let at_once = self.pool.reuse == Reuse::AtOnce && (task.ordered || self.pool.rest.is_zero());
        let own = self.definitions.get(family_of(&task.definition)).and_then(|all| all.last());
        let limit = own.and_then(Definition::stop_timeout).unwrap_or(self.timings.stop_timeout);
        let limit = self.timings.scaled(limit);
        if !task.alive {
            return Duration::ZERO;
        }
        let wait = task.app.farewell.min(limit);
        task.exit_code = Some(if task.app.farewell <= limit { 0 } else { 137 });
        if at_once {
            self.end_container(arn);
            self.release_address(arn);
        } else {
            self.hosts.end(arn, End::Terminate);
        }
        wait
    }

    /// The container is gone.
    fn end_container(&mut self, arn: &str) {
        let now = self.now;
        let Some(task) = self.tasks.get_mut(arn) else { return };
        task.stamps.execution_stopped.get_or_insert(now);
        if task.alive {
            task.alive = false;
            self.hosts.end(arn, End::Kill);
        }
    }

    /// Gives a task an address; false where there is none.
    fn give_address(&mut self, arn: &str) -> bool {
        let ip = self.pool.take(self.now);
        if let Some(task) = self.tasks.get_mut(arn) {
            task.ip = ip;
            task.holds_ip = ip.is_some();
        }
        ip.is_some()
    }

    /// Takes a task's address from it. The task goes on showing it, as ECS does.
    fn release_address(&mut self, arn: &str) {
        let Some(task) = self.tasks.get_mut(arn).filter(|task| task.holds_ip) else { return };
        task.holds_ip = false;
        let rests = self.pool.rest_for_all || !task.ordered;
        let rest = if rests { self.pool.rest } else { Duration::ZERO };
        if let Some(ip) = task.ip {
            self.pool.give_back(ip, self.now.saturating_add(rest));
        }
    }

    /// Looks again later whether there is room for a task.
    fn await_capacity(&mut self, arn: &str) {
        let group = self.tasks.get(arn).map(|task| task.group.trim_start_matches("service:").to_owned());
        let still = self.faults.all().iter().any(|(_, fault)| {
            fault.kind == super::fault::FaultKind::NoCapacity
                && fault.service.as_ref().is_none_or(|only| Some(only) == group.as_ref())
        });
        if let Some(task) = self.tasks.get_mut(arn).filter(|_| !still) {
            task.doom = None;
        }
        let wait = self.timings.scaled(Duration::from_secs(5));
        self.plan_step(arn, wait);
    }
}

/// The family in a task definition's ARN.
fn family_of(arn: &str) -> &str {
    let name = arn.rsplit('/').next().unwrap_or(arn);
    name.split(':').next().unwrap_or(name)
}
