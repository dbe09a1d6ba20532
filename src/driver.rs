//! The tokio shell around the engine: its timer, its calls, its doors.

mod calls;
mod probes;
mod run;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::engine::{Engine, Settings};
use crate::gate::{Bell, Budget, Gate};
use crate::model::{Cause, Fault, Graph, Phase, ServiceId, Stage, Time};
use crate::net::Net;
use crate::provider::{Nudged, Provider};

/// The gates of a graph's services, at one moment: replaced whole when the configuration is.
#[derive(Debug)]
pub struct Gates {
    /// The services.
    pub graph: Arc<Graph>,
    /// One gate a service, in the graph's order.
    pub all: Vec<Arc<Gate>>,
}

impl Gates {
    /// The gate of the service of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<Gate>> {
        self.graph.id(name).map(|id| &self.all[id.index()])
    }

    /// The gate of this service.
    pub fn gate(&self, id: ServiceId) -> &Arc<Gate> {
        &self.all[id.index()]
    }
}

/// Something that happened, for logs, metrics and the event stream.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Notice {
    /// A service changed its phase.
    Phase {
        /// Whose.
        service: Arc<str>,
        /// From which.
        from: Phase,
        /// To which.
        to: Phase,
        /// Why.
        cause: Cause,
        /// In words, where it failed.
        fault: Option<Fault>,
        /// When.
        at: Time,
        /// How long it had been in `from`.
        after: Duration,
    },
    /// A service entered a stage on its way up.
    Stage {
        /// Whose.
        service: Arc<str>,
        /// The stage that it left.
        from: Stage,
        /// The stage it is in now.
        to: Stage,
        /// How long it had been in `from`.
        after: Duration,
    },
    /// A wake came to its end.
    Wake {
        /// Whose.
        service: Arc<str>,
        /// What had begun it: `Demand` or `Dependent`.
        cause: Cause,
        /// How long it took.
        took: Duration,
        /// Why it failed, if it did.
        fault: Option<Fault>,
    },
    /// A provider was called.
    Call {
        /// The provider's name.
        provider: Arc<str>,
        /// `scale` or `observe`.
        verb: &'static str,
        /// Whether it worked. An observation of many services counts as failed when all of them did.
        ok: bool,
        /// How long it took.
        took: Duration,
    },
}

/// Why the driver does not do as asked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// No service of this name.
    Unknown,
    /// It serves this many requests.
    Serving(u64),
    /// These services need it.
    NeededBy(Vec<Arc<str>>),
    /// A lease keeps it awake.
    Leased,
    /// Its provider does not let it sleep, for this reason: a clause that follows "it".
    Kept(Arc<str>),
    /// It never sleeps: nothing could wake it.
    Fixed,
    /// It is in a phase in which that cannot be done.
    Phase(Phase),
    /// The driver is gone.
    Down,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("there is no service of this name"),
            Self::Serving(1) => f.write_str("it is serving a request"),
            Self::Serving(count) => write!(f, "it is serving {count} requests"),
            Self::NeededBy(names) => write!(f, "it is needed by {}", names.join(", ")),
            Self::Leased => f.write_str("a lease keeps it awake"),
            Self::Kept(why) => write!(f, "it {why}"),
            Self::Fixed => f.write_str("it has no provider, so it never sleeps"),
            Self::Phase(phase) => write!(f, "it is {phase}"),
            Self::Down => f.write_str("the gateway is going down"),
        }
    }
}

impl std::error::Error for Refusal {}

/// Everything that may run a service, by the provider's name.
pub type Providers = HashMap<Arc<str>, Arc<dyn Provider>>;

/// The driver's own settings.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The engine's times.
    pub engine: Settings,
    /// How many requests may be held in the whole gateway.
    pub max_held: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { engine: Settings::default(), max_held: 10_000 }
    }
}

