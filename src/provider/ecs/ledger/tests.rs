//! The bookkeeping, without any request: descriptions, listings and events in, questions and observations out.

mod ask;
mod death;
mod trust;
mod view;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::super::state::{
    Deployment, DeploymentStatus, LastStatus, Rollout, ServiceEvent, ServiceState, ServiceStatus, Task,
    Wanted,
};
use super::*;
use crate::model::Observation;

const SETTLE: Duration = Duration::from_secs(5);

/// One service with its ledger, and a clock that is moved by hand.
struct World {
    ledger: Ledger,
    key: Key,
    seconds: u64,
}

impl World {
    fn new() -> Self {
        let world = Self {
            ledger: Ledger::new(Clock::start(), SETTLE),
            key: Key::new("demo", "arn:aws:ecs:eu-west-1:1:service/demo/web"),
            seconds: 100,
        };
        world.with(|record| record.asked_for_by(&"web".into()));
        world
    }

    fn with<R>(&self, work: impl FnOnce(&mut Record) -> R) -> R {
        self.ledger.with(&self.key, work)
    }

    fn later(&mut self, seconds: u64) -> &mut Self {
        self.seconds += seconds;
        self
    }

    fn now(&self) -> Now {
        Now { time: Time::from_millis(self.seconds * 1000), wall: wall(self.seconds) }
    }

    fn described(&mut self, state: ServiceState) -> &mut Self {
        let now = self.now();
        self.with(|record| record.described(state, now.time, now));
        self
    }

    /// `DescribeTasks` answers this, in a look begun just now.
    fn tasks(&mut self, tasks: &[Task]) -> &mut Self {
        self.tasks_of(self.now().time, tasks)
    }

    fn tasks_of(&mut self, begun: Time, tasks: &[Task]) -> &mut Self {
        let now = self.now();
        self.with(|record| {
            for task in tasks {
                record.task_described(task.clone(), begun, now);
            }
        });
        for task in tasks {
            self.ledger.books.lock().unwrap().claim(&self.key, task);
        }
        self
    }

    fn ask(&self, told: bool) -> Ask {
        let now = self.now();
        self.with(|record| {
            let look = record.look(now.time, told);
            record.ask(&look, now.wall)
        })
    }

    fn seen(&self) -> Observation {
        self.seen_with(None)
    }

    fn seen_with(&self, group: Option<&super::super::state::GroupHealth>) -> Observation {
        let view = View { port: Some(8080), only_running: false, group, now: self.now().time };
        self.ledger.view(&self.key, &view).unwrap()
    }

    fn addresses(&self) -> Vec<String> {
        self.seen().targets.iter().map(|target| target.address.to_string()).collect()
    }

    fn sleep(&mut self) -> &mut Self {
        let now = self.now();
        self.with(|record| {
            record.lowering(now);
            record.lowered(now, true);
        });
        self
    }

    fn wake(&mut self) -> &mut Self {
        let now = self.now().time;
        self.with(|record| {
            record.rising(now);
            record.raised(now);
        });
        self
    }
}

fn wall(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds)
}

fn service(desired: u32, running: u32, pending: u32) -> ServiceState {
    ServiceState {
        arn: "arn:aws:ecs:eu-west-1:1:service/demo/web".to_owned(),
        cluster: "demo".to_owned(),
        name: "web".to_owned(),
        status: ServiceStatus::Active,
        desired,
        running,
        pending,
        daemon: false,
        task_definition: String::new(),
        events: Vec::new(),
        deployments: Vec::new(),
        tags: BTreeMap::new(),
        target_groups: Vec::new(),
        capacity_providers: Vec::new(),
        launch_type: None,
        controller: "ECS".to_owned(),
    }
}

trait With {
    /// The scheduler has said this, at that second.
    fn saying(self, id: &str, seconds: u64, message: &str) -> Self;
    /// Its newest deployment came so far.
    fn rolling(self, rollout: Rollout, reason: &str) -> Self;
}

impl With for ServiceState {
    fn saying(mut self, id: &str, seconds: u64, message: &str) -> Self {
        let message = format!("(service web) {message}");
        self.events.insert(0, ServiceEvent { id: id.to_owned(), at: wall(seconds), message });
        self
    }

    fn rolling(mut self, rollout: Rollout, reason: &str) -> Self {
        self.deployments.push(Deployment {
            id: "ecs-svc/1".to_owned(),
            status: DeploymentStatus::Primary,
            rollout: Some(rollout),
            rollout_reason: Some(reason.to_owned()),
            desired: self.desired,
            running: self.running,
            pending: self.pending,
            failed: 0,
            task_definition: String::new(),
            created_at: None,
        });
        self
    }
}

/// A task that was made at that second, with an address once it is past PROVISIONING.
fn task(id: u8, last: LastStatus, made: u64) -> Task {
    Task {
        arn: arn(id),
        cluster: "demo".to_owned(),
        service: Some("web".to_owned()),
        version: last as u64 + 1,
        last,
        desired: if last > LastStatus::Running { Wanted::Stopped } else { Wanted::Running },
        address: (last > LastStatus::Provisioning).then(|| [10, 0, 0, id].into()),
        created_at: Some(wall(made)),
        stopping_at: None,
        stopped_at: None,
        stop_code: None,
        stopped_reason: None,
        containers: Vec::new(),
        started_by: None,
        task_definition: String::new(),
    }
}

/// A task that died by itself at that second.
fn dead(id: u8, made: u64, died: u64, code: &str, reason: &str) -> Task {
    Task {
        stopping_at: Some(wall(died)),
        stop_code: Some(code.to_owned()),
        stopped_reason: Some(reason.to_owned()),
        ..task(id, LastStatus::Stopped, made)
    }
}

fn arn(id: u8) -> Arc<str> {
    format!("arn:aws:ecs:eu-west-1:1:task/demo/{id}").into()
}
