use super::*;
use LastStatus::{Activating, Pending, Provisioning, Running, Stopped};

#[test]
fn a_sleeper_is_asked_nothing() {
    let mut world = World::new();
    assert_eq!(world.described(service(0, 0, 0)).ask(false), Ask::default());
    assert_eq!(world.later(60).described(service(0, 0, 0)).ask(false), Ask::default());
    let steady = service(0, 0, 0).saying("a", 10, "has reached a steady state.");
    let mut world = World::new();
    assert_eq!(world.described(steady.clone()).ask(false), Ask::default(), "nothing was stopped");
    let mut world = World::new();
    let steady = steady.saying("b", 11, "has stopped 1 running tasks: (task 1).");
    assert_eq!(world.later(3600).described(steady).ask(false), Ask::default(), "what was said is long ago");
}

#[test]
fn one_that_fell_asleep_lately_is_asked_once_what_is_left_of_it() {
    let mut world = World::new();
    let asleep = service(0, 0, 0).saying("a", 90, "has stopped 1 running tasks.");
    let ask = world.described(asleep.clone()).ask(false);
    assert!(ask.list_stopped && !ask.list, "{ask:?}");
    world.with(Record::listed_stopped);
    assert_eq!(world.later(60).described(asleep).ask(false), Ask::default());
}

#[test]
fn an_awake_one_is_listed_once_and_then_only_when_it_changes() {
    let mut world = World::new();
    let awake = service(1, 1, 0).saying("a", 1, "has reached a steady state.");
    assert!(world.described(awake.clone()).ask(false).list);
    assert_eq!(world.with(|record| record.ask_about(&[arn(1)])), [arn(1)]);
    world.tasks(&[task(1, Running, 1)]).with(Record::listed);
    for _ in 0..5 {
        assert_eq!(world.later(60).described(awake.clone()).ask(false), Ask::default());
    }
    let said = awake.clone().saying("b", 400, "has started 1 tasks: (task 2).");
    assert!(world.later(60).described(said.clone()).ask(false).list, "something happened");
    world.with(Record::listed);
    assert!(!world.later(60).described(said.clone()).ask(false).list);
    let more = ServiceState { desired: 2, ..said };
    assert!(world.later(60).described(more).ask(false).list, "the counts changed");
}

#[test]
fn a_listing_that_failed_is_made_again() {
    let mut world = World::new();
    assert!(world.described(service(1, 1, 0)).ask(false).list);
    assert!(world.later(60).described(service(1, 1, 0)).ask(false).list);
}

#[test]
fn a_waking_one_is_listed_when_its_task_is_counted_and_described_until_it_runs() {
    let mut world = World::new();
    world.described(service(0, 0, 0)).wake();
    assert_eq!(world.later(1).described(service(1, 0, 0)).ask(false), Ask::default(), "nothing there yet");
    let said = service(1, 0, 0).saying("a", 102, "has started 1 tasks: (task 1).");
    assert!(world.described(said).ask(false).list, "not counted, but started");
    assert!(world.later(1).described(service(1, 0, 1)).ask(false).list, "a task is counted");
    world.tasks(&[task(1, Provisioning, 103)]).with(Record::listed);
    for last in [Provisioning, Pending, Activating] {
        let ask = world.later(1).described(service(1, 0, 1)).ask(false);
        assert_eq!(ask, Ask { describe: vec![arn(1)], ..Ask::default() });
        world.tasks(&[task(1, last, 103)]);
    }
    world.tasks(&[task(1, Running, 103)]);
    world.later(1).described(service(1, 1, 0)).with(Record::listed);
    assert_eq!(world.ask(false), Ask::default(), "it runs");
}

#[test]
fn a_quick_look_describes_even_what_runs_but_not_every_time() {
    let mut world = World::new();
    world.described(service(1, 1, 0)).tasks(&[task(1, Running, 1)]).with(Record::listed);
    world.ask(false);
    assert_eq!(world.later(60).ask(false), Ask::default(), "the slow rhythm");
    assert_eq!(world.later(6).ask(false).describe, [arn(1)], "so soon: somebody suspects something");
    world.tasks(&[task(1, Running, 1)]);
    assert_eq!(world.later(1).ask(false), Ask::default());
    assert_eq!(world.later(5).ask(false).describe, [arn(1)]);
}

