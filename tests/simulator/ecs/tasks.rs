//! ListTasks, DescribeTasks, RunTask and StopTask.

use serde_json::{Value, json};

use super::params;
use super::show::show_task;
use crate::simulator::app::AppBehaviour;
use crate::simulator::error::ApiError;
use crate::simulator::lifecycle::NewTask;
use crate::simulator::task::{Status, Task};
use crate::simulator::world::World;

/// The ARNs of tasks, a hundred to a page. Those that are over are shown to who asks for `STOPPED` only.
pub(super) fn list(world: &mut World, params: &Value) -> Result<Value, ApiError> {
    let cluster = params::cluster(world, params)?;
    let started_by = params["startedBy"].as_str();
    let others = ["serviceName", "family", "containerInstance"];
    if started_by.is_some() && others.iter().any(|name| !params[*name].is_null()) {
        return Err(ApiError::invalid("Cannot specify any other filter when startedBy is specified."));
    }
    let service = match params["serviceName"].as_str() {
        Some(_) => Some(params::service(world, params, "serviceName")?),
        None => None,
    };
    let moment = world.moment_of_read();
    let stopped = match params["desiredStatus"].as_str().unwrap_or("RUNNING") {
        "RUNNING" => Some(false),
        "STOPPED" => Some(true),
        // ECS never sets a task's desired status to this.
        "PENDING" => None,
        _ => return Err(ApiError::invalid("desiredStatus must be RUNNING, PENDING or STOPPED.")),
    };
    let family = params["family"].as_str();
    let prefix = family.map(|family| world.arn(&format!("task-definition/{family}:")));
    let of_service = service.as_ref().and_then(|key| world.services.get(key)).map(|service| &service.tasks);
    let arns: Box<dyn Iterator<Item = &String>> = match of_service {
        Some(tasks) => Box::new(tasks.iter()),
        None => Box::new(world.tasks.keys()),
    };
    let matches = |task: &&Task| {
        task.cluster == cluster
            && Some(task.stop_wanted) == stopped
            && prefix.as_ref().is_none_or(|prefix| task.definition.starts_with(prefix))
            && started_by.is_none_or(|by| task.started_by.as_deref() == Some(by))
            && params["launchType"].as_str().is_none_or(|only| task.launch_type.as_deref() == Some(only))
    };
    let found = arns.filter_map(|arn| world.task_at(arn, moment)).filter(matches);
    let found = found.map(|task| task.arn.clone()).collect();
    params::page(found, params, "taskArns", 100)
}

/// A hundred tasks at most, of one cluster.
pub(super) fn describe(world: &mut World, params: &Value) -> Result<Value, ApiError> {
    let cluster = params::cluster(world, params)?;
    let names = params::some_texts(params, "tasks", 100)?;
    let moment = world.moment_of_read();
    let (mut tasks, mut failures) = (Vec::new(), Vec::new());
    for name in names {
        let arn = arn_of(world, &cluster, name);
        match world.task_at(&arn, moment).filter(|task| task.cluster == cluster) {
            Some(task) => tasks.push(show_task(world, task)),
            None => failures.push(json!({ "arn": arn, "reason": "MISSING" })),
        }
    }
    Ok(json!({ "tasks": tasks, "failures": failures }))
}

/// Makes tasks that belong to no service, ten at most.
pub(super) fn run(world: &mut World, params: &Value) -> Result<Value, ApiError> {
    let cluster = params::cluster(world, params)?;
    let name = params["taskDefinition"].as_str().unwrap_or_default();
    let Some(definition) = world.definition(name).cloned() else {
        return Err(ApiError::new("ClientException", "TaskDefinition not found."));
    };
    let count = params::count(params, "count")?.unwrap_or(1);
    if !(1..=10).contains(&count) {
        return Err(ApiError::invalid("count must be between 1 and 10."));
    }
    let provider = params["capacityProviderStrategy"][0]["capacityProvider"].as_str().map(str::to_owned);
    let launch_type = params["launchType"].as_str().unwrap_or("EC2").to_owned();
    let family = definition.family.clone();
    let new = NewTask {
        cluster,
        service: None,
        group: params["group"].as_str().map_or_else(|| format!("family:{family}"), str::to_owned),
        started_by: params["startedBy"].as_str().map(str::to_owned),
        definition,
        app: world.apps.get(&family).cloned().unwrap_or_else(AppBehaviour::default),
        launch_type: provider.is_none().then_some(launch_type),
        capacity_provider: provider,
    };
    let arns: Vec<_> = (0..count).map(|_| world.create_task(new.clone())).collect();
    let tasks: Vec<_> = arns.iter().filter_map(|arn| Some(show_task(world, world.tasks.get(arn)?))).collect();
    Ok(json!({ "tasks": tasks, "failures": [] }))
}

/// Tells a task to stop; the service it belongs to makes another one.
pub(super) fn stop(world: &mut World, params: &Value) -> Result<Value, ApiError> {
    let cluster = params::cluster(world, params)?;
    let arn = arn_of(world, &cluster, params["task"].as_str().unwrap_or_default());
    if world.tasks.get(&arn).is_none_or(|task| task.status == Status::Stopped) {
        return Err(ApiError::invalid("The referenced task was not found."));
    }
    world.stop_task(&arn, "UserInitiated", params["reason"].as_str().unwrap_or("Task stopped by user"));
    Ok(json!({ "task": world.tasks.get(&arn).map(|task| show_task(world, task)) }))
}

/// The ARN of a task that is named by its ARN or its id.
pub(super) fn arn_of(world: &World, cluster: &str, name: &str) -> String {
    if name.starts_with("arn:") { name.to_owned() } else { world.arn(&format!("task/{cluster}/{name}")) }
}
