//! A platform in memory: counts, tasks that start and stop in their time, and addresses that are used again.

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::sleep;
use wakegate::driver::Providers;
use wakegate::model::{Fault, Observation, Spec, Target};
use wakegate::net::BoxFuture;
use wakegate::provider::{Nudge, Provider};

use super::history::{Event, History};
use super::platform::{Mishap, Platform, Software, Start, Trouble};
use super::stage::{End, Listens, Manners, PORT, Run, Stage};

/// How often the platform looks what there is to do.
const STEP: Duration = Duration::from_millis(50);
/// How long a task may take to end.
const FAREWELL: Duration = Duration::from_millis(800);

/// The platform; clones are the same one.
#[derive(Clone)]
pub(crate) struct Plain(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    stage: Stage,
    history: History,
}

struct State {
    rng: fastrand::Rng,
    services: BTreeMap<String, Service>,
    /// Addresses that nobody has, the next to be given first.
    free: VecDeque<Ipv4Addr>,
    /// Addresses of tasks that died without anybody's word: for their own service only. A gateway that is told of
    /// nothing looks at what is awake twice a minute; until then it could not know.
    kept: Vec<(String, Ipv4Addr)>,
    /// The gateways, where the platform tells them of what it does by itself.
    nudges: Option<Vec<Nudge>>,
    /// A task that is told to stop is gone at once, and its address is the next to be given.
    at_once: bool,
    tasks: u32,
    scale: Trouble,
    observe: Trouble,
    calm: bool,
}

#[derive(Default)]
struct Service {
    desired: u32,
    tasks: Vec<Task>,
}

struct Task {
    name: String,
    /// Known once it runs.
    ip: Option<Ipv4Addr>,
    /// It runs and will never listen.
    deaf: bool,
    state: Life,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Life {
    /// Begins to run then.
    Starting(Duration),
    Running,
    /// Gone then.
    Stopping(Duration),
}

impl std::fmt::Debug for Plain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plain").finish_non_exhaustive()
    }
}

impl Plain {
    /// A platform of these services, all asleep.
    pub(crate) fn new(
        seed: u64,
        services: &[String],
        addresses: &[Ipv4Addr],
        stage: Stage,
        history: History,
    ) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let state = State {
            services: services.iter().map(|name| (name.clone(), Service::default())).collect(),
            free: addresses.iter().copied().collect(),
            kept: Vec::new(),
            nudges: rng.bool().then(Vec::new),
            at_once: rng.bool(),
            tasks: 0,
            scale: Trouble::None,
            observe: Trouble::None,
            calm: false,
            rng,
        };
        Self(Arc::new(Shared { state: Mutex::new(state), stage, history }))
    }

    /// Lets everything happen that is due.
    fn advance(&self) {
        let now = self.0.history.now();
        let mut state = self.0.state.lock().unwrap();
        let mut services = std::mem::take(&mut state.services);
        for (name, service) in &mut services {
            self.end(&mut state, service, now);
            self.scale_out(&mut state, name, service, now);
            self.begin(&mut state, name, service, now);
        }
        state.services = services;
    }

    fn end(&self, state: &mut State, service: &mut Service, now: Duration) {
        service.tasks.retain(|task| match (task.state, task.ip) {
            (Life::Stopping(at), ip) if at <= now => {
                self.0.stage.end(&task.name, End::Kill);
                match ip {
                    Some(ip) if state.at_once => state.free.push_front(ip),
                    ip => state.free.extend(ip),
                }
                false
            }
            _ => true,
        });
    }

    fn scale_out(&self, state: &mut State, name: &str, service: &mut Service, now: Duration) {
        while service.wanted() < service.desired {
            state.tasks += 1;
            let begins = now + Duration::from_millis(state.rng.u64(100..900));
            let name = format!("{name}/{}", state.tasks);
            service.tasks.push(Task { name, ip: None, deaf: false, state: Life::Starting(begins) });
        }
    }

    fn begin(&self, state: &mut State, name: &str, service: &mut Service, now: Duration) {
        for task in &mut service.tasks {
            let Life::Starting(at) = task.state else { continue };
            let Some(ip) = (at <= now).then(|| state.address_for(name)).flatten() else { continue };
            // Half of them listen at once, the others later than they are known to run; a few never.
            let millis = if state.rng.bool() { 0 } else { state.rng.u64(0..1500) };
            let listens = match state.rng.u8(..30) {
                0 if !state.calm => Listens::Never,
                1 if !state.calm => Listens::BlackHole,
                _ => Listens::After(Duration::from_millis(millis)),
            };
            task.deaf = !matches!(listens, Listens::After(_));
            let (task_name, service) = (task.name.clone(), name.to_owned());
            self.0.stage.begin(Run { task: task_name, service, ip, listens, warm_at: Some(Duration::ZERO) });
            (task.ip, task.state) = (Some(ip), Life::Running);
            state.nudge(name);
        }
    }

    /// Carries out an order.
    fn order(&self, name: &str, count: u32) {
        let now = self.0.history.now();
        let mut state = self.0.state.lock().unwrap();
        let state = &mut *state;
        let gone = if state.at_once { now } else { now + FAREWELL };
        let Some(service) = state.services.get_mut(name) else { return };
        service.desired = count;
        let mut excess = service.wanted().saturating_sub(count);
        for task in &mut service.tasks {
            if excess > 0 && !matches!(task.state, Life::Stopping(_)) {
                excess -= 1;
                task.state = Life::Stopping(gone);
                self.0.history.tell(Event::Told { task: task.name.clone() });
                if state.at_once {
                    self.0.stage.end(&task.name, End::Kill);
                } else if state.rng.bool() {
                    self.0.stage.end(&task.name, End::Terminate(FAREWELL));
                }
                // Else it does not listen to SIGTERM, and serves whoever comes until it is killed.
            }
        }
    }

    fn seen(&self, spec: &Spec) -> Observation {
        let state = self.0.state.lock().unwrap();
        let Some(service) = state.services.get(&*spec.name) else { return Observation::default() };
        let stopping = service.tasks.len() - service.wanted() as usize;
        let running = service.tasks.iter().filter(|task| task.state == Life::Running);
        let targets = running.filter_map(|task| {
            let address = SocketAddr::from((task.ip?, PORT)).into();
            Some(Target { instance: task.name.as_str().into(), address })
        });
        Observation {
            desired: service.desired,
            running: service.wanted(),
            stopping: u32::try_from(stopping).unwrap_or(u32::MAX),
            targets: targets.collect(),
            ..Observation::default()
        }
    }

    fn roll(&self) -> Duration {
        Duration::from_millis(self.0.state.lock().unwrap().rng.u64(5..80))
    }

    /// The first running task of the service that is such dies.
    fn die(&self, name: &str, such: impl Fn(&Task) -> bool) {
        let mut state = self.0.state.lock().unwrap();
        let state = &mut *state;
        let Some(service) = state.services.get_mut(name) else { return };
        let dying = service.tasks.iter().position(|task| task.state == Life::Running && such(task));
        let Some(at) = dying else { return };
        let task = service.tasks.remove(at);
        self.0.history.tell(Event::Died { task: task.name.clone() });
        self.0.stage.end(&task.name, End::Kill);
        state.kept.extend(task.ip.map(|ip| (name.to_owned(), ip)));
        state.nudge(name);
    }

    fn set_manners(&self, name: Option<&str>, manners: Manners) {
        let state = self.0.state.lock().unwrap();
        for (service, it) in &state.services {
            if name.is_none_or(|name| name == service) {
                it.tasks.iter().for_each(|task| self.0.stage.manners(&task.name, manners));
            }
        }
    }
}

