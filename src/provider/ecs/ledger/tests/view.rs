use super::super::super::state::GroupHealth;
use super::*;
use LastStatus::{Activating, Pending, Provisioning, Running, Stopped, Stopping};

#[test]
fn targets_are_there_from_the_first_answer_that_has_an_address() {
    let mut world = World::new();
    world.described(service(1, 0, 1)).tasks(&[task(1, Provisioning, 99)]);
    let seen = world.seen();
    assert_eq!((seen.desired, seen.running, seen.targets.len()), (1, 1, 0));
    assert_eq!(seen.waits_for.as_deref(), Some("its task, which is PROVISIONING"));
    assert_eq!(world.tasks(&[task(1, Pending, 99)]).addresses(), ["10.0.0.1:8080"]);
    let target = &world.seen().targets[0];
    assert_eq!(target.instance, arn(1));
    assert_eq!(world.tasks(&[task(1, Running, 99)]).seen().waits_for, None);
}

#[test]
fn without_an_address_of_its_own_a_task_counts_once_it_runs() {
    let mut world = World::new();
    let seen = |world: &World| {
        let view = View { port: None, only_running: true, group: None, now: world.now().time };
        world.ledger.view(&world.key, &view).unwrap()
    };
    world.described(service(1, 0, 1)).tasks(&[task(1, Activating, 99)]);
    assert_eq!((seen(&world).running, seen(&world).stopping), (0, 0));
    world.tasks(&[task(1, Running, 99)]);
    assert_eq!((seen(&world).running, seen(&world).stopping), (1, 0));
}

#[test]
fn an_address_once_known_stays() {
    let mut world = World::new();
    world.described(service(1, 0, 1)).tasks(&[task(1, Pending, 99)]);
    let without = Task { address: None, ..task(1, Running, 99) };
    assert_eq!(world.tasks(&[without]).addresses(), ["10.0.0.1:8080"]);
}

#[test]
fn what_is_told_to_stop_is_stopping_until_it_is_gone() {
    let mut world = World::new();
    world.described(service(2, 2, 0)).tasks(&[
        task(1, Running, 1),
        task(2, Stopping, 1),
        task(3, Stopped, 1),
    ]);
    let seen = world.seen();
    assert_eq!((seen.running, seen.stopping, seen.targets.len()), (1, 1, 1));
}

#[test]
fn a_service_at_zero_has_no_targets_and_is_gone_with_its_last_task() {
    let mut world = World::new();
    world.described(service(0, 1, 0)).tasks(&[task(1, Running, 1)]);
    let seen = world.seen();
    assert_eq!((seen.desired, seen.running, seen.stopping, seen.targets.len()), (0, 0, 1, 0));
    world.described(service(0, 0, 0)).tasks(&[task(1, Stopped, 1)]);
    assert_eq!(world.seen(), Observation::default());
    world.described(service(0, 2, 1));
    assert_eq!(world.seen().stopping, 3, "counted, though not known");
}

#[test]
fn a_deleted_service_has_no_desired_count() {
    for status in [ServiceStatus::Draining, ServiceStatus::Inactive] {
        let mut world = World::new();
        world.described(ServiceState { status, ..service(1, 0, 0) });
        assert_eq!(world.seen().desired, 0, "{status:?}");
    }
}

#[test]
fn a_target_groups_word_counts_only_once_a_task_runs() {
    let mut world = World::new();
    let group = GroupHealth { healthy: 1, ..GroupHealth::default() };
    world.described(service(1, 0, 1)).tasks(&[task(1, Activating, 99)]);
    assert!(!world.with(|record| record.may_pass()));
    assert_eq!(world.seen_with(Some(&group)).passing, 0, "that is a target of the task before");
    world.tasks(&[task(1, Running, 99)]);
    assert!(world.with(|record| record.may_pass()));
    assert_eq!(world.seen_with(Some(&group)).passing, 1);
    let reason = Some("Elb.RegistrationInProgress".to_owned());
    let initial = GroupHealth { initial: 1, reason, ..GroupHealth::default() };
    let seen = world.seen_with(Some(&initial));
    assert_eq!(seen.waits_for.as_deref(), Some("its target group: 1 initial (Elb.RegistrationInProgress)"));
    let empty = world.seen_with(Some(&GroupHealth::default()));
    assert_eq!(empty.waits_for.as_deref(), Some("its target group: no target is registered"));
}

