use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::Address;

/// The handle of a service in its graph: an index, valid for that graph alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceId(pub u32);

impl ServiceId {
    /// As an index into a vector with one entry a service.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for ServiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// The description of one thing that can sleep.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// Its name in the configuration, unique.
    pub name: Arc<str>,
    /// What runs it.
    pub kind: Kind,
    /// The desired count to wake it to, at least one.
    pub count: u32,
    /// What it needs, in the order given.
    pub depends_on: Vec<Dependency>,
    /// How to tell that one of its targets serves. `None`: it is ready as soon as it runs.
    pub health: Option<Health>,
    /// A fixed address in place of the provider's targets.
    pub upstream: Option<Address>,
    /// What its targets speak.
    pub protocol: Protocol,
    /// Its times and bounds.
    pub limits: Limits,
}

impl Spec {
    /// A service of this name and kind with every setting at its default.
    pub fn new(name: impl Into<Arc<str>>, kind: Kind) -> Self {
        Self {
            name: name.into(),
            kind,
            count: 1,
            depends_on: Vec::new(),
            health: None,
            upstream: None,
            protocol: Protocol::Http1,
            limits: Limits::default(),
        }
    }

    /// Whether its targets are probed by the gateway itself.
    pub fn is_probed(&self) -> bool {
        self.health.is_some() && self.target_group().is_none()
    }

    /// The target group whose word counts for its health, if one does.
    pub fn target_group(&self) -> Option<&TargetGroupCheck> {
        match &self.health.as_ref()?.check {
            Check::TargetGroup(group) => Some(group),
            Check::Http(_) | Check::Tcp | Check::Exec(_) => None,
        }
    }

    /// Whether it can be put to sleep at all.
    pub fn sleeps(&self) -> bool {
        !matches!(self.kind, Kind::Fixed)
    }
}

/// What runs a service, with that provider's own settings. The engine never looks inside.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Kind {
    /// Nothing: a fixed upstream that is always there.
    Fixed,
    /// A local child process.
    Process(ProcessSpec),
    /// A service on Amazon ECS.
    Ecs(EcsSpec),
    /// A provider of the embedding program's own, which knows the service by its name.
    External(Arc<str>),
}

impl Kind {
    /// The provider's name: `fixed`, `process`, `ecs` or the embedding program's own word.
    pub fn provider(&self) -> &str {
        match self {
            Self::Fixed => "fixed",
            Self::Process(_) => "process",
            Self::Ecs(_) => "ecs",
            Self::External(name) => name,
        }
    }

    /// Whether it ends with the gateway anyway: nobody else could ever stop it.
    pub fn is_ours_alone(&self) -> bool {
        matches!(self, Self::Process(_))
    }
}

/// The variables of the environment that are the gateway's own settings, its admin token among them: nothing that it
/// starts is to see them.
pub fn own_variables() -> impl Iterator<Item = OsString> {
    std::env::vars_os().map(|(name, _)| name).filter(|name| name.as_encoded_bytes().starts_with(b"WAKEGATE_"))
}

/// A local child process.
#[derive(Clone, PartialEq)]
pub struct ProcessSpec {
    /// The program and its arguments; never empty.
    pub command: Vec<String>,
    /// Variables added to the gateway's own.
    pub env: BTreeMap<String, String>,
    /// Where it runs; the gateway's own working directory where `None`.
    pub directory: Option<PathBuf>,
    /// The port it listens on, on the loopback address, also told to it as `PORT`. `Some(0)` picks a free one
    /// at each start; `None`: it listens on none.
    pub port: Option<u16>,
    /// From the stop signal to the kill.
    pub stop_timeout: Duration,
    /// It is a job: an exit with success is its end, not a death.
    pub job: bool,
}

impl fmt::Debug for ProcessSpec {
    /// Without the values of its variables, which may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessSpec")
            .field("command", &self.command)
            .field("env", &self.env.keys())
            .field("directory", &self.directory)
            .field("port", &self.port)
            .field("stop_timeout", &self.stop_timeout)
            .field("job", &self.job)
            .finish()
    }
}

/// A service on Amazon ECS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EcsSpec {
    /// The cluster's name or ARN.
    pub cluster: String,
    /// The service's name or ARN.
    pub service: String,
    /// The container port that serves.
    pub port: Option<u16>,
    /// The count to wake to, where the configuration and not a tag decides it.
    pub desired_count: Option<u32>,
}

/// One `depends_on` edge as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// The name of the service that is needed.
    pub on: Arc<str>,
    /// What must be true of it.
    pub condition: Condition,
    /// When the dependent's own start is called.
    pub start: StartOrder,
}

/// What must be true of a dependency; compose's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Condition {
    /// Its start was called; the door does not wait for it.
    Started,
    /// It passes its health check.
    #[default]
    Healthy,
    /// It ran to its end with success.
    Completed,
}

/// When a dependent's start is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum StartOrder {
    /// With its dependency's, as soon as that call is acknowledged.
    #[default]
    Together,
    /// Once the edge's condition is met, for programs that cannot wait for their database.
    After,
}

/// What the targets of a service speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2 with prior knowledge (RFC 9113 section 3.3), as gRPC servers do.
    H2,
}

/// How to tell that a target serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// What to try.
    pub check: Check,
    /// The pause between two tries while waking.
    pub interval: Duration,
    /// How long one try may take.
    pub timeout: Duration,
}

/// What one try of a health check does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// `GET` a path.
    Http(HttpCheck),
    /// Connect, nothing more.
    Tcp,
    /// Run a command; exit code 0 is healthy.
    Exec(Vec<String>),
    /// Leave it to the provider, which asks a load balancer's target group.
    TargetGroup(TargetGroupCheck),
}

/// A health check by a load balancer's target group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetGroupCheck {
    /// The group's ARN.
    pub arn: String,
    /// How many of its targets must be healthy, at least one.
    pub healthy: u32,
}

/// A health check over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpCheck {
    /// The path, with a query where it has one.
    pub path: String,
    /// Ranges of accepted statuses, both ends included.
    pub status: Vec<(u16, u16)>,
    /// The `Host` header; the target's own address where `None`.
    pub host: Option<String>,
}

/// The times and bounds of one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Observed quiet after which it is put to sleep.
    pub idle_after: Duration,
    /// From the first demand to giving up.
    pub wake_timeout: Duration,
    /// How long a request that gets no page may be held.
    pub hold_timeout: Duration,
    /// How long a browser's navigation is held before it gets the waiting page.
    pub page_after: Duration,
    /// How many requests may wait at once.
    pub max_held: usize,
    /// How long a target may take to begin its answer, but for gRPC calls.
    pub answer_timeout: Duration,
    /// How many requests one target may serve at once; `None` is no limit.
    pub max_in_flight: Option<u32>,
    /// How long a wake is expected to take, before one was seen.
    pub expected_wake: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            idle_after: Duration::from_secs(15 * 60),
            wake_timeout: Duration::from_secs(5 * 60),
            hold_timeout: Duration::from_secs(25),
            page_after: Duration::from_secs(1),
            max_held: 1000,
            answer_timeout: Duration::from_secs(5 * 60),
            max_in_flight: None,
            expected_wake: None,
        }
    }
}
