use super::*;
use LastStatus::{Pending, Provisioning, Running, Stopped, Stopping};

#[test]
fn a_task_known_when_the_service_was_put_to_sleep_is_not_used_again() {
    let mut world = World::new();
    world.described(service(1, 1, 0)).tasks(&[task(1, Running, 1)]);
    assert_eq!(world.addresses(), ["10.0.0.1:8080"]);
    world.later(60).sleep().later(1).wake();
    world.later(1).described(service(1, 1, 0)).tasks(&[task(1, Running, 1)]);
    let seen = world.seen();
    assert_eq!((seen.running, seen.stopping), (0, 1));
    assert_eq!(seen.targets, [], "ECS may not have told it yet");
    world.later(1).tasks(&[task(1, Running, 1), task(2, Pending, 162)]);
    assert_eq!(world.addresses(), ["10.0.0.2:8080"]);
}

#[test]
fn a_task_that_ecs_has_kept_is_believed_once_the_answer_cannot_be_old() {
    let mut world = World::new();
    world.described(service(1, 1, 0)).tasks(&[task(1, Running, 1)]);
    world.later(60).sleep().later(3).wake();
    world.later(5).described(service(1, 1, 0)).tasks(&[task(1, Running, 1)]);
    assert_eq!(world.addresses(), [""; 0], "no more than `settle` after the waking");
    assert_eq!(world.ask(true).describe, [arn(1)], "it is asked for until that is clear");
    world.later(1).described(service(1, 1, 0));
    let early = world.now().time - Duration::from_secs(2);
    assert_eq!(world.tasks_of(early, &[task(1, Running, 1)]).addresses(), [""; 0], "asked too early");
    assert_eq!(world.tasks(&[task(1, Running, 1)]).addresses(), ["10.0.0.1:8080"]);
}

#[test]
fn an_old_answer_after_falling_asleep_is_no_waking() {
    let mut world = World::new();
    world.described(service(1, 1, 0)).tasks(&[task(1, Running, 1)]);
    world.later(60).sleep();
    for _ in 0..5 {
        // From before: for longer than a waking needs to be believed, but never after `settle`.
        world.later(1).described(service(1, 1, 0)).tasks(&[task(1, Running, 1)]);
        assert_eq!(world.addresses(), [""; 0]);
    }
    // Somebody else wakes it; its task was told to stop all the same.
    world.later(1).described(service(1, 1, 0)).tasks(&[task(1, Running, 1)]);
    assert_eq!(world.addresses(), [""; 0]);
    world.later(1).tasks(&[task(1, Stopping, 1)]).later(10).tasks(&[task(1, Running, 1)]);
    assert_eq!(world.addresses(), [""; 0], "there is no way back");
}

#[test]
fn a_sleep_by_somebody_else_is_a_sleep() {
    let mut world = World::new();
    world.described(service(1, 1, 0)).tasks(&[task(1, Running, 1)]);
    world.later(60).described(service(0, 1, 0));
    world.later(1).wake();
    world.later(1).described(service(1, 1, 0)).tasks(&[task(1, Running, 1)]);
    assert_eq!(world.addresses(), [""; 0], "ECS may not have told it yet");
    world.later(1).tasks(&[task(1, Running, 1), task(2, Pending, 162)]);
    assert_eq!(world.addresses(), ["10.0.0.2:8080"]);
}

#[test]
fn a_task_from_before_a_restart_is_not_used_where_the_service_was_found_asleep() {
    let mut world = World::new();
    world.described(service(0, 1, 0)).later(1).wake();
    world.later(1).described(service(1, 1, 0)).tasks(&[task(1, Running, 1)]);
    assert_eq!(world.addresses(), [""; 0]);
    world.later(5).described(service(1, 1, 0)).tasks(&[task(1, Running, 1)]);
    assert_eq!(world.addresses(), ["10.0.0.1:8080"], "ECS has kept it");
}

