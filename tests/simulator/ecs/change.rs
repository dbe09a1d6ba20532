//! CreateService, UpdateService and DeleteService.

use std::time::Duration;

use serde_json::{Value, json};

use super::params;
use super::show::show_service;
use super::tags::read_tags;
use crate::simulator::error::ApiError;
use crate::simulator::service::{Service, ServiceKey};
use crate::simulator::world::World;

/// A new service. What runs in its tasks is an app with the usual manners.
pub(super) fn create(world: &mut World, params: &Value) -> Result<Value, ApiError> {
    let cluster = params::cluster(world, params)?;
    let Some(name) = params["serviceName"].as_str() else {
        return Err(ApiError::invalid("Service name cannot be empty."));
    };
    let definition = known_definition(world, params)?
        .ok_or_else(|| ApiError::invalid("TaskDefinition can not be blank."))?;
    let mut service = world.blank_service(&cluster, name);
    service.scheduling = params["schedulingStrategy"].as_str().unwrap_or("REPLICA").to_owned();
    let desired = params::count(params, "desiredCount")?;
    if service.scheduling == "DAEMON" && desired.is_some() {
        return Err(daemon_has_no_count());
    }
    service.desired = desired.unwrap_or(0);
    service.tags = read_tags(params);
    service.capacity_provider = strategy(params);
    service.launch_type = match service.capacity_provider {
        Some(_) => None,
        None => Some(params["launchType"].as_str().unwrap_or("EC2").to_owned()),
    };
    apply(&mut service, params)?;
    let key = world.add_service(service, &definition)?;
    shown(world, &key)
}

/// Changes a service. A new desired count alone begins no deployment.
pub(super) fn update(world: &mut World, params: &Value) -> Result<Value, ApiError> {
    let key = params::active_service(world, params)?;
    let desired = params::count(params, "desiredCount")?;
    let definition = known_definition(world, params)?;
    let forced = params["forceNewDeployment"].as_bool() == Some(true);
    let provider = strategy(params);
    let Some(service) = world.services.get_mut(&key) else { return shown(world, &key) };
    if service.scheduling == "DAEMON" && desired.is_some() {
        return Err(daemon_has_no_count());
    }
    apply(service, params)?;
    let moved = provider.is_some() && provider != service.capacity_provider;
    if moved {
        (service.capacity_provider, service.launch_type) = (provider, None);
    }
    let current = service.deployments.first().map(|primary| primary.definition.clone());
    let changed = definition.as_ref().is_some_and(|new| Some(new) != current.as_ref());
    if let Some(desired) = desired {
        world.set_desired(&key, desired, true);
    }
    if let Some(definition) = definition.or(current).filter(|_| forced || changed || moved) {
        world.begin_deployment(&key, &definition);
    }
    world.service_changed(&key);
    shown(world, &key)
}

/// Deletes a service; one with a desired count above zero only by force.
pub(super) fn delete(world: &mut World, params: &Value) -> Result<Value, ApiError> {
    let key = params::active_service(world, params)?;
    let forced = params["force"].as_bool() == Some(true);
    let counted = world.services.get(&key).is_some_and(|service| service.desired > 0);
    if counted && !forced {
        return Err(ApiError::invalid("The service cannot be stopped while it is scaled above 0."));
    }
    world.delete_service(&key);
    shown(world, &key)
}

fn shown(world: &World, key: &ServiceKey) -> Result<Value, ApiError> {
    let service = world.services.get(key);
    let service = service.ok_or_else(|| ApiError::new("ServiceNotFoundException", "Service not found."))?;
    Ok(json!({ "service": show_service(world, service, true) }))
}

fn daemon_has_no_count() -> ApiError {
    ApiError::invalid(
        "The daemon scheduling strategy does not support a desired count for services. Remove the desired count \
         value and try again",
    )
}

fn known_definition(world: &World, params: &Value) -> Result<Option<String>, ApiError> {
    let Some(name) = params["taskDefinition"].as_str() else { return Ok(None) };
    match world.definition(name) {
        Some(definition) => Ok(Some(definition.arn.clone())),
        None => Err(ApiError::new("ClientException", "TaskDefinition not found.")),
    }
}

/// The first capacity provider of a strategy.
fn strategy(params: &Value) -> Option<String> {
    params["capacityProviderStrategy"][0]["capacityProvider"].as_str().map(str::to_owned)
}

/// What both CreateService and UpdateService may set.
fn apply(service: &mut Service, params: &Value) -> Result<(), ApiError> {
    let configuration = &params["deploymentConfiguration"];
    if let Some(percent) = params::count(configuration, "maximumPercent")? {
        service.maximum_percent = percent;
    }
    if let Some(percent) = params::count(configuration, "minimumHealthyPercent")? {
        service.minimum_healthy_percent = percent;
    }
    let breaker = &configuration["deploymentCircuitBreaker"];
    if let Some(on) = breaker["enable"].as_bool() {
        service.circuit_breaker = on.then(|| breaker["rollback"].as_bool() == Some(true));
    }
    if let Some(seconds) = params::count(params, "healthCheckGracePeriodSeconds")? {
        service.grace = Duration::from_secs(seconds.into());
    }
    let network = &params["networkConfiguration"]["awsvpcConfiguration"];
    for (field, kept) in [("subnets", &mut service.subnets), ("securityGroups", &mut service.security_groups)]
    {
        if network[field].is_array() {
            *kept = params::texts(network, field).into_iter().map(str::to_owned).collect();
        }
    }
    if let Some(balancers) = params["loadBalancers"].as_array() {
        let group = |each: &Value| {
            let port = each["containerPort"].as_u64().and_then(|port| u16::try_from(port).ok())?;
            let container = each["containerName"].as_str().unwrap_or_default().to_owned();
            Some((each["targetGroupArn"].as_str()?.to_owned(), container, port))
        };
        service.target_groups = balancers.iter().filter_map(group).collect();
    }
    Ok(())
}
