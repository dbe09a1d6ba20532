use super::super::state::ServiceState;
use super::{any, quote};
use crate::model::Fault;

use std::sync::Arc;

/// What a service's event means for somebody who waits for the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::provider::ecs) enum Meaning {
    /// It is as it should be.
    Steady,
    /// Its tasks fail again and again, and ECS pauses between them for up to 27 minutes.
    Impaired,
    /// Something holds it up that may pass, in words.
    Waits(Arc<str>),
    /// Something holds it up that cannot pass.
    Broken(Fault),
}

/// What an event of a service's list means; `None` where it is of no interest to somebody who waits.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html>
pub(in crate::provider::ecs) fn event(message: &str, service: &ServiceState) -> Option<Meaning> {
    let text = message.to_lowercase();
    let waits = |words: &str| Some(Meaning::Waits(format!("{words}: {}", quote(message)).into()));
    let broken = |words: &str| {
        let fault = Fault::terminal(format!("{words}: {}", quote(message)));
        Some(Meaning::Broken(fault.told_as("The service is not set up correctly.")))
    };
    if text.contains("has reached a steady state") {
        return Some(Meaning::Steady);
    }
    if text.contains("unable to consistently start tasks") {
        return Some(Meaning::Impaired);
    }
    if any(
        &text,
        &[
            "assume the role",
            "assume role",
            "iam permissions policies",
            "iam trust relationship",
            "service linked role",
        ],
    ) {
        return broken("ECS may not use a role of the service");
    }
    if any(
        &text,
        &[
            "target group is not found",
            "target group does not exist",
            "does not have an associated load balancer",
        ],
    ) {
        return broken("its target group is missing");
    }
    if any(&text, &["place a task", "place tasks", "could not launch", "no container instances were f"]) {
        let place = place(service);
        if any(&text, &["configuration is above your limit"]) {
            return broken(&format!("{place} does not allow a task of this size"));
        }
        // Without a capacity provider nobody adds instances because a task waits for one.
        let unmanaged =
            service.launch_type.as_deref() == Some("EC2") && service.capacity_providers.is_empty();
        let never = ["no container instances were found", "missing an attribute"];
        if unmanaged && any(&text, &never) {
            return Some(Meaning::Broken(
                Fault::terminal(format!("no instance of {place} can run its task: {}", quote(message)))
                    .told_as("There is no room to run the service."),
            ));
        }
        return waits(&format!("{place} has no room for its task"));
    }
    if text.contains("rolling back") {
        return waits("its deployment failed and ECS rolls it back");
    }
    if any(&text, &["protected tasks", "scale-in protection"]) {
        return waits("tasks of it are protected from being stopped");
    }
    if any(&text, &["operations are being throttled"]) {
        return waits("AWS limits how fast ECS may work");
    }
    if any(&text, &["is unhealthy in", "not healthy in target-group"]) {
        return waits("it fails its load balancer's health checks");
    }
    if text.contains("because of the service deployment configuration") {
        return waits("its deployment configuration leaves no room for a change");
    }
    if any(&text, &["timed out waiting for amazon ecs agent"]) {
        return waits("the ECS agent of an instance does not answer");
    }
    None
}

/// Where its tasks run: the capacity providers by name, else the launch type.
fn place(service: &ServiceState) -> String {
    let names = &service.capacity_providers;
    match (names.as_slice(), service.launch_type.as_deref()) {
        ([], Some("FARGATE")) => "Fargate".to_owned(),
        ([], Some("EC2")) => format!("cluster `{}`", service.cluster),
        ([], _) => "its capacity".to_owned(),
        ([one], _) => format!("capacity provider `{one}`"),
        (names, _) => format!("capacity providers `{}`", names.join("`, `")),
    }
}

#[cfg(test)]
mod tests;