impl State {
    fn address_for(&mut self, service: &str) -> Option<Ipv4Addr> {
        match self.kept.iter().position(|(whose, _)| whose == service) {
            Some(at) => Some(self.kept.remove(at).1),
            None => self.free.pop_front(),
        }
    }

    fn nudge(&self, service: &str) {
        self.nudges.iter().flatten().for_each(|nudge| nudge.look_at(&service.into()));
    }
}

impl Service {
    /// Tasks that were not told to stop.
    fn wanted(&self) -> u32 {
        let wanted = self.tasks.iter().filter(|task| !matches!(task.state, Life::Stopping(_))).count();
        u32::try_from(wanted).unwrap_or(u32::MAX)
    }
}

impl Platform for Plain {
    fn providers(&self, start: Start<'_>) -> Providers {
        if let Some(nudges) = &mut self.0.state.lock().unwrap().nudges {
            nudges.push(start.nudge);
        }
        Providers::from([("ecs".into(), Arc::new(self.clone()) as Arc<dyn Provider>)])
    }

    fn software(&self) -> Software {
        let this = self.clone();
        Box::pin(async move {
            loop {
                this.advance();
                sleep(STEP).await;
            }
        })
    }

    fn mishap(&self, mishap: &Mishap) {
        match mishap {
            Mishap::Scale(trouble) => self.0.state.lock().unwrap().scale = *trouble,
            Mishap::Observe(trouble) => self.0.state.lock().unwrap().observe = *trouble,
            Mishap::Death(service) => self.die(service, |_| true),
            Mishap::Manners(service, manners) => self.set_manners(Some(service), *manners),
            Mishap::Blow(blow) => panic!("{blow:?} befalls Amazon only"),
        }
    }

    fn calm(&self) {
        let services: Vec<String> = {
            let mut state = self.0.state.lock().unwrap();
            (state.scale, state.observe, state.calm) = (Trouble::None, Trouble::None, true);
            state.services.keys().cloned().collect()
        };
        self.set_manners(None, Manners::Good);
        // What would never listen is found out by whoever runs it, and replaced.
        services.iter().for_each(|service| self.die(service, |task| task.deaf));
    }

    fn awake(&self) -> Vec<String> {
        let state = self.0.state.lock().unwrap();
        let awake = state.services.iter().filter(|(_, it)| it.desired > 0 || !it.tasks.is_empty());
        awake.map(|(name, _)| name.clone()).collect()
    }
}

impl Provider for Plain {
    fn scale<'a>(&'a self, spec: &'a Arc<Spec>, count: u32) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async move {
            sleep(self.roll()).await;
            let trouble = self.0.state.lock().unwrap().scale;
            if matches!(trouble, Trouble::None | Trouble::FailsDone | Trouble::HangsDone) {
                self.order(&spec.name, count);
            }
            meet(trouble).await?;
            sleep(self.roll()).await;
            Ok(())
        })
    }

    fn observe<'a>(&'a self, specs: &'a [Arc<Spec>]) -> BoxFuture<'a, Vec<Result<Observation, Fault>>> {
        Box::pin(async move {
            sleep(self.roll()).await;
            let trouble = self.0.state.lock().unwrap().observe;
            if let Err(fault) = meet(trouble).await {
                return specs.iter().map(|_| Err(fault.clone())).collect();
            }
            let seen = specs.iter().map(|spec| Ok(self.seen(spec))).collect();
            sleep(self.roll()).await;
            seen
        })
    }
}

async fn meet(trouble: Trouble) -> Result<(), Fault> {
    match trouble {
        Trouble::None => Ok(()),
        Trouble::Fails | Trouble::FailsDone => Err(Fault::new("the platform has a bad day")),
        Trouble::Hangs | Trouble::HangsDone => std::future::pending().await,
    }
}
