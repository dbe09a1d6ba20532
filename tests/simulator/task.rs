//! Tasks.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::app::AppBehaviour;
use super::service::ServiceKey;

/// Where a task is in its life (`lastStatus`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Status {
    /// Its network interface is made, or an instance for it is awaited.
    Provisioning,
    /// It waits for the agent.
    Pending,
    /// Images are pulled, containers started.
    Activating,
    /// It runs.
    Running,
    /// It is taken out of load balancers.
    Deactivating,
    /// It has got SIGTERM.
    Stopping,
    /// Its network interface is given back.
    Deprovisioning,
    /// It is over.
    Stopped,
}

impl Status {
    /// As ECS writes it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Provisioning => "PROVISIONING",
            Self::Pending => "PENDING",
            Self::Activating => "ACTIVATING",
            Self::Running => "RUNNING",
            Self::Deactivating => "DEACTIVATING",
            Self::Stopping => "STOPPING",
            Self::Deprovisioning => "DEPROVISIONING",
            Self::Stopped => "STOPPED",
        }
    }
}

/// What a container health check says (`healthStatus`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    /// There is no check, or it has not said anything yet.
    Unknown,
    /// It passes.
    Healthy,
    /// It does not.
    Unhealthy,
}

impl Health {
    /// As ECS writes it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "UNKNOWN",
            Self::Healthy => "HEALTHY",
            Self::Unhealthy => "UNHEALTHY",
        }
    }
}

/// When things happened to a task.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stamps {
    /// `createdAt`
    pub(crate) created: Duration,
    /// `connectivityAt`
    pub(crate) connectivity: Option<Duration>,
    /// `pullStartedAt`
    pub(crate) pull_started: Option<Duration>,
    /// `pullStoppedAt`
    pub(crate) pull_stopped: Option<Duration>,
    /// `startedAt`
    pub(crate) started: Option<Duration>,
    /// `stoppingAt`
    pub(crate) stopping: Option<Duration>,
    /// `executionStoppedAt`
    pub(crate) execution_stopped: Option<Duration>,
    /// `stoppedAt`
    pub(crate) stopped: Option<Duration>,
}

/// A task.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    /// Its ARN.
    pub(crate) arn: String,
    /// Its cluster's name.
    pub(crate) cluster: String,
    /// Its service; none for one that was run alone.
    pub(crate) service: Option<ServiceKey>,
    /// `service:NAME` or `family:NAME`.
    pub(crate) group: String,
    /// The deployment, or what RunTask was told.
    pub(crate) started_by: Option<String>,
    /// The ARN of its task definition.
    pub(crate) definition: String,
    /// Where it is.
    pub(crate) status: Status,
    /// It has been told to stop (`desiredStatus`).
    pub(crate) stop_wanted: bool,
    /// Rises with every change that makes an event.
    pub(crate) version: u64,
    /// When things happened.
    pub(crate) stamps: Stamps,
    /// Its address, from the end of PROVISIONING on.
    pub(crate) ip: Option<Ipv4Addr>,
    /// The port its app listens on.
    pub(crate) port: u16,
    /// `awsvpc`, `bridge` or `host`.
    pub(crate) network_mode: String,
    /// The hexadecimal part of its interface's id; also makes the attachment's.
    pub(crate) interface: String,
    /// The name of its container.
    pub(crate) container: String,
    /// Its image.
    pub(crate) image: String,
    /// What the container health check says.
    pub(crate) health: Health,
    /// `stopCode`
    pub(crate) stop_code: Option<String>,
    /// `stoppedReason`
    pub(crate) stopped_reason: Option<String>,
    /// What the container returned.
    pub(crate) exit_code: Option<i32>,
    /// What ECS says of the container.
    pub(crate) container_reason: Option<String>,
    /// A launch type, where there is no capacity provider.
    pub(crate) launch_type: Option<String>,
    /// A capacity provider.
    pub(crate) capacity_provider: Option<String>,
    /// Protected from scale-in until then.
    pub(crate) protected_until: Option<Duration>,
    /// What runs in it.
    pub(super) app: AppBehaviour,
    /// It was a call of UpdateService that had it told to stop.
    pub(super) ordered: bool,
    /// The number of the plan its steps belong to.
    pub(super) plan: u32,
    /// The container has been started and is not gone.
    pub(super) alive: bool,
    /// Its address is not given to anybody else.
    pub(super) holds_ip: bool,
    /// What keeps it from starting, where something does.
    pub(super) doom: Option<Doom>,
    /// What its app reads to tell whether it had been told to stop.
    pub(super) told: Arc<AtomicBool>,
}

/// What keeps a task from starting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Doom {
    /// It waits in PROVISIONING until the fault is taken away.
    NoCapacity,
    /// It stops at the end of `at` with this reason, code TaskFailedToStart.
    Fails { at: Status, reason: String },
}

impl Task {
    /// Its id: the last part of its ARN.
    pub(crate) fn id(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or(&self.arn)
    }

    /// The id of its network interface.
    pub(crate) fn interface_id(&self) -> String {
        format!("eni-0{}", self.interface)
    }

    /// The id of the attachment of its network interface, of the same digits.
    pub(crate) fn attachment_id(&self) -> String {
        let part = |from: usize, to: usize| self.interface.get(from..to).unwrap_or("0000");
        format!("{}-{}-4000-8000-{}", part(0, 8), part(8, 12), part(4, 16))
    }

    /// Where its container is: it knows fewer states than its task.
    pub(crate) fn container_status(&self) -> &'static str {
        match self.status {
            Status::Running => "RUNNING",
            Status::Stopped => "STOPPED",
            Status::Deactivating | Status::Stopping if self.alive => "RUNNING",
            Status::Deactivating | Status::Stopping | Status::Deprovisioning => "STOPPED",
            Status::Provisioning | Status::Pending | Status::Activating => "PENDING",
        }
    }

    /// It exists and has not been told to stop.
    pub(crate) fn wanted(&self) -> bool {
        !self.stop_wanted
    }
}
