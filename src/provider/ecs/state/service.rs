use std::collections::BTreeMap;
use std::time::SystemTime;

use aws_sdk_ecs::types;

use super::{Nonsense, count, moment, name_of, needed};

/// How many of its events are read. ECS keeps a hundred of each service; what keeps one down is among the newest.
const NEWEST_EVENTS: usize = 10;

/// A service, as `DescribeServices` and `UpdateService` answer it.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::provider::ecs) struct ServiceState {
    /// Its ARN.
    pub(in crate::provider::ecs) arn: String,
    /// The name of its cluster.
    pub(in crate::provider::ecs) cluster: String,
    /// Its name.
    pub(in crate::provider::ecs) name: String,
    /// Whether it exists.
    pub(in crate::provider::ecs) status: ServiceStatus,
    /// How many tasks it shall have.
    pub(in crate::provider::ecs) desired: u32,
    /// How many tasks are RUNNING.
    pub(in crate::provider::ecs) running: u32,
    /// How many tasks are on their way up.
    pub(in crate::provider::ecs) pending: u32,
    /// One task on every instance: it has no count of its own.
    pub(in crate::provider::ecs) daemon: bool,
    /// The ARN of its task definition; empty where task sets carry theirs.
    pub(in crate::provider::ecs) task_definition: String,
    /// What the scheduler said about it last, newest first.
    pub(in crate::provider::ecs) events: Vec<ServiceEvent>,
    /// Its deployments; none with a controller other than ECS.
    pub(in crate::provider::ecs) deployments: Vec<Deployment>,
    /// Its tags.
    pub(in crate::provider::ecs) tags: BTreeMap<String, String>,
    /// The ARNs of the target groups that its tasks register with.
    pub(in crate::provider::ecs) target_groups: Vec<String>,
    /// The capacity providers of its strategy, in the strategy's order.
    pub(in crate::provider::ecs) capacity_providers: Vec<String>,
    /// `EC2`, `FARGATE`, `EXTERNAL`; none where a capacity provider strategy says it.
    pub(in crate::provider::ecs) launch_type: Option<String>,
    /// `ECS`, `CODE_DEPLOY` or `EXTERNAL`.
    pub(in crate::provider::ecs) controller: String,
}

/// Whether a service exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::provider::ecs) enum ServiceStatus {
    /// It does.
    Active,
    /// It was deleted, and its last tasks are stopping.
    Draining,
    /// It was deleted.
    Inactive,
}

/// One sentence of the scheduler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::provider::ecs) struct ServiceEvent {
    /// Unlike that of any other.
    pub(in crate::provider::ecs) id: String,
    /// When it was said.
    pub(in crate::provider::ecs) at: SystemTime,
    /// The sentence; it begins with `(service NAME)`.
    pub(in crate::provider::ecs) message: String,
}

/// One roll-out of a task definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::provider::ecs) struct Deployment {
    /// `ecs-svc/…`; the tasks it starts carry it as `started_by`.
    pub(in crate::provider::ecs) id: String,
    /// Which place it has among the others.
    pub(in crate::provider::ecs) status: DeploymentStatus,
    /// How far it came; only for the ECS controller.
    pub(in crate::provider::ecs) rollout: Option<Rollout>,
    /// Why it is there, in the words of ECS.
    pub(in crate::provider::ecs) rollout_reason: Option<String>,
    /// How many tasks it shall have.
    pub(in crate::provider::ecs) desired: u32,
    /// How many of them are RUNNING.
    pub(in crate::provider::ecs) running: u32,
    /// How many of them are on their way up.
    pub(in crate::provider::ecs) pending: u32,
    /// How many did not start, one after the other.
    pub(in crate::provider::ecs) failed: u32,
    /// The ARN of its task definition.
    pub(in crate::provider::ecs) task_definition: String,
    /// When it was begun.
    pub(in crate::provider::ecs) created_at: Option<SystemTime>,
}

/// The place of a deployment among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::provider::ecs) enum DeploymentStatus {
    /// The newest.
    Primary,
    /// Being replaced, with tasks still running.
    Active,
    /// Replaced.
    Inactive,
}

/// How far a deployment came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::provider::ecs) enum Rollout {
    /// It is under way.
    InProgress,
    /// It reached its steady state once.
    Completed,
    /// The circuit breaker or an alarm ended it.
    Failed,
}

