//! Wakes that fail: whose fault it is, who is told, when it is tried again.

use std::time::Duration;

use super::super::harness::*;
use crate::engine::{Command, Note};
use crate::model::{Cause, Fault, Observation, Phase, Time};

#[test]
fn a_refused_start_ends_the_wake_at_once_with_the_providers_words() {
    let mut bench = Bench::asleep([service("web")]);
    bench.demand("web");
    bench.refuse("web", Fault::terminal("no such file"));
    assert_eq!((bench.phase("web"), bench.cause("web")), (Phase::Failed, Cause::Fault));
    assert_eq!(bench.told("web").unwrap(), "no such file");
}

#[test]
fn a_start_that_may_work_later_is_called_again_after_growing_pauses() {
    let mut bench = Bench::asleep([service("web")]);
    bench.demand("web");
    for pause in [500, 1_000, 2_000, 4_000] {
        bench.refuse("web", Fault::new("throttled"));
        bench.see("web", gone());
        bench.pass_seeing(pause - 1, &[("web", gone())]);
        assert_eq!((bench.phase("web"), bench.call("web")), (Phase::Waking, None), "within {pause}");
        bench.pass_seeing(1, &[("web", gone())]);
        assert_eq!(bench.call("web"), Some(1), "after {pause}");
    }
    bench.bring_up("web");
    assert_eq!(bench.phase("web"), Phase::Awake);
}

#[test]
fn a_death_on_the_way_up_ends_the_wake() {
    let mut bench = Bench::asleep([service("web")]);
    bench.demand("web");
    bench.ack("web");
    bench.pass(1_000);
    bench.see("web", died(bench.now));
    assert_eq!((bench.phase("web"), bench.told("web").unwrap().as_str()), (Phase::Failed, "exit status 1"));
}

#[test]
fn a_death_before_the_dependencies_were_ready_is_forgiven_and_gets_another_chance() {
    let mut bench = Bench::asleep(pair());
    bench.demand("web");
    bench.ack("db");
    bench.ack("web");
    bench.pass(1_000);
    let death = bench.now;
    bench.see("web", died(death));
    assert_eq!((bench.phase("web"), bench.call("web")), (Phase::Waking, None));
    bench.pass(1_000);
    bench.bring_up("db");
    assert_eq!(bench.call("web"), Some(1), "its provider need not wait out its pause");
    bench.ack("web");
    bench.see("web", died(death));
    assert_eq!((bench.phase("web"), bench.call("web")), (Phase::Waking, None), "once");
    bench.pass(1_000);
    bench.see("web", died(bench.now));
    assert_eq!(bench.phase("web"), Phase::Failed, "now it had all it needs");
}

#[test]
fn what_waiting_cannot_mend_ends_the_wake_whatever_the_dependencies_do() {
    let mut bench = Bench::asleep(pair());
    bench.demand("web");
    bench.ack("db");
    bench.ack("web");
    let fault = Some(Fault::terminal("cannot pull image").happened_at(Time::ZERO));
    bench.see("web", Observation { fault, ..ordered() });
    assert_eq!(bench.told("web").unwrap(), "cannot pull image");
    assert_eq!(bench.phase("db"), Phase::Waking);
}

#[test]
fn a_dependencys_failure_is_its_dependents_with_its_name() {
    let mut bench = Bench::asleep(chain());
    bench.demand("web");
    bench.refuse("db", Fault::terminal("no such file"));
    assert_eq!(bench.told("api").unwrap(), "db: no such file");
    assert_eq!(bench.told("web").unwrap(), "api: db: no such file");
    assert!(bench.counts("web").is_empty());
}

#[test]
fn a_wake_has_its_time_and_no_more() {
    let mut bench = Bench::asleep([service("web")]);
    bench.demand("web");
    bench.bring_up("web");
    bench.ill("web");
    bench.demand("web");
    bench.pass_seeing(59_999, &[("web", up())]);
    assert_eq!(bench.phase("web"), Phase::Waking);
    bench.pass_seeing(1, &[("web", up())]);
    assert_eq!(bench.told("web").unwrap(), "not ready after 1m: connection refused");
}

#[test]
fn a_late_dependency_is_named() {
    let mut specs = pair();
    specs[0].limits.wake_timeout = Duration::from_secs(600);
    let mut bench = Bench::asleep(specs);
    bench.demand("web");
    bench.ack("db");
    bench.bring_up("web");
    bench.pass_seeing(60_000, &[("web", up()), ("db", up())]);
    assert_eq!(bench.told("web").unwrap(), "not ready after 1m: it was still waiting for db");
    bench.healthy("db");
    assert_eq!(bench.phase("web"), Phase::Awake, "it turns out well after all");
    assert!(bench.is_open("web"));
}

#[test]
fn a_call_that_is_never_answered_ends_with_the_wakes_time_and_is_not_made_twice() {
    let mut bench = Bench::asleep([service("web")]);
    bench.demand("web");
    bench.pass(60_000);
    assert_eq!(bench.phase("web"), Phase::Failed);
    bench.demand("web");
    bench.pass(600_000);
    assert_eq!(bench.counts("web"), [1]);
    bench.ack("web");
    bench.bring_up("web");
    assert_eq!(bench.phase("web"), Phase::Awake);
}

