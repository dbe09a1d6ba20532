use super::Weight;
use crate::model::{Check, EcsSpec, Spec};
use crate::provider::ecs::state::{
    Definition, Port, ServiceState, ServiceStatus, TargetGroup, name_of, resource_of,
};

/// What the service itself does not fit.
pub(super) fn of_itself(spec: &Spec, ecs: &EcsSpec, state: &ServiceState) -> Vec<(Weight, String)> {
    let mut found = Vec::new();
    if state.status != ServiceStatus::Active {
        found.push((
            Weight::Wrong,
            format!("service `{}` of cluster `{}` was deleted", state.name, state.cluster),
        ));
    } else if state.daemon {
        found.push((
            Weight::Wrong,
            format!(
                "service `{}` runs one task on each instance (DAEMON): it has no desired count and cannot sleep",
                state.name
            ),
        ));
    }
    let probed =
        matches!(spec.health.as_ref().map(|health| &health.check), Some(Check::Http(_) | Check::Tcp));
    if probed && spec.upstream.is_none() && ecs.port.is_none() {
        found
            .push((Weight::Wrong, "its health is checked over the network, but it has no `port`".to_owned()));
    }
    found
}

/// Whether its tasks are dialled by their own addresses.
pub(super) fn wants_addresses(spec: &Spec, ecs: &EcsSpec) -> bool {
    spec.upstream.is_none() && ecs.port.is_some()
}

/// What the task definition of a service whose tasks are dialled does not fit.
///
/// Service Connect names a published port too, so it needs no rule of its own.
pub(super) fn of_its_definition(ecs: &EcsSpec, definition: &Definition) -> Vec<(Weight, String)> {
    let mut found = Vec::new();
    let name = resource_of(&definition.arn).trim_start_matches("task-definition/");
    let mode = definition.network_mode.as_str();
    if mode != "awsvpc" {
        found.push((
            Weight::Wrong,
            format!(
                "task definition `{name}` has network mode `{mode}`: only `awsvpc` gives tasks addresses of their own; give the service an `upstream`, or change the mode"
            ),
        ));
    }
    if let Some(port) = ecs.port.filter(|port| !definition.publishes(*port)) {
        let ports = ports(&definition.ports);
        found.push((
            Weight::Wrong,
            format!(
                "no container of task definition `{name}` has port {port} among its port mappings ({ports})"
            ),
        ));
    }
    found
}

fn ports(ports: &[Port]) -> String {
    let words: Vec<String> = ports
        .iter()
        .map(|port| match (port.first, port.last) {
            (first, last) if first == last => format!("{}: {first}", port.container),
            (first, last) => format!("{}: {first}-{last}", port.container),
        })
        .collect();
    if words.is_empty() { "there are none".to_owned() } else { words.join(", ") }
}

/// What the target group that decides on the service's health does not fit.
pub(super) fn of_its_group(state: &ServiceState, group: &TargetGroup) -> Vec<(Weight, String)> {
    let mut found = Vec::new();
    let name = |arn: &str| resource_of(arn).split('/').nth(1).unwrap_or_else(|| name_of(arn)).to_owned();
    let its = name(&group.arn);
    if !state.target_groups.contains(&group.arn) {
        let others: Vec<String> = state.target_groups.iter().map(|arn| format!("`{}`", name(arn))).collect();
        let others = if others.is_empty() { "none".to_owned() } else { others.join(", ") };
        // Other controllers swap groups while they deploy.
        let weight = if state.controller == "ECS" { Weight::Wrong } else { Weight::Note };
        found.push((
            weight,
            format!(
                "target group `{its}` is not of service `{}`: its tasks register with {others}",
                state.name
            ),
        ));
    }
    if group.load_balancers.is_empty() {
        found.push((
            Weight::Wrong,
            format!("no load balancer uses target group `{its}`: its targets never become healthy"),
        ));
    }
    found
}