#[test]
fn a_deployment_under_way_keeps_it_up_but_not_for_ever() {
    let mut world = World::new();
    let rolling = service(1, 1, 0).rolling(Rollout::InProgress, "ECS deployment ecs-svc/1 in progress.");
    world.described(rolling.clone());
    assert!(world.seen().keeps.unwrap().contains("is being deployed"));
    world.later(3599).described(rolling.clone());
    assert!(world.seen().keeps.is_some());
    world.later(1).described(rolling);
    assert_eq!(world.seen().keeps, None, "one that fails for ever would keep it up for ever");
    world.described(service(1, 1, 0).rolling(Rollout::Completed, ""));
    assert_eq!(world.seen().keeps, None);
}

#[test]
fn a_daemon_service_is_not_put_to_sleep() {
    let mut world = World::new();
    world.described(ServiceState { daemon: true, ..service(1, 1, 0) });
    assert!(world.seen().keeps.unwrap().contains("daemon"));
}

#[test]
fn scaling_is_resumed_once_it_is_up_and_not_just_put_to_sleep() {
    let mut world = World::new();
    let tagged = |desired| {
        let tag = ("wakegate:scaling".to_owned(), "min=1 in=active out=active scheduled=active".to_owned());
        ServiceState { tags: [tag].into(), ..service(desired, 0, 0) }
    };
    let due = |world: &World| world.with(|record| record.is_to_resume(world.now().time));
    assert!(!due(world.described(tagged(0))));
    assert!(!due(world.later(1).described(tagged(1))), "another gateway may be putting it to sleep");
    assert!(!due(world.later(60).described(tagged(1))));
    assert!(due(world.later(1).described(tagged(1))));
    assert!(!due(world.later(29).described(tagged(1))), "not all the time");
    assert!(due(world.later(1).described(tagged(1))));
    assert!(!due(world.later(60).sleep().later(1).described(tagged(1))), "an old answer");
    assert!(!due(world.later(60).described(service(1, 0, 0))), "there is nothing to resume");
    world.later(60).described(tagged(0)).wake();
    assert!(due(&world), "at once, where it was woken by us");
}

#[test]
fn tags_that_we_wrote_are_known_before_they_are_described() {
    let mut world = World::new();
    let scaling = || ("wakegate:scaling", "min=1 in=active out=active scheduled=active".to_owned());
    let tagged = || ServiceState { tags: [(scaling().0.to_owned(), scaling().1)].into(), ..service(1, 1, 0) };
    let now = world.described(service(1, 1, 0)).now().time;
    world.with(|record| record.tagged(&[scaling()], now));
    world.later(5).described(service(1, 1, 0));
    assert!(world.with(|record| record.memory().scaling).is_some());
    let now = world.now().time;
    world.with(|record| record.untagged("wakegate:scaling", now));
    world.later(5).described(tagged());
    assert_eq!(world.with(|record| record.memory().scaling), None);
    world.later(1).described(tagged());
    assert!(world.with(|record| record.memory().scaling).is_some(), "somebody else has written it");
}

#[test]
fn a_service_whose_tasks_change_is_unsettled_until_they_have_not_for_long() {
    let mut world = World::new();
    world.described(service(1, 1, 0)).tasks(&[task(1, Running, 1)]);
    assert!(!world.seen().unsettled);
    world.described(service(2, 1, 0));
    assert!(world.seen().unsettled, "scaled out");
    world.later(4 * 60).described(service(2, 1, 0));
    assert!(world.seen().unsettled);
    world.later(2 * 60).described(service(2, 1, 0));
    assert!(!world.seen().unsettled, "there may never be room for the second");
    world.described(service(1, 1, 0).rolling(Rollout::InProgress, ""));
    assert!(world.seen().unsettled, "deployed");
    world.described(service(1, 1, 0).rolling(Rollout::Completed, "")).tasks(&[task(2, Stopping, 1)]);
    assert!(world.seen().unsettled, "one is on its way out");
    world.tasks(&[task(2, Stopped, 1)]);
    assert!(!world.seen().unsettled);
}

#[test]
fn a_replica_that_crashes_for_ever_is_not_looked_at_for_ever() {
    let mut world = World::new();
    let mut busy = 0;
    for _ in 0..60 {
        world.later(10).described(service(2, 1, 1));
        busy += u32::from(world.seen().unsettled);
        world.later(20).described(service(2, 2, 0));
        assert!(!world.seen().unsettled, "it runs, for now");
    }
    assert_eq!(busy, 10, "five minutes, and the rests are too short to begin anew");
    world.later(300).described(service(2, 1, 1));
    assert!(world.seen().unsettled, "it was at rest for long");
}
