//! The way down: quiet, draining, stopping, and what calls it off.

use std::time::Duration;

use super::super::harness::*;
use crate::engine::{Command, Event};
use crate::model::{Cause, Fault, Phase};

#[test]
fn quiet_puts_to_sleep() {
    let mut bench = Bench::awake([service("web")]);
    bench.pass_seeing(59_000, &[("web", up())]);
    assert_eq!(bench.phase("web"), Phase::Awake);
    bench.pass_seeing(4_000, &[("web", up())]);
    assert_eq!((bench.phase("web"), bench.cause("web")), (Phase::Stopping, Cause::Idle));
    assert!(!bench.is_open("web"));
    bench.ack("web");
    bench.see("web", leaving());
    assert_eq!(bench.phase("web"), Phase::Stopping);
    bench.see("web", gone());
    assert_eq!((bench.phase("web"), bench.cause("web")), (Phase::Asleep, Cause::Stopped));
    assert_eq!(bench.counts("web"), [1, 0]);
}

#[test]
fn a_long_response_is_no_quiet() {
    let mut bench = Bench::awake([service("web")]);
    let web = bench.id("web");
    bench.inside.insert(web, 1);
    bench.pass_seeing(600_000, &[("web", up())]);
    assert_eq!(bench.phase("web"), Phase::Awake);
    bench.inside.insert(web, 0);
    bench.pass_seeing(70_000, &[("web", up())]);
    assert_eq!(bench.phase("web"), Phase::Stopping);
}

#[test]
fn short_requests_between_two_samples_are_no_quiet() {
    let mut bench = Bench::awake([service("web")]);
    let web = bench.id("web");
    for _ in 0..100 {
        *bench.entered.entry(web).or_default() += 1;
        bench.pass_seeing(3_000, &[("web", up())]);
    }
    assert_eq!(bench.phase("web"), Phase::Awake);
}

#[test]
fn who_waits_for_a_target_with_room_is_no_quiet() {
    let mut bench = Bench::awake([service("web")]);
    let web = bench.id("web");
    bench.held.insert(web, 1);
    bench.pass_seeing(600_000, &[("web", up())]);
    assert_eq!(bench.phase("web"), Phase::Awake);
}

#[test]
fn a_frozen_process_has_not_observed_quiet() {
    let mut bench = Bench::awake([service("web")]);
    bench.pass_seeing(50_000, &[("web", up())]);
    // Nothing runs for an hour; then the timers fire late, once.
    bench.now = bench.now + Duration::from_secs(3600);
    bench.event(Event::Tick);
    bench.see("web", up());
    bench.pass_seeing(55_000, &[("web", up())]);
    assert_eq!(bench.phase("web"), Phase::Awake, "what was quiet before does not count either");
    bench.pass_seeing(10_000, &[("web", up())]);
    assert_eq!(bench.phase("web"), Phase::Stopping);
}

#[test]
fn nothing_is_put_to_sleep_unseen() {
    let mut bench = Bench::awake([service("web")]);
    bench.fail_to_see("web");
    bench.pass(3_600_000);
    assert_eq!(bench.phase("web"), Phase::Awake, "the provider is out of reach");
    bench.see("web", up());
    bench.pass_seeing(5_000, &[("web", up())]);
    assert_eq!(bench.phase("web"), Phase::Stopping);
}

#[test]
fn nothing_is_put_to_sleep_on_an_old_look() {
    let mut bench = Bench::awake([service("web")]);
    // Looks go out and none comes back.
    bench.pass(50_000);
    let late = bench.engine.graph().id("web").unwrap();
    bench.entered.insert(late, 1);
    bench.pass(200_000);
    assert_eq!(bench.phase("web"), Phase::Awake);
}

#[test]
fn a_request_inside_calls_the_sleep_off() {
    let mut bench = Bench::awake([service("web")]);
    let web = bench.id("web");
    bench.pass_seeing(58_000, &[("web", up())]);
    // It came in after the last sample: only the drained door shows it.
    bench.sleep("web");
    assert_eq!(bench.phase("web"), Phase::Stopping);
    let mut bench = Bench::awake([service("web")]);
    bench.inside.insert(web, 1);
    bench.sleep("web");
    assert_eq!((bench.phase("web"), bench.cause("web")), (Phase::Awake, Cause::Busy));
    assert!(bench.is_open("web"));
    assert_eq!(bench.counts("web"), [1], "nothing was called");
}

#[test]
fn demand_while_stopping_wakes_anew_once_the_stop_is_acknowledged() {
    let mut bench = Bench::awake([service("web")]);
    bench.sleep("web");
    bench.demand("web");
    assert_eq!((bench.phase("web"), bench.call("web")), (Phase::Stopping, Some(0)));
    bench.ack("web");
    assert_eq!((bench.phase("web"), bench.call("web")), (Phase::Waking, Some(1)));
    assert!(!bench.is_open("web"), "what is told to stop and still answers is not trusted");
    bench.healthy("web");
    assert!(!bench.is_open("web"));
    bench.bring_up("web");
    assert!(bench.is_open("web"));
}

