//! A provider that does at once what it is told, and a driver over it.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::sync::watch;
use wakegate::admin::{Admin, AdminOptions};
use wakegate::clock::Clock;
use wakegate::driver::{self, Control, Options, Providers};
use wakegate::metrics::{self, Metrics};
use wakegate::model::{
    Condition, Dependency, Fault, Graph, Kind, Observation, Phase, Spec, StartOrder, Target,
};
use wakegate::net::{BoxFuture, TokioNet};
use wakegate::provider::{Nudge, Provider};

/// Services that exist in memory only.
#[derive(Debug)]
pub(crate) struct Fake {
    counts: Mutex<HashMap<Arc<str>, u32>>,
    /// Services that cannot be started.
    broken: HashSet<&'static str>,
    nudge: Nudge,
}

impl Provider for Fake {
    fn scale<'a>(&'a self, spec: &'a Arc<Spec>, count: u32) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async move {
            if count > 0 && self.broken.contains(&*spec.name) {
                return Err(Fault::terminal("there is no such program"));
            }
            self.counts.lock().unwrap().insert(spec.name.clone(), count);
            self.nudge.look_at(&spec.name);
            Ok(())
        })
    }

    fn observe<'a>(&'a self, specs: &'a [Arc<Spec>]) -> BoxFuture<'a, Vec<Result<Observation, Fault>>> {
        Box::pin(async move {
            let counts = self.counts.lock().unwrap();
            let seen = specs.iter().map(|spec| {
                let count = counts.get(&spec.name).copied().unwrap_or(0);
                let target =
                    || Target { instance: "1".into(), address: SocketAddr::from(([127, 0, 0, 1], 9)).into() };
                Ok(Observation {
                    desired: count,
                    running: count,
                    targets: (0..count.min(1)).map(|_| target()).collect(),
                    ..Observation::default()
                })
            });
            seen.collect()
        })
    }
}

/// A driver with `web`, which needs `db`; `broken`, which cannot be started; and `far`, which never sleeps.
pub(crate) struct House {
    pub(crate) control: Control,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) ready: watch::Sender<bool>,
}

impl House {
    pub(crate) fn start() -> Self {
        let spec = |name: &str| Spec::new(name, Kind::External("fake".into()));
        let mut web = spec("web");
        web.depends_on =
            vec![Dependency { on: "db".into(), condition: Condition::Healthy, start: StartOrder::Together }];
        let mut far = Spec::new("far", Kind::Fixed);
        far.upstream = Some(SocketAddr::from(([127, 0, 0, 1], 9)).into());
        let graph = Graph::new([web, spec("db"), spec("broken"), far]).unwrap();
        let (nudge, nudged) = Nudge::channel();
        let fake = Arc::new(Fake { counts: Mutex::default(), broken: HashSet::from(["broken"]), nudge });
        let providers: Providers = HashMap::from([("fake".into(), fake as Arc<dyn Provider>)]);
        let (control, _task) =
            driver::start(graph, providers, nudged, Arc::new(TokioNet), Clock::start(), Options::default());
        let metrics = Metrics::new();
        tokio::spawn(metrics::record(control.notices(), metrics.clone()));
        Self { control, metrics, ready: watch::Sender::new(true) }
    }

    /// The admin API over this house.
    pub(crate) fn admin(&self, options: AdminOptions) -> Admin {
        Admin::new(options, self.control.clone(), self.metrics.clone(), self.ready.subscribe())
    }

    /// Waits until the service is in the phase.
    pub(crate) async fn until(&self, name: &str, phase: Phase) {
        let gate = self.control.gates().get(name).unwrap().clone();
        gate.watch().wait_for(|view| view.phase == phase).await.unwrap();
    }
}