#[test]
fn demand_during_the_pause_is_remembered_and_refused_until_then() {
    let mut bench = Bench::asleep([service("web")]);
    let down = [("web", gone())];
    for pause in [2_000, 4_000, 8_000] {
        bench.demand("web");
        bench.refuse("web", Fault::terminal("no such file"));
        bench.see("web", gone());
        bench.demand("web");
        bench.pass_seeing(pause - 1, &down);
        assert_eq!((bench.phase("web"), bench.told("web").is_some()), (Phase::Failed, true));
        bench.pass_seeing(1, &down);
        assert_eq!((bench.phase("web"), bench.told("web")), (Phase::Waking, None));
    }
    bench.bring_up("web");
    bench.ill("web");
    bench.see("web", up());
    assert_eq!(bench.view("web").fault, None);
}

#[test]
fn without_demand_a_failed_service_is_not_tried_again() {
    let mut bench = Bench::asleep([service("web")]);
    bench.demand("web");
    bench.refuse("web", Fault::terminal("no such file"));
    bench.pass_seeing(3_600_000, &[("web", gone())]);
    assert_eq!((bench.phase("web"), bench.counts("web")), (Phase::Asleep, vec![1]));
    assert_eq!(&*bench.view("web").fault.unwrap().reason, "no such file", "still the last word");
}

#[test]
fn a_dependency_is_tried_again_with_its_dependent() {
    let mut bench = Bench::asleep(pair());
    bench.demand("web");
    bench.refuse("db", Fault::terminal("no such file"));
    bench.demand("web");
    let down = [("db", gone()), ("web", gone())];
    bench.pass_seeing(1_999, &down);
    assert_eq!(bench.phases("web"), [Phase::Asleep, Phase::Waking, Phase::Failed]);
    bench.pass_seeing(1, &down);
    assert_eq!((bench.phase("db"), bench.call("db")), (Phase::Waking, Some(1)));
    bench.bring_up("db");
    bench.bring_up("web");
    assert_eq!(bench.phase("web"), Phase::Awake);
}

#[test]
fn demand_for_a_dependent_during_the_dependencys_pause_is_told_why_at_once() {
    let mut bench = Bench::asleep(pair());
    bench.demand("db");
    bench.refuse("db", Fault::terminal("no such file"));
    bench.demand("web");
    assert_eq!(bench.told("web").unwrap(), "db: no such file");
    assert_eq!(bench.view("web").retry_at, bench.view("db").retry_at);
}

#[test]
fn a_failed_service_that_is_idle_is_put_to_sleep() {
    let mut bench = Bench::asleep([service("web")]);
    bench.demand("web");
    bench.ack("web");
    bench.see("web", died(bench.now));
    assert_eq!(bench.phase("web"), Phase::Failed);
    bench.pass_seeing(70_000, &[("web", died(Time::ZERO))]);
    assert_eq!((bench.phase("web"), bench.call("web")), (Phase::Stopping, Some(0)));
    bench.bring_down("web");
    assert_eq!(bench.phase("web"), Phase::Asleep);
}

#[test]
fn a_failed_service_can_be_put_to_sleep_during_its_pause() {
    let mut bench = Bench::asleep([service("web")]);
    bench.demand("web");
    bench.ack("web");
    bench.see("web", died(bench.now));
    bench.demand("web");
    bench.sleep("web");
    assert_eq!((bench.phase("web"), bench.cause("web")), (Phase::Stopping, Cause::Asked));
    bench.bring_down("web");
    bench.pass_seeing(600_000, &[("web", gone())]);
    assert_eq!(bench.phase("web"), Phase::Asleep);
}

#[test]
fn a_failed_service_that_still_serves_is_not_stopped_and_refuses_on() {
    let mut bench = Bench::awake([service("web")]);
    let web = bench.id("web");
    bench.inside.insert(web, 1);
    bench.ill("web");
    bench.pass_seeing(60_000, &[("web", up())]);
    assert_eq!(bench.phase("web"), Phase::Failed);
    bench.sleep("web");
    assert_eq!((bench.phase("web"), bench.cause("web")), (Phase::Failed, Cause::Busy));
    assert!(bench.told("web").is_some(), "draining has not made the gate forget");
    let refused_last = bench.log.iter().rev().find_map(|command| match command {
        Command::Fail { .. } => Some(true),
        Command::Drain(_) => Some(false),
        _ => None,
    });
    assert_eq!(refused_last, Some(true));
}

#[test]
fn a_way_up_that_nobody_asked_for_is_no_wake_to_be_counted() {
    let mut bench = Bench::awake([service("web")]);
    bench.log.clear();
    bench.ill("web");
    bench.pass_seeing(60_000, &[("web", up())]);
    assert_eq!(bench.phase("web"), Phase::Failed);
    assert!(!bench.log.iter().any(|command| matches!(command, Command::Tell(Note::Wake { .. }))));
}

#[test]
fn one_failing_service_does_not_hold_up_another() {
    let mut bench = Bench::asleep([service("bad"), service("good")]);
    bench.demand("bad");
    bench.demand("good");
    bench.refuse("bad", Fault::terminal("no such file"));
    bench.bring_up("good");
    assert_eq!((bench.phase("bad"), bench.phase("good")), (Phase::Failed, Phase::Awake));
}