#[test]
fn who_still_waits_when_the_stop_is_called_wakes_it_anew() {
    let mut bench = Bench::awake([service("web")]);
    let web = bench.id("web");
    bench.sleep("web");
    bench.held.insert(web, 1);
    bench.event(Event::Sampled { service: web, active: 0, entered: 0, held: 1 });
    bench.ack("web");
    assert_eq!(bench.phase("web"), Phase::Waking);
}

#[test]
fn a_stop_that_fails_waits_for_a_look_and_opens_again() {
    let mut bench = Bench::awake([service("web")]);
    bench.sleep("web");
    bench.refuse("web", Fault::new("throttled"));
    assert_eq!((bench.phase("web"), bench.call("web")), (Phase::Stopping, None));
    assert!(!bench.is_open("web"), "it may have been carried out all the same");
    bench.see("web", up());
    assert_eq!((bench.phase("web"), bench.cause("web")), (Phase::Waking, Cause::SleepFailed));
    bench.healthy("web");
    assert_eq!(bench.phase("web"), Phase::Awake);
    let keeps = |bench: &Bench| bench.view("web").keeps;
    assert_eq!(
        keeps(&bench).as_deref(),
        Some("could not be put to sleep: throttled"),
        "until it sleeps, that is why it does not"
    );
    bench.pass_seeing(70_000, &[("web", up())]);
    assert_eq!(bench.counts("web"), [1, 0, 0], "tried again after its quiet time");
}

#[test]
fn a_stop_of_which_nothing_was_done_opens_again_unseen() {
    let mut bench = Bench::awake([service("web")]);
    bench.sleep("web");
    bench.refuse("web", Fault::new("no answer").with_nothing_done());
    assert_eq!((bench.phase("web"), bench.cause("web")), (Phase::Awake, Cause::SleepFailed));
    assert!(bench.is_open("web"), "with the targets that it had");
    assert_eq!(bench.counts("web"), [1, 0], "nothing is started that was never stopped");
    assert_eq!(bench.view("web").keeps.as_deref(), Some("could not be put to sleep: no answer"));
    bench.fail_to_see("web");
    bench.pass(300_000);
    assert!(bench.is_open("web"), "as long as nothing can be seen");
}

#[test]
fn a_stop_that_failed_and_worked_falls_asleep() {
    let mut bench = Bench::awake([service("web")]);
    bench.sleep("web");
    bench.refuse("web", Fault::new("timeout"));
    bench.see("web", gone());
    assert_eq!(bench.phase("web"), Phase::Asleep);
}

#[test]
fn a_chain_sleeps_dependents_first_and_waits_its_quiet_time_once() {
    let mut bench = Bench::awake(chain());
    let seen = [("db", up()), ("api", up()), ("web", up())];
    bench.pass_seeing(70_000, &seen);
    assert_eq!(bench.phase("web"), Phase::Stopping);
    assert_eq!((bench.phase("api"), bench.phase("db")), (Phase::Awake, Phase::Awake));
    bench.bring_down("web");
    assert_eq!((bench.call("api"), bench.phase("db")), (Some(0), Phase::Awake));
    bench.bring_down("api");
    bench.bring_down("db");
    assert_eq!(bench.phase("db"), Phase::Asleep);
}

#[test]
fn a_shared_dependency_sleeps_with_its_last_dependent() {
    let specs = [service("db"), service("one").needs("db"), service("two").needs("db")];
    let mut bench = Bench::awake(specs);
    let (seen, one) = ([("db", up()), ("one", up()), ("two", up())], bench.id("one"));
    bench.inside.insert(one, 1);
    bench.pass_seeing(70_000, &seen);
    bench.bring_down("two");
    let seen = [("db", up()), ("one", up()), ("two", gone())];
    bench.pass_seeing(600_000, &seen);
    assert_eq!((bench.phase("db"), bench.phase("one")), (Phase::Awake, Phase::Awake));
    assert_eq!(&*bench.view("db").needed_by, ["one".into()]);
    bench.inside.insert(one, 0);
    bench.pass_seeing(70_000, &seen);
    bench.bring_down("one");
    assert_eq!(bench.call("db"), Some(0));
}

#[test]
fn a_dependency_was_in_use_as_long_as_its_dependent() {
    let mut specs = pair();
    specs[1].limits.idle_after = Duration::from_secs(5);
    let mut bench = Bench::awake(specs);
    let (seen, web) = ([("db", up()), ("web", up())], bench.id("web"));
    bench.inside.insert(web, 1);
    bench.pass_seeing(300_000, &seen);
    bench.inside.insert(web, 0);
    bench.pass_seeing(6_000, &seen);
    bench.bring_down("web");
    assert_eq!(bench.phase("db"), Phase::Awake, "its own quiet time began when web's did");
    let seen = [("db", up()), ("web", gone())];
    bench.pass_seeing(50_000, &seen);
    assert_eq!(bench.phase("db"), Phase::Awake);
    bench.pass_seeing(10_000, &seen);
    assert_eq!(bench.phase("db"), Phase::Stopping);
}

