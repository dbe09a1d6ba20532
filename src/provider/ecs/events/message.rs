use std::time::SystemTime;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde::Deserialize;

use super::super::state::{Nonsense, Task, name_of, resource_of};
use super::task::Detail;

/// An event of ECS.
#[derive(Debug, PartialEq)]
pub(super) struct Heard {
    /// When it was sent.
    pub(super) at: SystemTime,
    /// What it says.
    pub(super) news: News,
}

/// What an event says.
#[derive(Debug, PartialEq)]
pub(super) enum News {
    /// A task changed.
    Task(Box<Task>),
    /// Something happened to a service, which its description will tell.
    Service {
        /// The service's ARN.
        arn: String,
        /// The cluster's name.
        cluster: String,
        /// The service's name.
        service: String,
        /// `SERVICE_STEADY_STATE`, `SERVICE_TASK_PLACEMENT_FAILURE`, …
        name: String,
    },
}

impl News {
    /// The name of the cluster it is about.
    pub(super) fn cluster(&self) -> &str {
        match self {
            Self::Task(task) => &task.cluster,
            Self::Service { cluster, .. } => cluster,
        }
    }

    /// The ARN of what it is about.
    pub(super) fn arn(&self) -> &str {
        match self {
            Self::Task(task) => &task.arn,
            Self::Service { arn, .. } => arn,
        }
    }
}

/// What EventBridge wraps around every event.
/// <https://docs.aws.amazon.com/eventbridge/latest/ref/events-structure.html>
#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "detail-type")]
    kind: String,
    time: String,
    #[serde(default)]
    resources: Vec<String>,
    detail: serde_json::Value,
}

/// What is told of a service; a deployment's event has no cluster but in the service's ARN.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Action {
    event_name: String,
    cluster_arn: Option<String>,
}

/// Reads a message; `None` where it is an event of no interest: of a task that belongs to no service, or of another kind.
///
/// # Errors
/// It is no event of EventBridge, or something is missing or makes no sense in one of ECS.
pub(super) fn read(body: &str) -> Result<Option<Heard>, Nonsense> {
    // The parser's own words quote the text, which anybody may write: they stay out of the log.
    let envelope: Envelope =
        serde_json::from_str(body).map_err(|_| Nonsense("it is no event of EventBridge".to_owned()))?;
    let kind = envelope.kind.as_str();
    let wrong = |what: &str| Nonsense(format!("an event `{kind}` {what}"));
    let news = match kind {
        "ECS Task State Change" => {
            let detail: Detail = serde_json::from_value(envelope.detail)
                .map_err(|_| wrong("lacks a field or has it wrong"))?;
            let task = detail.task().map_err(|nonsense| wrong(&format!("makes no sense: {nonsense}")))?;
            if task.service.is_none() {
                return Ok(None);
            }
            News::Task(Box::new(task))
        }
        "ECS Service Action" | "ECS Deployment State Change" => {
            let action: Action = serde_json::from_value(envelope.detail)
                .map_err(|_| wrong("lacks a field or has it wrong"))?;
            let arn = envelope.resources.iter().find(|arn| resource_of(arn).starts_with("service/"));
            let arn = arn.ok_or_else(|| wrong("names no service"))?;
            let cluster = action.cluster_arn.as_deref().map(name_of).or_else(|| cluster_in(arn));
            let cluster = cluster.ok_or_else(|| wrong("names no cluster"))?.to_owned();
            let service = name_of(arn).to_owned();
            News::Service { arn: arn.clone(), cluster, service, name: action.event_name }
        }
        _ => return Ok(None),
    };
    let at = moment(&envelope.time).ok_or_else(|| wrong("has no time"))?;
    Ok(Some(Heard { at, news }))
}

/// The cluster in a service's ARN: `service/demo/web`. The short form of old has none.
fn cluster_in(arn: &str) -> Option<&str> {
    let (cluster, _) = resource_of(arn).strip_prefix("service/")?.split_once('/')?;
    Some(cluster)
}

/// A time as events write it.
fn moment(text: &str) -> Option<SystemTime> {
    SystemTime::try_from(DateTime::from_str(text, Format::DateTimeWithOffset).ok()?).ok()
}