#[test]
fn an_old_answer_after_a_waking_is_no_sleep() {
    let mut world = World::new();
    world.described(service(0, 0, 0)).later(60).wake();
    world.later(1).described(service(1, 0, 1)).tasks(&[task(1, Pending, 161)]);
    world.later(1).described(service(0, 0, 0)).later(1).described(service(1, 0, 1));
    assert_eq!(world.addresses(), ["10.0.0.1:8080"]);
}

#[test]
fn a_refused_sleep_changes_nothing() {
    let mut world = World::new();
    world.described(service(1, 1, 0)).tasks(&[task(1, Running, 1)]);
    let now = world.now();
    let lowering = world.with(|record| record.lowering(now));
    assert_eq!(world.addresses(), [""; 0], "it may be carried out at any moment");
    world.with(|record| record.not_lowered(&lowering));
    assert_eq!(world.addresses(), ["10.0.0.1:8080"]);
}

#[test]
fn after_a_sleep_that_nobody_knows_of_the_task_has_to_be_seen_anew() {
    let mut world = World::new();
    world.described(service(1, 1, 0)).tasks(&[task(1, Running, 1)]);
    let now = world.later(60).now();
    world.with(|record| record.lowering(now));
    world.with(|record| record.lowered(now, false));
    world.later(5).described(service(1, 1, 0)).tasks(&[task(1, Running, 1)]);
    assert_eq!(world.addresses(), [""; 0]);
    world.later(1).described(service(1, 1, 0)).tasks(&[task(1, Running, 1)]);
    assert_eq!(world.addresses(), ["10.0.0.1:8080"], "it was not carried out");
}

#[test]
fn a_waking_after_such_a_sleep_begins_the_wait_anew() {
    let mut world = World::new();
    world.described(service(1, 1, 0)).tasks(&[task(1, Running, 1)]);
    let now = world.later(60).now();
    world.with(|record| record.lowered(now, false));
    world.later(4).wake();
    world.later(5).described(service(1, 1, 0)).tasks(&[task(1, Running, 1)]);
    assert_eq!(world.addresses(), [""; 0], "it may have been told to stop until it was woken");
    world.later(1).described(service(1, 1, 0)).tasks(&[task(1, Running, 1)]);
    assert_eq!(world.addresses(), ["10.0.0.1:8080"]);
}

#[test]
fn a_stranger_that_runs_already_just_after_falling_asleep_is_not_believed() {
    let mut world = World::new();
    world.described(service(1, 0, 1)).sleep().later(1).wake();
    world.later(1).described(service(1, 1, 0)).tasks(&[task(1, Running, 101)]);
    assert_eq!(world.addresses(), [""; 0], "nobody starts that fast");
    let mut world = World::new();
    world.described(service(1, 0, 1)).sleep().later(1).wake().later(1).described(service(1, 0, 2));
    world.tasks(&[task(1, Pending, 99), task(2, Provisioning, 102)]);
    world.later(1).tasks(&[task(2, Pending, 102)]);
    assert_eq!(world.addresses(), ["10.0.0.2:8080"], "the other was made before it fell asleep");
}

#[test]
fn versions_decide_and_a_stop_is_for_ever() {
    let mut world = World::new();
    world.described(service(1, 1, 0)).tasks(&[task(1, Running, 1)]);
    let now = world.now();
    let stale = Task { version: 1, ..task(1, Running, 1) };
    assert!(!world.with(|record| record.heard_of(stale.clone(), now)));
    let told = Task { version: 9, desired: Wanted::Stopped, ..task(1, Running, 1) };
    assert!(world.with(|record| record.heard_of(told.clone(), now)));
    assert!(!world.with(|record| record.heard_of(told, now)), "the same again");
    assert_eq!(world.addresses(), [""; 0]);
    let confused = Task { version: 10, desired: Wanted::Running, ..task(1, Running, 1) };
    world.tasks(&[confused]);
    assert_eq!(world.addresses(), [""; 0]);
    assert_eq!(world.tasks(&[task(2, Pending, 101)]).addresses(), ["10.0.0.2:8080"]);
}

