use super::*;
use LastStatus::{Pending, Running};

const EXITED: &str = "EssentialContainerExited";

fn waking() -> World {
    let mut world = World::new();
    world.described(service(0, 0, 0)).wake();
    world.later(1).described(service(1, 0, 0));
    world
}

#[test]
fn a_death_since_the_waking_is_told_with_its_moment() {
    let mut world = waking();
    world.later(20).tasks(&[task(1, Pending, 105)]);
    world.later(10).tasks(&[dead(1, 105, 125, EXITED, "Essential container in task exited")]);
    let fault = world.seen().fault.unwrap();
    assert!(fault.reason.contains("Essential container in task exited"), "{fault}");
    assert_eq!(fault.at, Some(Time::from_millis(125_000)), "when ECS says, not when it was heard of");
    assert!(!fault.terminal);
    world.later(30).tasks(&[task(2, Pending, 160)]);
    assert_eq!(
        world.seen().fault.and_then(|fault| fault.at),
        Some(Time::from_millis(125_000)),
        "and it stays"
    );
    world.tasks(&[task(2, Running, 160)]);
    assert_eq!(world.seen().fault, None, "the next one runs");
}

#[test]
fn a_death_before_the_waking_does_not_count() {
    let mut world = waking();
    world.tasks(&[dead(1, 101, 99, EXITED, "x")]);
    assert_eq!(world.seen().fault, None);
    world.tasks(&[dead(2, 101, 102, EXITED, "y")]);
    assert!(world.seen().fault.is_some(), "by a clock that is a second ahead of ours");
    let now = world.later(1).now().time;
    world.with(|record| record.rising(now));
    assert_eq!(world.seen().fault, None, "whoever wakes it again waits for the next task");
}

#[test]
fn what_somebody_else_wakes_begins_anew() {
    let mut world = waking();
    world.later(5).tasks(&[dead(1, 101, 104, EXITED, "x")]);
    assert!(world.seen().fault.is_some());
    world.later(60).described(service(0, 0, 0).saying("1", 160, "was unable to place a task"));
    world.later(60).described(service(1, 0, 0).saying("1", 160, "was unable to place a task"));
    assert_eq!(world.seen().fault, None, "it died before it was seen down");
    world.later(5).tasks(&[dead(2, 226, 230, EXITED, "y")]);
    assert!(world.seen().fault.is_some());
}

#[test]
fn clocks_that_disagree_date_no_death_before_it_was_last_seen_alive() {
    let mut world = waking();
    world.later(10).tasks(&[task(1, Running, 102)]);
    world.later(10).tasks(&[dead(1, 102, 103, EXITED, "x")]);
    assert_eq!(world.seen().fault.and_then(|fault| fault.at), Some(Time::from_millis(111_000)));
}

#[test]
fn what_is_no_longer_wanted_did_not_die() {
    for (code, reason) in [
        ("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)"),
        ("UserInitiated", "Task stopped by user"),
    ] {
        let mut world = waking();
        world.tasks(&[task(1, Pending, 101)]).later(5).tasks(&[dead(1, 101, 105, code, reason)]);
        assert_eq!(world.seen().fault, None, "{code}");
    }
}

#[test]
fn a_machine_taken_away_is_waited_for() {
    let mut world = waking();
    world.later(5).tasks(&[dead(1, 101, 105, "SpotInterruption", "Your Spot Task was interrupted.")]);
    let seen = world.seen();
    assert_eq!(seen.fault, None);
    assert!(seen.waits_for.unwrap().contains("Spot"));
}

#[test]
fn a_task_killed_by_our_own_sleep_did_not_die() {
    let mut world = World::new();
    world.described(service(1, 1, 0)).tasks(&[task(1, Running, 1)]);
    world.later(60).sleep().later(1).wake().later(1).described(service(1, 0, 0));
    world.tasks(&[dead(1, 1, 162, EXITED, "Essential container in task exited")]);
    assert_eq!(world.seen().fault, None);
}

#[test]
fn an_image_that_cannot_be_pulled_ends_the_wait() {
    let mut world = waking();
    world.tasks(&[dead(1, 101, 101, "TaskFailedToStart", "CannotPullContainerError: manifest unknown")]);
    let fault = world.seen().fault.unwrap();
    assert!(fault.terminal);
    assert!(!fault.public.contains("manifest"), "{}", fault.public);
}

#[test]
fn the_schedulers_pause_ends_the_wait_with_the_last_reason() {
    const IMPAIRED: &str = "is unable to consistently start tasks successfully.";
    let mut world = waking();
    world.tasks(&[dead(1, 101, 101, EXITED, "Essential container in task exited")]);
    world.later(5).described(service(1, 0, 0).saying("a", 105, IMPAIRED));
    let fault = world.seen().fault.unwrap();
    assert!(fault.terminal);
    assert!(fault.reason.contains("Essential container in task exited"), "{fault}");
    world.described(service(1, 0, 1).saying("a", 105, IMPAIRED)).tasks(&[task(2, Pending, 106)]);
    assert!(!world.seen().fault.unwrap().terminal, "it tries again");
}

#[test]
fn what_the_scheduler_said_before_the_waking_does_not_count() {
    let before =
        |state: ServiceState| state.saying("a", 99, "is unable to consistently start tasks successfully.");
    let mut world = World::new();
    world.described(before(service(0, 0, 0))).wake();
    world.later(1).described(before(service(1, 0, 0)));
    assert_eq!(world.seen().fault, None);
    // Unless it was up all the time, and the scheduler still pauses.
    let mut world = World::new();
    world.described(before(service(1, 0, 0)));
    assert!(world.seen().fault.unwrap().terminal);
    assert!(world.wake().seen().fault.unwrap().terminal, "asking again does not change that");
}

#[test]
fn no_room_is_waited_for_by_name() {
    let mut world = waking();
    let state = ServiceState { capacity_providers: vec!["FARGATE_SPOT".to_owned()], ..service(1, 0, 0) };
    let message = "was unable to place a task. Reason: Capacity is unavailable at this time.";
    world.described(state.saying("a", 102, message));
    let seen = world.seen();
    assert_eq!(seen.fault, None);
    assert!(seen.waits_for.unwrap().contains("FARGATE_SPOT"));
}

#[test]
fn a_failed_deployment_with_nothing_running_ends_the_wait() {
    let mut world = waking();
    let reason = "ECS deployment circuit breaker: tasks failed to start.";
    world.described(service(1, 0, 0).rolling(Rollout::Failed, reason));
    let fault = world.seen().fault.unwrap();
    assert!(fault.terminal && fault.reason.contains("circuit breaker"), "{fault}");
    world.described(service(1, 1, 0).rolling(Rollout::Failed, reason)).tasks(&[task(1, Running, 101)]);
    assert_eq!(world.seen().fault, None);
}

#[test]
fn a_roll_back_is_waited_for() {
    let mut world = waking();
    let reason = "ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/0.";
    world.described(service(1, 0, 0).rolling(Rollout::InProgress, reason));
    let seen = world.seen();
    assert_eq!(seen.fault, None);
    assert!(seen.waits_for.unwrap().contains("rolling back"));
}