/// How the rest of the gateway talks to the driver. The driver ends with the last of these.
#[derive(Clone, Debug)]
pub struct Control {
    requests: mpsc::UnboundedSender<Request>,
    gates: Arc<ArcSwap<Gates>>,
    notices: broadcast::Sender<Notice>,
    clock: Clock,
}

/// Something asked of the driver.
#[derive(Debug)]
enum Request {
    Wake(Arc<str>, Answer),
    Sleep(Arc<str>, Answer),
    Lease(Arc<str>, Option<Duration>, Answer),
    Reload(Box<Graph>, Answer),
}

type Answer = oneshot::Sender<Result<(), Refusal>>;

/// Starts the driver of these services. The task ends once every [`Control`] is dropped; if it ends before, something
/// is badly wrong and the gateway should end too.
///
/// `nudged` is where the providers say that something is worth a look.
pub fn start(
    graph: Graph,
    providers: Providers,
    nudged: Nudged,
    net: Arc<dyn Net>,
    clock: Clock,
    options: Options,
) -> (Control, JoinHandle<()>) {
    let (requests, inbox) = mpsc::unbounded_channel();
    let (bell, rings) = Bell::channel();
    let notices = broadcast::Sender::new(1024);
    let graph = Arc::new(graph);
    let budget = Budget::new(options.max_held);
    let all =
        graph.ids().map(|id| Gate::new(graph.spec(id).clone(), budget.clone(), bell.another())).collect();
    let gates = Arc::new(ArcSwap::from_pointee(Gates { graph: graph.clone(), all }));
    let control = Control { requests, gates: gates.clone(), notices: notices.clone(), clock };
    let shell = run::Shell::new(
        Engine::new(graph, options.engine, clock.now()),
        calls::Calls::new(providers),
        probes::Probes::new(net),
        run::Wires { gates, notices, bell, budget },
        clock,
    );
    let task = tokio::spawn(shell.run(inbox, rings, nudged));
    (control, task)
}

impl Control {
    /// The gates, as they stand. Cheap; do not keep the result for long.
    pub fn gates(&self) -> Arc<Gates> {
        self.gates.load_full()
    }

    /// The gateway's clock.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Wakes a service and its closure. Returns once the order is taken.
    ///
    /// # Errors
    /// [`Refusal::Unknown`], [`Refusal::Down`].
    pub async fn wake(&self, name: &str) -> Result<(), Refusal> {
        self.ask(|answer| Request::Wake(name.into(), answer)).await
    }

    /// Puts a service to sleep now rather than after its quiet time. Returns once its door is shut.
    ///
    /// # Errors
    /// Why it stays awake.
    pub async fn sleep(&self, name: &str) -> Result<(), Refusal> {
        self.ask(|answer| Request::Sleep(name.into(), answer)).await
    }

    /// Wakes a service and keeps it awake for a time from now; `None` takes the lease back.
    ///
    /// # Errors
    /// [`Refusal::Unknown`], [`Refusal::Fixed`], [`Refusal::Down`].
    pub async fn lease(&self, name: &str, lasting: Option<Duration>) -> Result<(), Refusal> {
        self.ask(|answer| Request::Lease(name.into(), lasting, answer)).await
    }

    /// Goes over to another graph. Services that stay, by name, keep their phase, their gate and all who wait
    /// there. Whoever waits for a service that is gone is told so; it is left as it is, unless only this gateway
    /// could ever stop it.
    ///
    /// # Errors
    /// [`Refusal::Down`].
    pub async fn reload(&self, graph: Graph) -> Result<(), Refusal> {
        self.ask(|answer| Request::Reload(Box::new(graph), answer)).await
    }

    /// What happens from now on.
    pub fn notices(&self) -> broadcast::Receiver<Notice> {
        self.notices.subscribe()
    }

    async fn ask(&self, request: impl FnOnce(Answer) -> Request) -> Result<(), Refusal> {
        let (answer, answered) = oneshot::channel();
        self.requests.send(request(answer)).map_err(|_| Refusal::Down)?;
        answered.await.unwrap_or(Err(Refusal::Down))
    }
}
