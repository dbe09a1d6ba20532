//! Amazon ECS as the simulator has it, asked by the real provider with the real SDK.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use wakegate::driver::Providers;
use wakegate::provider::Provider;
use wakegate::provider::ecs::{Ecs, Settings};

use super::aws::{EPOCH, sdk_config};
use super::blow::{Blow, Image};
use super::history::{Event, History};
use super::house::{AWS, Ground};
use super::platform::{Mishap, Platform, Software, Start};
use super::stage::{End, Listens, Manners, Run, Stage};
use crate::simulator::app::{AppBehaviour, Death};
use crate::simulator::groups;
use crate::simulator::handle::Simulator;
use crate::simulator::hosts::{self, Count, Hosts, Why};
use crate::simulator::network;
use crate::simulator::past::Stale;
use crate::simulator::pool::{Pool, Reuse};
use crate::simulator::service::{ServiceSetup, ServiceStatus};
use crate::simulator::task::{Status, Task};

/// The cluster of all services.
pub(crate) const CLUSTER: &str = "demo";
/// The queue that ECS's events go to, where they do.
pub(crate) const QUEUE: &str = "events";
/// Where AWS's APIs are.
const PORT: u16 = 80;

/// How Amazon ECS is at the beginning of a story.
#[derive(Clone, Debug)]
pub(crate) struct Nature {
    pub(crate) services: Vec<ServiceSetup>,
    /// How many times faster than the real one it is.
    pub(crate) speed: f64,
    pub(crate) reuse: Reuse,
    /// How long an address is given to nobody that comes back without a gateway's word.
    pub(crate) rest: Duration,
    /// The same for those that come back with it.
    pub(crate) rest_for_all: bool,
    /// Events go to the queue: how often they come twice, out of order and not at all.
    pub(crate) events: Option<[f64; 3]>,
    /// The scalable targets among the services, with the least and the most that they may have.
    pub(crate) scalable: Vec<(String, i64, i64)>,
    pub(crate) groups: Vec<groups::Settings>,
}

/// The platform.
pub(crate) struct Amazon {
    pub(crate) simulator: Simulator,
    seed: u64,
    nature: Nature,
    stage: Stage,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// The switches that are on, by the numbers that the story gave them.
    on: BTreeMap<u8, u64>,
    /// Services that are to be made anew, with their desired counts.
    anew: BTreeMap<String, u32>,
}

impl Amazon {
    /// Everything as `nature` says.
    pub(crate) fn new(ground: &Ground, nature: Nature) -> Self {
        let clock = {
            let history = ground.history.clone();
            Arc::new(move || history.now())
        };
        let hosts = Places { stage: ground.stage.clone(), history: ground.history.clone() };
        let simulator = Simulator::new(ground.seed, clock, Arc::new(hosts));
        simulator.set_epoch(EPOCH);
        let pool = Pool::list(ground.addresses.iter().copied());
        simulator.set_addresses(pool.reusing(nature.reuse).resting(nature.rest, nature.rest_for_all));
        simulator.set_timings(|timings| {
            timings.speed = nature.speed;
            // Who looks after it does not wait for half an hour.
            timings.backoff_limit = Duration::from_secs(60);
        });
        if let Some([duplicate, reorder, lose]) = nature.events {
            simulator.set_bus(|bus| {
                bus.queue = Some(QUEUE.to_owned());
                (bus.duplicate, bus.reorder, bus.lose) = (duplicate, reorder, lose);
            });
        }
        nature.groups.iter().for_each(|group| simulator.set_group(group.clone()));
        for service in &nature.services {
            simulator.create_service(service.clone()).unwrap();
        }
        for (service, min, max) in &nature.scalable {
            simulator.set_scalable(CLUSTER, service, *min, *max);
        }
        let state = Arc::default();
        Self { simulator, seed: ground.seed, nature, stage: ground.stage.clone(), state }
    }

    /// The service's oldest task that runs.
    fn running(&self, service: &str) -> Option<Task> {
        let runs = |task: &Task| task.status == Status::Running && task.wanted();
        self.simulator.tasks(CLUSTER, service).into_iter().find(runs)
    }

    fn blow(&self, blow: &Blow) {
        let simulator = &self.simulator;
        match blow {
            Blow::On(number, fault) => {
                let switch = simulator.fault(fault.clone());
                self.state.lock().unwrap().on.insert(*number, switch);
            }
            Blow::Off(number) => {
                // All are off once it is calm.
                if let Some(switch) = self.state.lock().unwrap().on.remove(number) {
                    simulator.clear_faults(Some(switch));
                }
            }
            Blow::Stale(window) => simulator.set_stale(Stale { window: *window, chance: 0.7 }),
            Blow::Crash(service) => {
                self.running(service).iter().for_each(|task| simulator.crash(&task.arn));
            }
            Blow::Stop(service) => {
                let running = self.running(service);
                running.iter().for_each(|task| simulator.stop_task(&task.arn, "Task stopped by user"));
            }
            Blow::Deploy(service, image) => self.deploy(service, *image),
            Blow::Desired(service, count) => simulator.set_desired(CLUSTER, service, *count),
            Blow::Delete(service) => simulator.delete(CLUSTER, service),
            Blow::Create(service, count) => {
                self.state.lock().unwrap().anew.insert(service.clone(), *count);
                make_anew(simulator, &self.nature, &self.state);
            }
            Blow::Protect(service, time) => {
                self.running(service).iter().for_each(|task| simulator.protect(&task.arn, Some(*time)));
            }
        }
    }

