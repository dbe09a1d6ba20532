use super::*;
use crate::provider::ecs::state::{LastStatus, Wanted};

fn task(code: &str, reason: &str) -> Task {
    Task {
        arn: "arn:aws:ecs:eu-west-1:123456789012:task/demo/0123456789abcdef0123456789abcdef".into(),
        cluster: "demo".to_owned(),
        service: Some("web".to_owned()),
        version: 5,
        last: LastStatus::Stopped,
        desired: Wanted::Stopped,
        address: None,
        created_at: None,
        stopping_at: None,
        stopped_at: None,
        stop_code: Some(code.to_owned()).filter(|code| !code.is_empty()),
        stopped_reason: Some(reason.to_owned()).filter(|reason| !reason.is_empty()),
        containers: Vec::new(),
        started_by: None,
        task_definition: String::new(),
    }
}

fn with_container(mut task: Task, name: &str, exit_code: Option<i32>, reason: Option<&str>) -> Task {
    task.containers.push(Container { name: name.to_owned(), exit_code, reason: reason.map(str::to_owned) });
    task
}

/// The reason, which must begin with the task's short ID, without it.
fn reason(fault: &Fault) -> &str {
    fault.reason.strip_prefix("task 01234567 ").unwrap_or_else(|| panic!("{}", fault.reason))
}

#[test]
fn each_way_a_pull_fails_is_told_apart() {
    for (said, words, terminal) in [
        (
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref docker.io/library/nope:1: docker.io/library/nope:1: not found",
            "has an image that does not exist: CannotPullContainerError: pull",
            true,
        ),
        (
            "CannotPullContainerError: Error response from daemon: pull access denied for shop, repository does not exist or may require 'docker login'",
            "may not pull its image, or there is no such image: ",
            true,
        ),
        (
            "The task can’t pull the image. Check that the role has the permissions to pull images from the registry.",
            "may not pull its image, or there is no such image: ",
            true,
        ),
        (
            "CannotPullContainerError: inspect image has been retried 5 time(s): toomanyrequests: You have reached your pull rate limit.",
            "may not pull its image now: the registry limits how often: ",
            true,
        ),
        (
            "CannotPullContainerError: image Manifest does not contain descriptor matching platform 'linux/arm64'",
            "has an image for another processor or system: ",
            true,
        ),
        (
            "CannotPullContainerError: write /var/lib/docker/tmp/GetImageBlob1: no space left on device",
            "has no space left on its disk for its image: ",
            true,
        ),
        (
            "CannotPullContainerError: ref pull has been retried 5 time(s): dial tcp 10.0.0.1:443: i/o timeout",
            "cannot reach the registry of its image: ",
            false,
        ),
        (
            "The task cannot pull image 'shop' from the Amazon ECR repository. There is a connection issue between the task and Amazon ECR. Check your task network configuration. CannotPullImage",
            "cannot reach the registry of its image: ",
            true,
        ),
        ("CannotPullContainerError: something new", "cannot pull its image: ", true),
    ] {
        let fault = stopped(&task("TaskFailedToStart", said));
        assert!(reason(&fault).starts_with(words), "{fault}");
        assert_eq!((fault.public, fault.terminal), (NOT_FETCHED, terminal), "{said}");
    }
}

#[test]
fn what_a_task_needs_before_its_start_is_named() {
    let init =
        |said: &str| stopped(&task("TaskFailedToStart", &format!("ResourceInitializationError: {said}")));
    for (said, words, terminal) in [
        (
            "unable to pull secrets or registry auth: execution resource retrieval failed: AccessDeniedException",
            "cannot fetch its secrets",
            true,
        ),
        (
            "failed to initialize logging driver: failed to create Cloudwatch log stream: ResourceNotFoundException",
            "cannot write to its log",
            true,
        ),
        ("failed to invoke EFS utils commands to set up EFS volumes", "cannot mount its file system", true),
        (
            "unable to pull secrets: RequestError: send request failed: dial tcp: i/o timeout",
            "cannot reach what it needs",
            false,
        ),
        ("something new", "cannot get what it needs", true),
    ] {
        let fault = init(said);
        assert!(reason(&fault).starts_with(words), "{fault}");
        assert_eq!((fault.public, fault.terminal), (MISCONFIGURED, terminal), "{said}");
    }
}

