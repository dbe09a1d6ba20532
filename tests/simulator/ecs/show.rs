//! Services and tasks as ECS shows them. Times are seconds since 1970, with a fraction.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::simulator::service::{Deployment, Service};
use crate::simulator::task::{Status, Task};
use crate::simulator::world::World;

/// A moment as the JSON protocol writes it.
pub(super) fn time(world: &World, moment: Duration) -> Value {
    // Whole milliseconds: no more is known.
    json!((world.epoch + moment).as_millis() as f64 / 1_000.0)
}

/// Tags as ECS writes them.
pub(super) fn show_tags(tags: &BTreeMap<String, String>) -> Value {
    tags.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect()
}

fn network(service: &Service) -> Value {
    json!({ "awsvpcConfiguration": {
        "subnets": service.subnets,
        "securityGroups": service.security_groups,
        "assignPublicIp": "DISABLED",
    }})
}

/// A launch type or a capacity provider, whichever it has.
fn put_launch(shown: &mut Value, launch_type: Option<&str>, provider: Option<&str>) {
    if let Some(launch_type) = launch_type {
        shown["launchType"] = json!(launch_type);
    }
    if let Some(provider) = provider {
        shown["capacityProviderStrategy"] = json!([{ "capacityProvider": provider, "weight": 1, "base": 0 }]);
    }
    if [launch_type, provider].into_iter().flatten().any(|text| text.starts_with("FARGATE")) {
        shown["platformVersion"] = json!("1.4.0");
        shown["platformFamily"] = json!("Linux");
    }
}

/// A service.
pub(super) fn show_service(world: &World, service: &Service, with_tags: bool) -> Value {
    let wanted = World::wanted_count(service);
    let balancers: Vec<_> = service
        .target_groups
        .iter()
        .map(|(arn, container, port)| {
            json!({ "targetGroupArn": arn, "containerName": container, "containerPort": port })
        })
        .collect();
    let events: Vec<_> = service
        .events
        .iter()
        .map(|event| json!({ "id": event.id, "createdAt": time(world, event.at), "message": event.message }))
        .collect();
    let deployments = service.deployments.iter().enumerate();
    let deployments: Vec<_> =
        deployments.map(|(place, each)| show_deployment(world, service, each, place == 0)).collect();
    let definition = service.deployments.first().map(|primary| primary.definition.as_str());
    let mut shown = json!({
        "serviceArn": service.arn,
        "serviceName": service.key.1,
        "clusterArn": world.arn(&format!("cluster/{}", service.key.0)),
        "loadBalancers": balancers,
        "serviceRegistries": [],
        "status": service.status.as_str(),
        "desiredCount": wanted,
        "runningCount": service.running,
        "pendingCount": service.pending,
        "taskDefinition": definition.unwrap_or_default(),
        "deploymentConfiguration": {
            "deploymentCircuitBreaker": {
                "enable": service.circuit_breaker.is_some(),
                "rollback": service.circuit_breaker == Some(true),
            },
            "maximumPercent": service.maximum_percent,
            "minimumHealthyPercent": service.minimum_healthy_percent,
        },
        "deployments": deployments,
        "roleArn": format!(
            "arn:aws:iam::{}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS", world.account
        ),
        "events": events,
        "createdAt": time(world, service.created),
        "createdBy": format!("arn:aws:iam::{}:role/simulator", world.account),
        "placementConstraints": [],
        "placementStrategy": [],
        "networkConfiguration": network(service),
        "healthCheckGracePeriodSeconds": service.grace.as_secs(),
        "schedulingStrategy": service.scheduling,
        "deploymentController": { "type": "ECS" },
        "enableECSManagedTags": false,
        "propagateTags": "NONE",
        "enableExecuteCommand": false,
        "availabilityZoneRebalancing": "ENABLED",
    });
    put_launch(&mut shown, service.launch_type.as_deref(), service.capacity_provider.as_deref());
    if with_tags {
        shown["tags"] = show_tags(&service.tags);
    }
    shown
}

fn show_deployment(world: &World, service: &Service, deployment: &Deployment, primary: bool) -> Value {
    let wanted = if primary { World::wanted_count(service) } else { 0 };
    let mut shown = json!({
        "id": deployment.id,
        "status": if primary { "PRIMARY" } else { "ACTIVE" },
        "taskDefinition": deployment.definition,
        "desiredCount": wanted,
        "pendingCount": deployment.pending,
        "runningCount": deployment.running,
        "failedTasks": deployment.failed,
        "createdAt": time(world, deployment.created),
        "updatedAt": time(world, deployment.updated),
        "networkConfiguration": network(service),
        "rolloutState": deployment.rollout.as_str(),
        "rolloutStateReason": deployment.reason,
    });
    put_launch(&mut shown, service.launch_type.as_deref(), service.capacity_provider.as_deref());
    shown
}