#[test]
fn a_late_event_does_not_bring_back_a_stopped_task() {
    let mut world = World::new();
    world.described(service(1, 1, 0)).tasks(&[task(1, Stopped, 1)]);
    let now = world.later(1800).now();
    world.with(|record| record.tidy(now.time));
    assert!(!world.with(|record| record.heard_of(task(1, Running, 1), now)));
    assert_eq!(world.addresses(), [""; 0]);
}

#[test]
fn a_task_that_ecs_does_not_know_is_gone_unless_it_is_new() {
    let mut world = World::new();
    world.described(service(1, 0, 1)).tasks(&[task(1, Pending, 99)]);
    let begun = world.later(5).now().time;
    world.with(|record| record.task_missing(&arn(1), begun));
    assert_eq!(world.seen().running, 1);
    let begun = world.later(1).now().time;
    world.with(|record| record.task_missing(&arn(1), begun));
    assert_eq!(world.seen().running, 0);
}

#[test]
fn an_address_belongs_to_the_task_that_was_made_last() {
    let mut world = World::new();
    let same = |id, made| Task { address: Some([10, 0, 0, 9].into()), ..task(id, Running, made) };
    world.described(service(2, 2, 0)).tasks(&[same(1, 10), same(2, 20)]);
    let instances = |world: &World| -> Vec<_> {
        world.seen().targets.into_iter().map(|target| target.instance).collect()
    };
    assert_eq!(instances(&world), [arn(2)]);
    world.tasks(&[same(1, 10)]);
    assert_eq!(instances(&world), [arn(2)], "the older one does not take it back");
}

#[test]
fn an_address_given_to_another_service_is_lost_at_once() {
    let mut world = World::new();
    world.described(service(1, 1, 0)).tasks(&[task(1, Running, 1)]);
    let other = Key::new("demo", "other");
    let taken = Task {
        service: Some("other".to_owned()),
        address: Some([10, 0, 0, 1].into()),
        ..task(7, Pending, 200)
    };
    let now = world.now();
    let nudged = world.ledger.tasks_described(&other, vec![taken], &[], now.time, now.wall);
    assert_eq!(nudged, ["web".into()]);
    assert_eq!(world.addresses(), [""; 0]);
}

#[test]
fn one_that_waited_long_for_its_address_has_it_from_one_that_was_put_to_sleep() {
    let mut world = World::new();
    world.described(service(1, 1, 0)).tasks(&[task(1, Running, 50)]).sleep();
    let other = Key::new("demo", "other");
    let waited = Task { address: Some([10, 0, 0, 1].into()), ..task(7, Pending, 20) };
    let now = world.later(30).now();
    world.ledger.tasks_described(&other, vec![waited.clone()], &[], now.time, now.wall);
    world.ledger.with(&other, |record| record.described(service(1, 0, 1), now.time, now));
    let view = View { port: Some(8080), group: None, only_running: false, now: now.time };
    let targets = |world: &World| world.ledger.view(&other, &view).unwrap().targets.len();
    assert_eq!(targets(&world), 1, "the other was made later, and is no more");

    let mut world = World::new();
    world.described(service(1, 1, 0)).tasks(&[task(1, Running, 50)]);
    world.ledger.tasks_described(&other, vec![waited], &[], now.time, now.wall);
    world.ledger.with(&other, |record| record.described(service(1, 0, 1), now.time, now));
    assert_eq!(targets(&world), 0, "the other is there");
}

#[test]
fn events_about_what_nobody_asked_for_are_dropped() {
    let world = World::new();
    let stranger = Task { service: Some("stranger".to_owned()), ..task(1, Running, 1) };
    assert_eq!(world.ledger.task_changed(stranger, wall(100)), [""; 0].map(Arc::from));
    let alone = Task { service: None, ..task(1, Running, 1) };
    assert_eq!(world.ledger.task_changed(alone, wall(100)), [""; 0].map(Arc::from));
    assert_eq!(world.ledger.task_changed(task(1, Running, 1), wall(100)), ["web".into()]);
    assert_eq!(world.ledger.task_changed(task(1, Running, 1), wall(100)), [""; 0].map(Arc::from));
    assert_eq!(world.ledger.service_changed("demo", "web"), ["web".into()]);
}