#[test]
fn an_unseen_dependent_keeps_its_dependency() {
    let mut bench = Bench::awake(pair());
    bench.sleep("web");
    bench.bring_down("web");
    let mut again = Bench::awake(pair());
    again.sleep("web");
    again.ack("web");
    again.see("web", gone());
    again.fail_to_see("web");
    // Whether somebody has started it since, nobody can tell.
    again.pass_seeing(70_000, &[("db", up())]);
    assert_eq!(again.phase("db"), Phase::Awake);
    bench.pass_seeing(70_000, &[("db", up()), ("web", gone())]);
    assert_eq!(bench.phase("db"), Phase::Stopping);
}

#[test]
fn a_lease_wakes_keeps_and_ends() {
    let mut bench = Bench::asleep([service("web")]);
    bench.lease("web", Some(600_000));
    assert_eq!(bench.phase("web"), Phase::Waking);
    bench.bring_up("web");
    bench.sleep("web");
    assert_eq!(bench.phase("web"), Phase::Awake);
    bench.pass_seeing(599_000, &[("web", up())]);
    assert_eq!(bench.phase("web"), Phase::Awake);
    bench.pass_seeing(65_000, &[("web", up())]);
    assert_eq!(bench.phase("web"), Phase::Stopping);
    assert_eq!(bench.view("web").lease_until, None);
}

#[test]
fn a_lease_taken_back_keeps_no_longer() {
    let mut bench = Bench::awake([service("web")]);
    bench.lease("web", Some(6_000_000));
    bench.lease("web", None);
    bench.pass_seeing(70_000, &[("web", up())]);
    assert_eq!(bench.phase("web"), Phase::Stopping);
}

#[test]
fn sleep_is_refused_under_a_dependent_and_not_remembered() {
    let mut bench = Bench::awake(pair());
    bench.sleep("db");
    assert_eq!(bench.phase("db"), Phase::Awake);
    assert_eq!(bench.engine.kept_awake_by(bench.id("db")), [bench.id("web")]);
    bench.sleep("web");
    bench.bring_down("web");
    assert_eq!(bench.phase("db"), Phase::Awake, "it was asked then, not now");
}

#[test]
fn a_wake_that_nobody_waits_for_any_more_sleeps_again() {
    let mut bench = Bench::asleep(pair());
    bench.demand("web");
    bench.bring_up("db");
    bench.bring_up("web");
    let seen = [("db", up()), ("web", up())];
    bench.pass_seeing(70_000, &seen);
    bench.bring_down("web");
    bench.bring_down("db");
    bench.pass_seeing(600_000, &[("db", gone()), ("web", gone())]);
    assert_eq!((bench.counts("web"), bench.counts("db")), (vec![1, 0], vec![1, 0]));
}

#[test]
fn nothing_is_commanded_while_nothing_happens() {
    let mut bench = Bench::asleep(chain());
    bench.log.clear();
    bench.pass_seeing(29_000, &[]);
    assert_eq!(bench.log, []);
    bench.pass_seeing(2_000, &[("db", gone()), ("api", gone()), ("web", gone())]);
    let looks = bench.log.iter().filter(|command| matches!(command, Command::Observe { .. })).count();
    assert_eq!(looks, 3, "one look each at the reconciliation");
}

#[test]
fn who_comes_while_it_is_being_put_to_sleep_calls_that_off() {
    let mut bench = Bench::awake(pair());
    bench.sleep("web");
    assert_eq!(bench.call("web"), Some(0));
    let off = |bench: &Bench, name| {
        let id = bench.id(name);
        bench.log.iter().filter(|it| **it == Command::CallOff(id)).count()
    };
    assert_eq!(off(&bench, "web"), 0);
    bench.demand("web");
    bench.demand("web");
    assert_eq!(off(&bench, "web"), 1, "once is enough");
    bench.refuse("web", Fault::new("it is needed again").with_nothing_done());
    assert_eq!((bench.phase("web"), bench.cause("web")), (Phase::Awake, Cause::Busy));
    assert!(bench.is_open("web"));
    assert_eq!(bench.view("web").keeps, None, "that is no reason why it cannot sleep");
}

#[test]
fn a_dependency_that_is_being_put_to_sleep_is_called_back_by_its_dependent() {
    let mut bench = Bench::awake(pair());
    bench.sleep("web");
    bench.bring_down("web");
    bench.sleep("db");
    assert_eq!(bench.call("db"), Some(0));
    bench.demand("web");
    let db = bench.id("db");
    assert!(bench.log.contains(&Command::CallOff(db)));
    bench.refuse("db", Fault::new("it is needed again").with_nothing_done());
    assert_eq!(bench.phase("db"), Phase::Awake);
    bench.bring_up("web");
    assert_eq!((bench.phase("web"), bench.counts("db")), (Phase::Awake, vec![1, 0]));
}
