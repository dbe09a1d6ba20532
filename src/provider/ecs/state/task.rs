use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::SystemTime;

use aws_sdk_ecs::types;

use super::{Nonsense, moment, name_of, needed};

/// A task, as `DescribeTasks` and the events of ECS tell it.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::provider::ecs) struct Task {
    /// Its ARN, which no other task ever gets.
    pub(in crate::provider::ecs) arn: Arc<str>,
    /// The name of its cluster.
    pub(in crate::provider::ecs) cluster: String,
    /// The name of its service; none for a task that belongs to none.
    pub(in crate::provider::ecs) service: Option<String>,
    /// Rises with each change that ECS makes an event of.
    pub(in crate::provider::ecs) version: u64,
    /// How far it came.
    pub(in crate::provider::ecs) last: LastStatus,
    /// Whether it shall go on.
    pub(in crate::provider::ecs) desired: Wanted,
    /// Its own address: only in network mode `awsvpc`, and from when its interface exists.
    pub(in crate::provider::ecs) address: Option<IpAddr>,
    /// When it was made.
    pub(in crate::provider::ecs) created_at: Option<SystemTime>,
    /// When it was told to stop, or began to by itself.
    pub(in crate::provider::ecs) stopping_at: Option<SystemTime>,
    /// When it was STOPPED.
    pub(in crate::provider::ecs) stopped_at: Option<SystemTime>,
    /// Which kind of reason it stopped for: `TaskFailedToStart`, `EssentialContainerExited`, …
    pub(in crate::provider::ecs) stop_code: Option<String>,
    /// Why it stopped, in the words of ECS.
    pub(in crate::provider::ecs) stopped_reason: Option<String>,
    /// Its containers.
    pub(in crate::provider::ecs) containers: Vec<Container>,
    /// The deployment that started it: `ecs-svc/…`.
    pub(in crate::provider::ecs) started_by: Option<String>,
    /// The ARN of its task definition.
    pub(in crate::provider::ecs) task_definition: String,
}

/// A container of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::provider::ecs) struct Container {
    /// Its name in the task definition.
    pub(in crate::provider::ecs) name: String,
    /// What it exited with.
    pub(in crate::provider::ecs) exit_code: Option<i32>,
    /// Why it stopped or did not start, in the words of ECS.
    pub(in crate::provider::ecs) reason: Option<String>,
}

/// How far a task came; it only ever goes forward.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::provider::ecs) enum LastStatus {
    /// Waits for its network interface, or for an instance.
    Provisioning,
    /// Waits for the agent.
    Pending,
    /// Pulls its images, makes its containers, registers with target groups.
    Activating,
    /// Runs.
    Running,
    /// Leaves its target groups.
    Deactivating,
    /// Its containers are told to stop.
    Stopping,
    /// Its network interface is taken away.
    Deprovisioning,
    /// Stopped.
    Stopped,
    /// Gone.
    Deleted,
}

/// Whether a task shall go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::provider::ecs) enum Wanted {
    /// It shall.
    Running,
    /// It was told to stop. There is no way back.
    Stopped,
}

impl LastStatus {
    /// Reads a `lastStatus`.
    pub(in crate::provider::ecs) fn read(word: &str) -> Result<Self, Nonsense> {
        Ok(match word {
            "PROVISIONING" => Self::Provisioning,
            "PENDING" => Self::Pending,
            "ACTIVATING" => Self::Activating,
            "RUNNING" => Self::Running,
            "DEACTIVATING" => Self::Deactivating,
            "STOPPING" => Self::Stopping,
            "DEPROVISIONING" => Self::Deprovisioning,
            "STOPPED" => Self::Stopped,
            "DELETED" => Self::Deleted,
            other => return Err(Nonsense(format!("lastStatus is {other:?}"))),
        })
    }
}

impl Wanted {
    /// Reads a `desiredStatus`. `PENDING` is old: ECS knows RUNNING and STOPPED.
    pub(in crate::provider::ecs) fn read(word: &str) -> Result<Self, Nonsense> {
        match word {
            "RUNNING" | "PENDING" => Ok(Self::Running),
            "STOPPED" => Ok(Self::Stopped),
            other => Err(Nonsense(format!("desiredStatus is {other:?}"))),
        }
    }
}

impl Task {
    /// Reads a task.
    pub(in crate::provider::ecs) fn read(task: types::Task) -> Result<Self, Nonsense> {
        Ok(Self {
            address: address(&task)?,
            arn: needed(task.task_arn, "taskArn")?.into(),
            cluster: name_of(&needed(task.cluster_arn, "clusterArn")?).to_owned(),
            service: task.group.as_deref().and_then(Self::service_of),
            version: u64::try_from(task.version)
                .map_err(|_| Nonsense(format!("version is {}", task.version)))?,
            last: LastStatus::read(needed(task.last_status.as_deref(), "lastStatus")?)?,
            desired: Wanted::read(needed(task.desired_status.as_deref(), "desiredStatus")?)?,
            created_at: moment(task.created_at, "createdAt")?,
            stopping_at: moment(task.stopping_at, "stoppingAt")?,
            stopped_at: moment(task.stopped_at, "stoppedAt")?,
            stop_code: task.stop_code.map(|code| code.as_str().to_owned()),
            stopped_reason: task.stopped_reason,
            containers: task.containers.unwrap_or_default().into_iter().map(Container::read).collect(),
            started_by: task.started_by,
            task_definition: task.task_definition_arn.unwrap_or_default(),
        })
    }

    /// The service that a task's `group` names: `service:web` gives `web`.
    pub(in crate::provider::ecs) fn service_of(group: &str) -> Option<String> {
        group.strip_prefix("service:").map(ToOwned::to_owned)
    }
}

impl Container {
    fn read(container: types::Container) -> Self {
        Self {
            name: container.name.unwrap_or_default(),
            exit_code: container.exit_code,
            reason: container.reason,
        }
    }
}

/// The address of the task's own network interface. It stands in the attachment as soon as the interface exists, in
/// the containers later; IPv6 only where there is no other, and there AWS documents it of the containers alone.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_NetworkInterface.html>
fn address(task: &types::Task) -> Result<Option<IpAddr>, Nonsense> {
    let details = task
        .attachments()
        .iter()
        .filter(|attachment| attachment.r#type() == Some("ElasticNetworkInterface"))
        .flat_map(types::Attachment::details);
    let attached = |wanted: &str| {
        details.clone().find(|pair| pair.name() == Some(wanted)).and_then(types::KeyValuePair::value)
    };
    let interfaces = || task.containers().iter().flat_map(types::Container::network_interfaces);
    let v4 = attached("privateIPv4Address")
        .or_else(|| interfaces().find_map(types::NetworkInterface::private_ipv4_address));
    if let Some(text) = v4 {
        return parsed::<Ipv4Addr>(text).map(Some);
    }
    interfaces()
        .find_map(types::NetworkInterface::ipv6_address)
        .or_else(|| attached("ipv6Address"))
        .map(parsed::<Ipv6Addr>)
        .transpose()
}

fn parsed<A: std::str::FromStr + Into<IpAddr>>(text: &str) -> Result<IpAddr, Nonsense> {
    text.parse::<A>().map(Into::into).map_err(|_| Nonsense(format!("its address is {text:?}")))
}