/// A task.
pub(crate) fn show_task(world: &World, task: &Task) -> Value {
    let definition = world.definition(&task.definition).map(|definition| &definition.shown);
    let size = |name: &str, usual: &str| {
        definition.and_then(|shown| shown[name].as_str()).unwrap_or(usual).to_owned()
    };
    let mut shown = json!({
        "attachments": attachments(world, task),
        "attributes": [{ "name": "ecs.cpu-architecture", "value": "x86_64" }],
        "availabilityZone": format!("{}a", world.region),
        "clusterArn": world.arn(&format!("cluster/{}", task.cluster)),
        "containers": [container(task)],
        "cpu": size("cpu", "256"),
        "memory": size("memory", "512"),
        "createdAt": time(world, task.stamps.created),
        "desiredStatus": if task.stop_wanted { "STOPPED" } else { "RUNNING" },
        "enableExecuteCommand": false,
        "group": task.group,
        "healthStatus": task.health.as_str(),
        "lastStatus": task.status.as_str(),
        "overrides": { "containerOverrides": [{ "name": task.container }], "inferenceAcceleratorOverrides": [] },
        "tags": [],
        "taskArn": task.arn,
        "taskDefinitionArn": task.definition,
        "version": task.version,
    });
    let on_fargate = [&task.launch_type, &task.capacity_provider].into_iter().flatten();
    if on_fargate.into_iter().any(|text| text.starts_with("FARGATE")) {
        shown["platformVersion"] = json!("1.4.0");
        shown["platformFamily"] = json!("Linux");
        shown["ephemeralStorage"] = json!({ "sizeInGiB": 20 });
    } else {
        let instance = format!("container-instance/{}/{}", task.cluster, "0".repeat(32));
        shown["containerInstanceArn"] = json!(world.arn(&instance));
    }
    let stamps = &task.stamps;
    let times = [
        ("connectivityAt", stamps.connectivity),
        ("pullStartedAt", stamps.pull_started),
        ("pullStoppedAt", stamps.pull_stopped),
        ("startedAt", stamps.started),
        ("stoppingAt", stamps.stopping),
        ("executionStoppedAt", stamps.execution_stopped),
        ("stoppedAt", stamps.stopped),
    ];
    for (name, moment) in times {
        if let Some(moment) = moment {
            shown[name] = time(world, moment);
        }
    }
    let words = [
        ("connectivity", stamps.connectivity.map(|_| "CONNECTED")),
        ("launchType", task.launch_type.as_deref()),
        ("capacityProviderName", task.capacity_provider.as_deref()),
        ("startedBy", task.started_by.as_deref()),
        ("stopCode", task.stop_code.as_deref()),
        ("stoppedReason", task.stopped_reason.as_deref()),
    ];
    for (name, word) in words {
        if let Some(word) = word {
            shown[name] = json!(word);
        }
    }
    shown
}

/// The network interface: its subnet is all that is known of it before it is made.
fn attachments(world: &World, task: &Task) -> Value {
    if task.network_mode != "awsvpc" {
        return json!([]);
    }
    let mut details = vec![("subnetId", "subnet-0123456789abcdef0".to_owned())];
    let mut status = "PRECREATED";
    if let Some(ip) = task.ip {
        status = if task.status == Status::Stopped { "DELETED" } else { "ATTACHED" };
        let [a, b, c, d] = ip.octets();
        let host = format!("ip-{a}-{b}-{c}-{d}.{}.compute.internal", world.region);
        details.push(("networkInterfaceId", task.interface_id()));
        details.push(("macAddress", format!("0a:00:{a:02x}:{b:02x}:{c:02x}:{d:02x}")));
        details.push(("privateDnsName", host));
        details.push(("privateIPv4Address", ip.to_string()));
    }
    let details: Vec<_> =
        details.into_iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    json!([{
        "id": task.attachment_id(),
        "type": "ElasticNetworkInterface",
        "status": status,
        "details": details,
    }])
}

fn container(task: &Task) -> Value {
    let mut shown = Map::new();
    let mut put = |name: &str, value: Value| shown.insert(name.to_owned(), value);
    let container_arn = task.arn.replace(":task/", ":container/");
    put("containerArn", json!(format!("{container_arn}/{}", task.attachment_id())));
    put("taskArn", json!(task.arn));
    put("name", json!(task.container));
    put("image", json!(task.image));
    put("lastStatus", json!(task.container_status()));
    put("healthStatus", json!(task.health.as_str()));
    put("cpu", json!("0"));
    put("networkBindings", bindings(task));
    put(
        "networkInterfaces",
        match task.ip.filter(|_| task.network_mode == "awsvpc") {
            Some(ip) => {
                json!([{ "attachmentId": task.attachment_id(), "privateIpv4Address": ip.to_string() }])
            }
            None => json!([]),
        },
    );
    if let Some(code) = task.exit_code {
        put("exitCode", json!(code));
    }
    if let Some(reason) = &task.container_reason {
        put("reason", json!(reason));
    }
    Value::Object(shown)
}

/// The ports of a bridge or host task on its instance; there is nothing to see before it runs.
fn bindings(task: &Task) -> Value {
    if task.network_mode == "awsvpc" || task.stamps.started.is_none() {
        return json!([]);
    }
    let (port, protocol) = (task.port, "tcp");
    json!([{ "bindIP": "0.0.0.0", "containerPort": port, "hostPort": port, "protocol": protocol }])
}