    fn deploy(&self, service: &str, image: Image) {
        let app = self.app_of(service);
        let app = match image {
            Image::Good => app,
            Image::Crashes => {
                let dies = Death { after: Duration::from_millis(100), exit_code: 1, reason: None };
                AppBehaviour { dies: Some(dies), ..app }
            }
            Image::NeverHealthy => AppBehaviour { warm: None, ..app },
        };
        self.simulator.deploy(CLUSTER, service, None, Some(app));
    }

    fn app_of(&self, service: &str) -> AppBehaviour {
        let setup = self.nature.services.iter().find(|setup| setup.name == service);
        setup.map(|setup| setup.app.clone()).unwrap_or_default()
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.nature.services.iter().map(|setup| setup.name.as_str())
    }

    fn set_manners(&self, service: &str, manners: Manners) {
        for task in self.simulator.tasks(CLUSTER, service) {
            self.stage.manners(&task.arn, manners);
        }
    }
}

/// Makes the services that are to be made anew, as far as ECS has done with those of before.
fn make_anew(simulator: &Simulator, nature: &Nature, state: &Mutex<State>) {
    state.lock().unwrap().anew.retain(|service, count| {
        let setup = nature.services.iter().find(|setup| setup.name == *service);
        setup.is_some_and(|setup| simulator.create_service(setup.clone().desired(*count)).is_err())
    });
}

impl Platform for Amazon {
    fn providers(&self, start: Start<'_>) -> Providers {
        let aws = start.aws;
        let settings = Settings {
            budget: aws.budget,
            settle: aws.settle,
            request_timeout: aws.request_timeout,
            auto_scaling: aws.auto_scaling,
            // A message goes to one reader only, and there is one queue.
            queue_url: aws.queue_url.clone().filter(|_| start.gateway == 0),
        };
        let config = sdk_config(&format!("http://{AWS}:{PORT}"));
        let seed = self.seed.wrapping_add(start.gateway.into());
        let ecs = Ecs::new(&config, settings, start.clock, start.nudge, seed);
        Providers::from([("ecs".into(), ecs as Arc<dyn Provider>)])
    }

    fn software(&self) -> Software {
        let (simulator, nature, state) = (self.simulator.clone(), self.nature.clone(), self.state.clone());
        Box::pin(async move {
            let operator = async {
                loop {
                    tokio::time::sleep(Duration::from_millis(500)).await;
                    make_anew(&simulator, &nature, &state);
                }
            };
            tokio::select! {
                biased;
                served = network::serve_api(simulator.clone(), PORT) => served,
                () = operator => Ok(()),
            }
        })
    }

    fn mishap(&self, mishap: &Mishap) {
        match mishap {
            Mishap::Blow(blow) => self.blow(blow),
            Mishap::Death(service) => self.blow(&Blow::Crash(service.clone())),
            Mishap::Manners(service, manners) => self.set_manners(service, *manners),
            Mishap::Scale(_) | Mishap::Observe(_) => panic!("{mishap:?} is not of AWS"),
        }
    }

    fn calm(&self) {
        let simulator = &self.simulator;
        simulator.clear_faults(None);
        simulator.set_stale(Stale::default());
        self.state.lock().unwrap().on.clear();
        for service in self.names() {
            self.set_manners(service, Manners::Good);
            match simulator.service(CLUSTER, service) {
                Some(there) if there.status == ServiceStatus::Active => {
                    for task in simulator.tasks(CLUSTER, service) {
                        simulator.protect(&task.arn, None);
                    }
                    // An operator sees to what does not work.
                    self.deploy(service, Image::Good);
                }
                _ => {
                    self.state.lock().unwrap().anew.entry(service.to_owned()).or_insert(0);
                }
            }
        }
        make_anew(simulator, &self.nature, &self.state);
    }

    fn awake(&self) -> Vec<String> {
        let is_awake = |service: &&str| !self.simulator.is_asleep(CLUSTER, service);
        self.names().filter(is_awake).map(str::to_owned).collect()
    }
}

/// The simulator's tasks on the stage.
struct Places {
    stage: Stage,
    history: History,
}

impl Hosts for Places {
    fn begin(&self, run: hosts::Run) {
        let listens = if run.black_hole { Listens::BlackHole } else { Listens::After(run.listens_after) };
        let hosts::Run { task_arn: task, service, ip, .. } = run;
        self.stage.begin(Run { task, service, ip, listens, warm_at: run.app.warm_at() });
    }

    fn end(&self, task_arn: &str, how: hosts::End) {
        let how = match how {
            // The simulator kills it when its time is over.
            hosts::End::Terminate => End::Terminate(Duration::from_secs(3_600)),
            hosts::End::Kill => End::Kill,
        };
        if how == End::Kill {
            self.history.tell(Event::Gone { task: task_arn.to_owned() });
        }
        self.stage.end(task_arn, how);
    }

    fn told(&self, task_arn: &str, why: Why) {
        let task = task_arn.to_owned();
        match why {
            Why::Ordered => self.history.tell(Event::Told { task }),
            Why::Ended => self.history.tell(Event::Died { task }),
            Why::NeverRan | Why::Other => self.history.tell(Event::Ending { task }),
        }
    }

    fn counted(&self, count: &Count<'_>) {
        let service = count.service.to_owned();
        let Count { from, to, called: by_gateway, .. } = *count;
        self.history.tell(Event::Counted { service, from, to, by_gateway });
    }
}
