//! The log of API calls.

use std::time::Duration;

use serde_json::Value;

/// A call that came in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Call {
    /// When, since the start of the simulator.
    pub(crate) at: Duration,
    /// `ecs`, `elbv2`, `application-autoscaling`, `sqs` or `sts`.
    pub(crate) api: &'static str,
    /// Such as `UpdateService`.
    pub(crate) action: String,
    /// The services it names.
    pub(crate) services: Vec<String>,
    /// The token bucket it takes from; empty where there is none.
    pub(crate) bucket: &'static str,
    /// `ok`, the name of the exception, or `hang`.
    pub(crate) outcome: String,
    /// What it said, where it is one that changes something; null else.
    pub(crate) request: Value,
}

/// The names of the services that a call of ECS names.
pub(super) fn services_of(params: &Value) -> Vec<String> {
    let one = ["service", "serviceName"].into_iter().filter_map(|name| params[name].as_str());
    let many = params["services"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let by_arn = params["resourceArn"].as_str().filter(|arn| arn.contains(":service/"));
    let scaled = params["ResourceId"].as_str().filter(|id| id.starts_with("service/"));
    let names = one.chain(many).chain(by_arn).chain(scaled);
    names.map(|name| last_part(name).to_owned()).collect()
}

/// The last part of an ARN; a name is one whole.
pub(super) fn last_part(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}