#[test]
fn a_container_that_ends_is_named_with_its_code() {
    let exited = task("EssentialContainerExited", "Essential container in task exited");
    let ended = with_container(exited.clone(), "sidecar", Some(143), None);
    let ended = with_container(ended, "web", Some(127), None);
    assert_eq!(
        &*stopped(&ended).reason,
        "task 01234567 ended: its container `web` exited with code 127 (its command was not found): Essential container in task exited"
    );
    let fault = stopped(&with_container(exited.clone(), "web", Some(0), None));
    assert!(fault.reason.contains("code 0 (no error"), "{fault}");
    assert!(!fault.terminal, "what it needed may be there by the next time");
    // 137 alone is a kill; with the agent's own words it is known why.
    let fault = stopped(&with_container(exited.clone(), "web", Some(137), None));
    assert!(fault.reason.contains("SIGKILL"), "{fault}");
    let out = with_container(
        exited,
        "web",
        Some(137),
        Some("OutOfMemoryError: Container killed due to memory usage"),
    );
    assert_eq!(
        reason(&stopped(&out)),
        "ran out of memory: Essential container in task exited: OutOfMemoryError: Container killed due to memory usage"
    );
}

#[test]
fn the_containers_reason_counts_where_the_tasks_says_nothing() {
    let failed = task("TaskFailedToStart", "Task failed to start");
    let fault = stopped(&with_container(
        failed,
        "web",
        None,
        Some(
            "CannotPullContainerError: Error response from daemon: manifest for shop:7 not found: manifest unknown",
        ),
    ));
    assert!(
        reason(&fault).starts_with("has an image that does not exist: Task failed to start: Cannot"),
        "{fault}"
    );
    let wrong =
        with_container(task("", ""), "web", Some(1), Some("CannotStartContainerError: exec: no such file"));
    let fault = stopped(&wrong);
    assert_eq!(reason(&fault), "cannot start its container: CannotStartContainerError: exec: no such file");
    assert!(fault.terminal);
}

#[test]
fn what_the_platform_takes_away_may_come_back() {
    for (code, said, words) in [
        ("SpotInterruption", "Your Spot Task was interrupted.", "was on Spot capacity"),
        ("TerminationNotice", "", "was on Spot capacity"),
        ("", "Host EC2 (instance i-0123) terminated.", "lost the machine under it"),
        ("InfrastructureHealth", "", "lost the machine under it"),
        (
            "TaskFailedToStart",
            "Timeout waiting for network interface provisioning to complete.",
            "got no network interface",
        ),
        ("TaskFailedToStart", "Capacity is unavailable at this time.", "found no capacity"),
        (
            "ServiceSchedulerInitiated",
            "Task failed ELB health checks in (target-group arn:aws:x)",
            "failed its load balancer's",
        ),
        ("TaskFailedToStart", "TaskFailedToStart: RESOURCE:CPU", "found no capacity"),
        (
            "TaskFailedToStart",
            "TaskFailedToStart: EMPTY CAPACITY PROVIDER",
            "found no instance in its capacity",
        ),
        ("TaskFailedToStart", "TaskFailedToStart: ATTRIBUTE", "found no instance that meets"),
        ("TaskFailedToStart", "TaskFailedToStart: AGENT", "was sent to an instance whose agent"),
        ("ServiceSchedulerInitiated", "Task failed container health checks", "failed its container's"),
        ("", "", "stopped"),
    ] {
        let fault = stopped(&task(code, said));
        assert!(reason(&fault).starts_with(words), "{fault}");
        assert!(!fault.terminal, "{said}");
    }
}

#[test]
fn nothing_of_what_ecs_says_reaches_a_visitor() {
    let secret = "CannotPullContainerError: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop: not found";
    for code in ["TaskFailedToStart", "EssentialContainerExited", "SpotInterruption", ""] {
        let public = stopped(&task(code, secret)).public;
        assert!(!public.contains("dkr") && !public.contains(char::is_numeric), "{public}");
    }
}

#[test]
fn an_ordinary_end_is_no_death() {
    for (code, said, dead) in [
        ("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/123)", false),
        ("ServiceSchedulerInitiated", "Task failed ELB health checks in (target-group arn:aws:x)", true),
        ("UserInitiated", "Task stopped by user", false),
        ("EssentialContainerExited", "Essential container in task exited", true),
        ("TaskFailedToStart", "CannotPullContainerError: x", true),
        ("SpotInterruption", "Your Spot Task was interrupted.", true),
        ("", "Scaling activity initiated by deployment ecs-svc/123", false),
        ("", "Host EC2 (instance i-0123) terminated.", true),
    ] {
        assert_eq!(died(&task(code, said)), dead, "{code} {said}");
    }
}

#[test]
fn the_short_id_survives_any_arn() {
    assert_eq!(short("arn:aws:ecs:eu-west-1:1:task/demo/0123456789abcdef"), "01234567");
    assert_eq!(short("ü"), "ü");
    assert_eq!(short(""), "");
}
