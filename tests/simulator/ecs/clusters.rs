//! CreateCluster, DescribeClusters and ListClusters.

use serde_json::{Value, json};

use super::params;
use crate::simulator::error::ApiError;
use crate::simulator::service::ServiceStatus;
use crate::simulator::world::World;

/// Makes a cluster unless it is there.
pub(super) fn create(world: &mut World, params: &Value) -> Result<Value, ApiError> {
    let name = params["clusterName"].as_str().unwrap_or("default");
    world.clusters.insert(name.to_owned());
    Ok(json!({ "cluster": show(world, name) }))
}

/// The named clusters, or `default`.
pub(super) fn describe(world: &mut World, params: &Value) -> Result<Value, ApiError> {
    let mut names = params::texts(params, "clusters");
    if names.is_empty() {
        names.push("default");
    }
    let (mut clusters, mut failures) = (Vec::new(), Vec::new());
    for name in names.into_iter().map(params::name_of) {
        if world.clusters.contains(name) {
            clusters.push(show(world, name));
        } else {
            failures.push(json!({ "arn": world.arn(&format!("cluster/{name}")), "reason": "MISSING" }));
        }
    }
    Ok(json!({ "clusters": clusters, "failures": failures }))
}

/// The ARNs of all clusters, a hundred to a page.
pub(super) fn list(world: &mut World, params: &Value) -> Result<Value, ApiError> {
    let arns = world.clusters.iter().map(|name| world.arn(&format!("cluster/{name}"))).collect();
    params::page(arns, params, "clusterArns", 100)
}

fn show(world: &World, name: &str) -> Value {
    let services = world.services.values().filter(|service| service.key.0 == name);
    let (mut running, mut pending, mut active) = (0, 0, 0);
    for service in services {
        running += service.running;
        pending += service.pending;
        active += u32::from(service.status == ServiceStatus::Active);
    }
    json!({
        "clusterArn": world.arn(&format!("cluster/{name}")),
        "clusterName": name,
        "status": "ACTIVE",
        "registeredContainerInstancesCount": 0,
        "runningTasksCount": running,
        "pendingTasksCount": pending,
        "activeServicesCount": active,
        "statistics": [],
        "tags": [],
        "settings": [{ "name": "containerInsights", "value": "disabled" }],
        "capacityProviders": ["FARGATE", "FARGATE_SPOT"],
        "defaultCapacityProviderStrategy": [],
    })
}
