//! ListServices and DescribeServices.

use serde_json::{Value, json};

use super::params;
use super::show::show_service;
use crate::simulator::error::ApiError;
use crate::simulator::service::ServiceStatus;
use crate::simulator::world::World;

/// The ARNs of a cluster's services that are not INACTIVE, ten to a page unless more are asked for.
pub(super) fn list(world: &mut World, params: &Value) -> Result<Value, ApiError> {
    let cluster = params::cluster(world, params)?;
    let moment = world.moment_of_read();
    let strategy = params["schedulingStrategy"].as_str();
    let launch_type = params["launchType"].as_str();
    let arns = world
        .services
        .range((cluster.clone(), String::new())..)
        .take_while(|(key, _)| key.0 == cluster)
        .filter_map(|(key, _)| world.service_at(key, moment))
        .filter(|service| service.status != ServiceStatus::Inactive)
        .filter(|service| strategy.is_none_or(|only| service.scheduling == only))
        .filter(|service| launch_type.is_none_or(|only| service.launch_type.as_deref() == Some(only)))
        .map(|service| service.arn.clone())
        .collect();
    params::page(arns, params, "serviceArns", 10)
}

/// Ten services at most, with their tags where they are asked for.
pub(super) fn describe(world: &mut World, params: &Value) -> Result<Value, ApiError> {
    let cluster = params::cluster(world, params)?;
    let names = params::some_texts(params, "services", 10)?;
    let with_tags = params::texts(params, "include").contains(&"TAGS");
    let moment = world.moment_of_read();
    let (mut services, mut failures) = (Vec::new(), Vec::new());
    for name in names {
        let key = (cluster.clone(), params::name_of(name).to_owned());
        match world.service_at(&key, moment) {
            Some(service) => services.push(show_service(world, service, with_tags)),
            None => {
                let arn = world.arn(&format!("service/{}/{}", key.0, key.1));
                failures.push(json!({ "arn": arn, "reason": "MISSING" }));
            }
        }
    }
    Ok(json!({ "services": services, "failures": failures }))
}