impl ServiceState {
    /// Reads a service. One of its deployments or events that makes no sense is told to `complain` and left out: what
    /// it says of itself still counts.
    pub(in crate::provider::ecs) fn read(
        service: types::Service,
        mut complain: impl FnMut(Nonsense),
    ) -> Result<Self, Nonsense> {
        let status = match needed(service.status.as_deref(), "status")? {
            "ACTIVE" => ServiceStatus::Active,
            "DRAINING" => ServiceStatus::Draining,
            "INACTIVE" => ServiceStatus::Inactive,
            other => return Err(Nonsense(format!("status is {other:?}"))),
        };
        let balancers = service.load_balancers.unwrap_or_default();
        let strategy = service.capacity_provider_strategy.unwrap_or_default();
        let tags = service.tags.unwrap_or_default();
        Ok(Self {
            arn: needed(service.service_arn, "serviceArn")?,
            cluster: name_of(&needed(service.cluster_arn, "clusterArn")?).to_owned(),
            name: needed(service.service_name, "serviceName")?,
            status,
            desired: count(service.desired_count, "desiredCount")?,
            running: count(service.running_count, "runningCount")?,
            pending: count(service.pending_count, "pendingCount")?,
            daemon: service.scheduling_strategy == Some(types::SchedulingStrategy::Daemon),
            task_definition: service.task_definition.unwrap_or_default(),
            events: events(service.events.unwrap_or_default(), &mut complain),
            deployments: service
                .deployments
                .unwrap_or_default()
                .into_iter()
                .filter_map(|it| Deployment::read(it, &mut complain).map_err(&mut complain).ok())
                .collect(),
            tags: tags
                .into_iter()
                .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
                .collect(),
            target_groups: balancers.into_iter().filter_map(|balancer| balancer.target_group_arn).collect(),
            capacity_providers: strategy.into_iter().map(|item| item.capacity_provider).collect(),
            launch_type: service.launch_type.map(|kind| kind.as_str().to_owned()),
            controller: service
                .deployment_controller
                .map_or_else(|| "ECS".to_owned(), |controller| controller.r#type.as_str().to_owned()),
        })
    }
}

/// The events, newest first. ECS gives them in this order; it costs nothing to be sure.
fn events(events: Vec<types::ServiceEvent>, complain: &mut impl FnMut(Nonsense)) -> Vec<ServiceEvent> {
    let read = |event: types::ServiceEvent| {
        Ok(ServiceEvent {
            id: needed(event.id, "an event's id")?,
            at: needed(moment(event.created_at, "an event's createdAt")?, "an event's createdAt")?,
            message: event.message.unwrap_or_default(),
        })
    };
    let mut read: Vec<_> =
        events.into_iter().filter_map(|event| read(event).map_err(&mut *complain).ok()).collect();
    // A stable sort: those of one moment keep their order.
    read.sort_by_key(|event| std::cmp::Reverse(event.at));
    read.truncate(NEWEST_EVENTS);
    read.shrink_to_fit();
    read
}

impl Deployment {
    fn read(deployment: types::Deployment, complain: &mut impl FnMut(Nonsense)) -> Result<Self, Nonsense> {
        let status = match needed(deployment.status.as_deref(), "a deployment's status")? {
            "PRIMARY" => DeploymentStatus::Primary,
            "ACTIVE" => DeploymentStatus::Active,
            "INACTIVE" => DeploymentStatus::Inactive,
            other => return Err(Nonsense(format!("a deployment's status is {other:?}"))),
        };
        let rollout = match deployment.rollout_state {
            None => None,
            Some(types::DeploymentRolloutState::InProgress) => Some(Rollout::InProgress),
            Some(types::DeploymentRolloutState::Completed) => Some(Rollout::Completed),
            Some(types::DeploymentRolloutState::Failed) => Some(Rollout::Failed),
            Some(other) => {
                complain(Nonsense(format!("a deployment's rolloutState is {:?}", other.as_str())));
                None
            }
        };
        Ok(Self {
            id: needed(deployment.id, "a deployment's id")?,
            status,
            rollout,
            rollout_reason: deployment.rollout_state_reason,
            desired: count(deployment.desired_count, "a deployment's desiredCount")?,
            running: count(deployment.running_count, "a deployment's runningCount")?,
            pending: count(deployment.pending_count, "a deployment's pendingCount")?,
            failed: count(deployment.failed_tasks, "a deployment's failedTasks")?,
            task_definition: deployment.task_definition.unwrap_or_default(),
            created_at: moment(deployment.created_at, "a deployment's createdAt")?,
        })
    }
}
