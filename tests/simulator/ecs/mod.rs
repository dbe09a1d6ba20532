//! The API of ECS, JSON 1.1: what each action reads and answers.
//!
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Operations.html>

mod change;
mod clusters;
mod definitions;
mod params;
mod protection;
mod services;
pub(super) mod show;
mod tags;
mod tasks;

use serde_json::Value;

use super::error::ApiError;
use super::world::World;

/// Answers a call.
pub(super) fn answer(world: &mut World, action: &str, params: &Value) -> Result<Value, ApiError> {
    match action {
        "CreateCluster" => clusters::create(world, params),
        "DescribeClusters" => clusters::describe(world, params),
        "ListClusters" => clusters::list(world, params),
        "ListServices" => services::list(world, params),
        "DescribeServices" => services::describe(world, params),
        "CreateService" => change::create(world, params),
        "UpdateService" => change::update(world, params),
        "DeleteService" => change::delete(world, params),
        "ListTasks" => tasks::list(world, params),
        "DescribeTasks" => tasks::describe(world, params),
        "RunTask" => tasks::run(world, params),
        "StopTask" => tasks::stop(world, params),
        "RegisterTaskDefinition" => definitions::register(world, params),
        "DescribeTaskDefinition" => definitions::describe(world, params),
        "ListTaskDefinitions" => definitions::list(world, params),
        "TagResource" => tags::tag(world, params),
        "UntagResource" => tags::untag(world, params),
        "ListTagsForResource" => tags::list(world, params),
        "GetTaskProtection" => protection::get(world, params),
        "UpdateTaskProtection" => protection::update(world, params),
        _ => Err(ApiError::new("UnknownOperationException", "")),
    }
}