#[test]
fn tasks_on_their_way_out_are_described_until_they_are_gone() {
    let mut world = World::new();
    world.described(service(1, 1, 0)).tasks(&[task(1, Running, 1)]).with(Record::listed);
    world.later(60).sleep().later(1).described(service(0, 0, 0));
    assert_eq!(world.ask(false).describe, [arn(1)]);
    world.tasks(&[task(1, LastStatus::Deprovisioning, 1)]);
    assert_eq!(world.later(1).ask(false).describe, [arn(1)]);
    world.tasks(&[task(1, Stopped, 1)]);
    assert_eq!(world.later(1).ask(false), Ask::default());
}

#[test]
fn one_whose_tasks_are_gone_is_asked_for_the_reason_once_for_each_news() {
    let mut world = World::new();
    world.described(service(0, 0, 0)).wake();
    world.later(1).described(service(1, 0, 0)).with(Record::listed);
    assert!(!world.ask(false).list_stopped, "nothing was said yet");
    let said = service(1, 0, 0).saying("a", 102, "has started 1 tasks: (task 1).");
    assert!(world.later(1).described(said.clone()).ask(false).list_stopped);
    world.with(Record::listed_stopped);
    assert!(!world.later(1).described(said).ask(false).list_stopped);
}

#[test]
fn a_task_that_left_the_list_is_described() {
    let mut world = World::new();
    world.described(service(2, 2, 0)).tasks(&[task(1, Running, 1), task(2, Running, 1)]);
    assert_eq!(world.with(|record| record.ask_about(&[arn(2), arn(3)])), [arn(3), arn(1)]);
}

#[test]
fn with_events_what_is_known_is_not_asked_again() {
    let mut world = World::new();
    let wants = |world: &World, told| {
        let now = world.now().time;
        world.with(|record| {
            let look = record.look(now, told);
            record.wants_description(&look)
        })
    };
    assert!(wants(&world, true), "it was never described");
    world.described(service(1, 0, 1)).tasks(&[task(1, Pending, 99)]).with(Record::listed);
    world.later(1);
    assert!(!wants(&world, true) && wants(&world, false));
    assert_eq!(world.ask(true), Ask::default(), "an event will tell when it runs");
    assert_eq!(world.ask(false).describe, [arn(1)]);
    let now = world.now();
    world.with(|record| record.heard_of(task(2, Pending, 100), now));
    assert!(!world.ask(true).list, "the description is older than the event");
    assert!(world.ask(false).list);
    world.with(|record| record.outdated(Time::from_millis(101_000)));
    assert!(wants(&world, true), "an event says that it has changed");
    world.described(service(1, 0, 1));
    assert!(!wants(&world, true));
    world.later(10);
    assert!(wants(&world, true), "even events may be lost");
    assert_eq!(world.ask(true).describe, [arn(1), arn(2)]);
}

#[test]
fn one_that_has_what_it_shall_is_described_seldom_while_events_tell_of_it() {
    let wants = |world: &World| {
        let now = world.now().time;
        world.with(|record| {
            let look = record.look(now, true);
            record.wants_description(&look)
        })
    };
    let mut asleep = World::new();
    asleep.described(service(0, 0, 0));
    let mut awake = World::new();
    awake.described(service(1, 1, 0)).tasks(&[task(1, Running, 1)]);
    for world in [&mut asleep, &mut awake] {
        for _ in 0..4 {
            assert!(!wants(world.later(60)));
        }
        assert!(!wants(world.later(50)));
        assert!(wants(world.later(5)), "somebody who looks again so soon suspects something");
        assert!(wants(world.later(60)), "even events may be lost");
    }
    let mut moving = World::new();
    moving.described(service(2, 1, 0)).tasks(&[task(1, Running, 1)]);
    assert!(wants(moving.later(60)), "it has too few tasks");
    moving.described(service(1, 1, 0).rolling(Rollout::InProgress, ""));
    assert!(wants(moving.later(60)), "it is being deployed");
}

#[test]
fn a_change_of_ours_makes_every_earlier_description_old() {
    let mut world = World::new();
    world.described(service(0, 0, 0)).later(1).wake();
    let look = world.with(|record| record.look(Time::from_millis(101_000), true));
    assert!(world.with(|record| record.wants_description(&look)));
    let late = world.now();
    world.with(|record| record.described(service(0, 0, 0), Time::from_millis(100_500), late));
    assert!(
        world.with(|record| record.wants_description(&look)),
        "that answer was asked for before the change"
    );
}
