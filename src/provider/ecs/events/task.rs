use aws_sdk_ecs::types;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde::Deserialize;

use super::super::state::{Nonsense, Task};

/// The detail of an event about a task: `DescribeTasks` in a spelling of its own.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html>
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Detail {
    task_arn: String,
    cluster_arn: String,
    version: i64,
    last_status: String,
    desired_status: String,
    task_definition_arn: Option<String>,
    group: Option<String>,
    started_by: Option<String>,
    stop_code: Option<String>,
    stopped_reason: Option<String>,
    created_at: Option<String>,
    stopping_at: Option<String>,
    stopped_at: Option<String>,
    attachments: Option<Vec<Attachment>>,
    containers: Option<Vec<Container>>,
}

#[derive(Deserialize)]
struct Attachment {
    r#type: Option<String>,
    details: Option<Vec<Pair>>,
}

#[derive(Deserialize)]
struct Pair {
    name: Option<String>,
    value: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Container {
    name: Option<String>,
    exit_code: Option<i32>,
    reason: Option<String>,
    network_interfaces: Option<Vec<Interface>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Interface {
    private_ipv4_address: Option<String>,
    ipv6_address: Option<String>,
}

impl Detail {
    /// The task, held to the same checks as one that was described.
    pub(super) fn task(self) -> Result<Task, Nonsense> {
        let builder = types::Task::builder()
            .task_arn(self.task_arn)
            .cluster_arn(self.cluster_arn)
            .version(self.version)
            .last_status(self.last_status)
            .desired_status(self.desired_status)
            .set_task_definition_arn(self.task_definition_arn)
            .set_group(self.group)
            .set_started_by(self.started_by)
            .set_stop_code(self.stop_code.as_deref().map(types::TaskStopCode::from))
            .set_stopped_reason(self.stopped_reason)
            .set_created_at(moment(self.created_at, "createdAt")?)
            .set_stopping_at(moment(self.stopping_at, "stoppingAt")?)
            .set_stopped_at(moment(self.stopped_at, "stoppedAt")?)
            .set_attachments(Some(
                self.attachments.into_iter().flatten().map(Attachment::described).collect(),
            ))
            .set_containers(Some(self.containers.into_iter().flatten().map(Container::described).collect()));
        Task::read(builder.build())
    }
}

impl Attachment {
    fn described(self) -> types::Attachment {
        // What `DescribeTasks` calls `ElasticNetworkInterface` is `eni` here.
        let kind =
            self.r#type.map(|kind| if kind == "eni" { "ElasticNetworkInterface".to_owned() } else { kind });
        let pair =
            |pair: Pair| types::KeyValuePair::builder().set_name(pair.name).set_value(pair.value).build();
        types::Attachment::builder()
            .set_type(kind)
            .set_details(Some(self.details.into_iter().flatten().map(pair).collect()))
            .build()
    }
}

impl Container {
    fn described(self) -> types::Container {
        let interface = |interface: Interface| {
            types::NetworkInterface::builder()
                .set_private_ipv4_address(interface.private_ipv4_address)
                .set_ipv6_address(interface.ipv6_address)
                .build()
        };
        types::Container::builder()
            .set_name(self.name)
            .set_exit_code(self.exit_code)
            .set_reason(self.reason)
            .set_network_interfaces(Some(
                self.network_interfaces.into_iter().flatten().map(interface).collect(),
            ))
            .build()
    }
}

/// A time as events write it.
fn moment(text: Option<String>, field: &str) -> Result<Option<DateTime>, Nonsense> {
    let read = |text: String| {
        DateTime::from_str(&text, Format::DateTimeWithOffset)
            .map_err(|_| Nonsense(format!("{field} is no time")))
    };
    text.map(read).transpose()
}
