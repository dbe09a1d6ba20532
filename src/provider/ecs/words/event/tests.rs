use std::collections::BTreeMap;

use super::*;
use crate::provider::ecs::state::ServiceStatus;

fn service(launch_type: Option<&str>, providers: &[&str]) -> ServiceState {
    ServiceState {
        arn: "arn:aws:ecs:eu-west-1:123456789012:service/demo/web".to_owned(),
        cluster: "demo".to_owned(),
        name: "web".to_owned(),
        status: ServiceStatus::Active,
        desired: 1,
        running: 0,
        pending: 0,
        daemon: false,
        task_definition: String::new(),
        events: Vec::new(),
        deployments: Vec::new(),
        tags: BTreeMap::new(),
        target_groups: Vec::new(),
        capacity_providers: providers.iter().map(|&name| name.to_owned()).collect(),
        launch_type: launch_type.map(str::to_owned),
        controller: "ECS".to_owned(),
    }
}

fn waits(message: &str, service: &ServiceState) -> String {
    match event(message, service) {
        Some(Meaning::Waits(words)) => words.to_string(),
        other => panic!("{message}: {other:?}"),
    }
}

fn broken(message: &str, service: &ServiceState) -> Fault {
    match event(message, service) {
        Some(Meaning::Broken(fault)) => fault,
        other => panic!("{message}: {other:?}"),
    }
}

#[test]
fn what_is_of_no_interest_is_passed_over() {
    let fargate = service(Some("FARGATE"), &[]);
    for message in [
        "(service web) has started 1 tasks: (task 0123).",
        "(service web) has stopped 1 running tasks: (task 0123).",
        "(service web) has begun draining connections on 1 tasks.",
        "(service web) registered 1 targets in (target-group arn:aws:x)",
        "(service web) (deployment ecs-svc/1) deployment completed.",
        "",
    ] {
        assert_eq!(event(message, &fargate), None, "{message}");
    }
    assert_eq!(event("(service web) has reached a steady state.", &fargate), Some(Meaning::Steady));
    assert_eq!(
        event(
            "(service web) is unable to consistently start tasks successfully. For more information, see the Troubleshooting section.",
            &fargate
        ),
        Some(Meaning::Impaired)
    );
}

#[test]
fn no_room_is_told_with_the_capacity_providers_name() {
    let full = "(service web) was unable to place a task. Reason: Capacity is unavailable at this time. Please try again later or in a different availability zone.";
    for (service, place) in [
        (service(None, &["FARGATE_SPOT"]), "capacity provider `FARGATE_SPOT` "),
        (service(None, &["big", "small"]), "capacity providers `big`, `small` "),
        (service(Some("FARGATE"), &[]), "Fargate "),
        (service(Some("EC2"), &[]), "cluster `demo` "),
        (service(None, &[]), "its capacity "),
    ] {
        let words = waits(full, &service);
        assert!(words.starts_with(&format!("{place}has no room for its task: (service web) was")), "{words}");
        assert!(words.ends_with("availability zone"), "{words}");
    }
}

#[test]
fn no_room_is_final_only_where_nobody_makes_any() {
    let none = "(service web) was unable to place a task because no container instance met all of its requirements. Reason: No Container Instances were found in your cluster.";
    let lacks = "(service web) was unable to place a task because no container instance met all of its requirements. The closest matching (container-instance 0123) is missing an attribute required by your task.";
    let busy = "(service web) was unable to place a task because no container instance met all of its requirements. The closest matching (container-instance 0123) has insufficient CPU units available.";
    let unmanaged = service(Some("EC2"), &[]);
    for message in [none, lacks] {
        let fault = broken(message, &unmanaged);
        assert!(
            fault.terminal && fault.reason.starts_with("no instance of cluster `demo` can run its task: "),
            "{fault}"
        );
        waits(message, &service(None, &["asg"]));
    }
    waits(busy, &unmanaged);
    let large = "(service web) was unable to place a task. Reason: The requested CPU configuration is above your limit.";
    assert!(broken(large, &service(Some("FARGATE"), &[])).reason.starts_with("Fargate does not allow"));
}

#[test]
fn other_obstacles_are_named() {
    let service = service(Some("FARGATE"), &[]);
    for (message, words) in [
        (
            "(service web) rolling back to (deployment ecs-svc/1).",
            "its deployment failed and ECS rolls it back",
        ),
        ("(service web) operations are being throttled. Will try again later.", "AWS limits"),
        (
            "(service web) (instance i-1) (port 80) is unhealthy in (target-group arn:aws:x) due to (reason Health checks failed with these codes: [502])",
            "it fails its load balancer's",
        ),
        (
            "service (web) was unable to reach steady state because task set (ecs-svc/1) was unable to scale in. Reason: The number of protected tasks are more than the desired count of tasks",
            "tasks of it are protected",
        ),
        (
            "service (web) was unable to stop or start tasks during a deployment because of the service deployment configuration.",
            "its deployment configuration",
        ),
    ] {
        let told = waits(message, &service);
        assert!(told.starts_with(words), "{told}");
    }
    for (message, words) in [
        (
            "(service web) failed to launch a task with (error ECS was unable to assume the role 'arn:aws:iam::1:role/x' that was provided for this task.)",
            "ECS may not use a role",
        ),
        (
            "service (web) task set (ecs-svc/1) (task 01) is not healthy in target-group (arn:aws:x) due to TARGET GROUP IS NOT FOUND",
            "its target group is missing",
        ),
    ] {
        let fault = broken(message, &service);
        assert!(fault.reason.starts_with(words) && fault.terminal, "{fault}");
    }
}
