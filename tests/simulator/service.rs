//! Services and their deployments.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::app::AppBehaviour;

/// The name of a service's cluster, and its own.
pub(crate) type ServiceKey = (String, String);

/// A service as a test describes it; its cluster and task definition are made where they are missing.
#[derive(Clone, Debug)]
pub(crate) struct ServiceSetup {
    /// The cluster.
    pub(crate) cluster: String,
    /// The name.
    pub(crate) name: String,
    /// How many tasks it shall have.
    pub(crate) desired: u32,
    /// The port its app listens on.
    pub(crate) port: u16,
    /// What runs in its tasks.
    pub(crate) app: AppBehaviour,
    /// Tags.
    pub(crate) tags: BTreeMap<String, String>,
    /// `awsvpc`, `bridge` or `host`.
    pub(crate) network_mode: String,
    /// `REPLICA` or `DAEMON`.
    pub(crate) scheduling: String,
    /// A capacity provider in place of the launch type FARGATE.
    pub(crate) capacity_provider: Option<String>,
    /// The circuit breaker: `None` off, `Some(true)` with roll-back.
    pub(crate) circuit_breaker: Option<bool>,
    /// Every how often the container health check runs, where the task definition has one.
    pub(crate) health_check: Option<Duration>,
    /// The target groups its tasks are registered with.
    pub(crate) target_groups: Vec<String>,
    /// The container's image.
    pub(crate) image: String,
}

impl ServiceSetup {
    /// A replica service on Fargate with the desired count zero.
    pub(crate) fn new(cluster: &str, name: &str, port: u16) -> Self {
        Self {
            cluster: cluster.to_owned(),
            name: name.to_owned(),
            desired: 0,
            port,
            app: AppBehaviour::default(),
            tags: BTreeMap::new(),
            network_mode: "awsvpc".to_owned(),
            scheduling: "REPLICA".to_owned(),
            capacity_provider: None,
            circuit_breaker: None,
            health_check: None,
            target_groups: Vec::new(),
            image: format!("registry.example/{name}:1"),
        }
    }

    /// The same with another desired count.
    pub(crate) fn desired(mut self, desired: u32) -> Self {
        self.desired = desired;
        self
    }

    /// The same with another app.
    pub(crate) fn app(mut self, app: AppBehaviour) -> Self {
        self.app = app;
        self
    }
}

/// Where a service is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServiceStatus {
    /// It exists.
    Active,
    /// Deleted, with tasks that still stop.
    Draining,
    /// Deleted.
    Inactive,
}

impl ServiceStatus {
    /// As ECS writes it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Draining => "DRAINING",
            Self::Inactive => "INACTIVE",
        }
    }
}

/// How far a deployment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rollout {
    /// Under way.
    InProgress,
    /// Done.
    Completed,
    /// Given up by the circuit breaker.
    Failed,
}

impl Rollout {
    /// As ECS writes it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "IN_PROGRESS",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
        }
    }
}

/// One deployment of a service.
#[derive(Clone, Debug)]
pub(crate) struct Deployment {
    /// `ecs-svc/…`; also `startedBy` of its tasks.
    pub(crate) id: String,
    /// The ARN of its task definition.
    pub(crate) definition: String,
    /// When it was made.
    pub(crate) created: Duration,
    /// When it last changed.
    pub(crate) updated: Duration,
    /// How far it is.
    pub(crate) rollout: Rollout,
    /// Why.
    pub(crate) reason: String,
    /// How many of its tasks failed to start.
    pub(crate) failed: u32,
    /// How many of its tasks run.
    pub(crate) running: u32,
    /// How many are on their way.
    pub(crate) pending: u32,
    /// It has been completed at some time.
    pub(crate) proven: bool,
}

/// One line of a service's events.
#[derive(Clone, Debug)]
pub(crate) struct ServiceEvent {
    /// A UUID.
    pub(crate) id: String,
    /// When.
    pub(crate) at: Duration,
    /// What ECS says.
    pub(crate) message: String,
}

/// A service.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    /// Its cluster and name.
    pub(crate) key: ServiceKey,
    /// Its ARN.
    pub(crate) arn: String,
    /// Where it is in its life.
    pub(crate) status: ServiceStatus,
    /// How many tasks it shall have.
    pub(crate) desired: u32,
    /// It was a call of UpdateService that said so, and not somebody else.
    pub(super) called: bool,
    /// How many run.
    pub(crate) running: u32,
    /// How many are on their way.
    pub(crate) pending: u32,
    /// When it was made.
    pub(crate) created: Duration,
    /// Its deployments, the primary first.
    pub(crate) deployments: Vec<Deployment>,
    /// What happened lately, the newest first; a hundred at most.
    pub(crate) events: VecDeque<ServiceEvent>,
    /// Tags.
    pub(crate) tags: BTreeMap<String, String>,
    /// What runs in its tasks.
    pub(crate) app: AppBehaviour,
    /// `REPLICA` or `DAEMON`.
    pub(crate) scheduling: String,
    /// A launch type, where there is no capacity provider.
    pub(crate) launch_type: Option<String>,
    /// A capacity provider.
    pub(crate) capacity_provider: Option<String>,
    /// The circuit breaker: `None` off, `Some(true)` with roll-back.
    pub(crate) circuit_breaker: Option<bool>,
    /// How many tasks there may be in a deployment, per cent of the desired count.
    pub(crate) maximum_percent: u32,
    /// How many there must be.
    pub(crate) minimum_healthy_percent: u32,
    /// How long after its start a task is forgiven what load balancers say of it.
    pub(crate) grace: Duration,
    /// Target groups: ARN, container name, container port.
    pub(crate) target_groups: Vec<(String, String, u16)>,
    /// Subnets, as given at its creation.
    pub(crate) subnets: Vec<String>,
    /// Security groups, as given at its creation.
    pub(crate) security_groups: Vec<String>,
    /// Its tasks, stopped ones too as long as they can be described.
    pub(super) tasks: BTreeSet<String>,
    /// When the scheduler looks at it next.
    pub(super) look_at: Option<Duration>,
    /// How many tasks in a row never ran.
    pub(super) failures: u32,
    /// No task is started before.
    pub(super) backoff_until: Duration,
    /// It has said that it is steady since it last was not.
    pub(super) steady: bool,
    /// The last line but for those of a start or a stop; it is not repeated.
    pub(super) complaint: String,
}
