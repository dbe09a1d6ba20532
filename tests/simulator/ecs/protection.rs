//! GetTaskProtection and UpdateTaskProtection.

use std::time::Duration;

use serde_json::{Value, json};

use super::params;
use super::show::time;
use super::tasks::arn_of;
use crate::simulator::error::ApiError;
use crate::simulator::world::World;

/// How long a protection lasts unless it is said: two hours.
const USUAL_MINUTES: u32 = 120;

/// Which tasks are protected; of a cluster's or the named ones.
pub(super) fn get(world: &mut World, params: &Value) -> Result<Value, ApiError> {
    let cluster = params::cluster(world, params)?;
    let names = params::texts(params, "tasks");
    let arns: Vec<_> = names.into_iter().map(|name| arn_of(world, &cluster, name)).collect();
    Ok(show(world, &arns))
}

/// Protects tasks from scale-in for a time, or ends that.
pub(super) fn update(world: &mut World, params: &Value) -> Result<Value, ApiError> {
    let cluster = params::cluster(world, params)?;
    let Some(on) = params["protectionEnabled"].as_bool() else {
        return Err(ApiError::invalid("protectionEnabled must be specified."));
    };
    let minutes = params::count(params, "expiresInMinutes")?.unwrap_or(USUAL_MINUTES);
    let names = params::some_texts(params, "tasks", 10)?;
    let arns: Vec<_> = names.into_iter().map(|name| arn_of(world, &cluster, name)).collect();
    for arn in &arns {
        world.protect(arn, on.then(|| Duration::from_secs(u64::from(minutes) * 60)));
    }
    Ok(show(world, &arns))
}

fn show(world: &World, arns: &[String]) -> Value {
    let (mut tasks, mut failures) = (Vec::new(), Vec::new());
    for arn in arns {
        let Some(task) = world.tasks.get(arn).filter(|task| task.service.is_some()) else {
            failures.push(json!({ "arn": arn, "reason": "TASK_NOT_VALID" }));
            continue;
        };
        let until = task.protected_until.filter(|until| *until > world.now);
        let mut shown = json!({ "taskArn": arn, "protectionEnabled": until.is_some() });
        if let Some(until) = until {
            shown["expirationDate"] = time(world, until);
        }
        tasks.push(shown);
    }
    json!({ "protectedTasks": tasks, "failures": failures })
}
