//! The way up: boot, demand, dependencies, readiness.

use super::super::harness::*;
use crate::engine::{Command, Event, Pace};
use crate::model::{Cause, Condition, Kind, Phase, ProcessSpec, Spec, Stage, StartOrder, Target};

#[test]
fn what_boots_asleep_stays_asleep() {
    let mut bench = Bench::unseen([service("web")]);
    assert_eq!(bench.phase("web"), Phase::Unknown);
    bench.see("web", gone());
    assert_eq!((bench.phase("web"), bench.cause("web")), (Phase::Asleep, Cause::Boot));
    bench.pass(600_000);
    assert_eq!(bench.phase("web"), Phase::Asleep);
    assert!(bench.counts("web").is_empty());
}

#[test]
fn what_boots_up_is_not_restarted_and_its_dependencies_are_not_called() {
    let mut bench = Bench::unseen(pair());
    bench.see("db", gone());
    bench.see("web", up());
    bench.healthy("web");
    assert_eq!(bench.phase("web"), Phase::Waking, "its door waits for db");
    assert_eq!(bench.phase("db"), Phase::Asleep);
    assert!(bench.counts("web").is_empty() && bench.counts("db").is_empty());
    bench.demand("web");
    assert_eq!(bench.call("db"), Some(1), "now somebody wants it");
    bench.bring_up("db");
    assert_eq!(bench.phase("web"), Phase::Awake);
    assert!(bench.counts("web").is_empty(), "it ran already");
}

#[test]
fn what_boots_up_and_healthy_is_awake_without_a_call() {
    let mut bench = Bench::unseen(pair());
    for name in ["web", "db"] {
        bench.see(name, up());
        bench.healthy(name);
    }
    assert_eq!((bench.phase("web"), bench.phase("db")), (Phase::Awake, Phase::Awake));
    assert!(bench.is_open("web"));
    assert!(bench.counts("web").is_empty() && bench.counts("db").is_empty());
}

#[test]
fn what_boots_on_its_way_down_falls_asleep() {
    let mut bench = Bench::unseen([service("web")]);
    bench.see("web", leaving());
    assert_eq!(bench.phase("web"), Phase::Stopping);
    bench.see("web", gone());
    assert_eq!(bench.phases("web"), [Phase::Stopping, Phase::Asleep]);
}

#[test]
fn demand_before_the_first_look_waits_for_it() {
    let mut bench = Bench::unseen([service("web")]);
    bench.demand("web");
    assert_eq!((bench.phase("web"), bench.call("web")), (Phase::Unknown, None));
    bench.see("web", gone());
    assert_eq!((bench.phase("web"), bench.call("web")), (Phase::Waking, Some(1)));
}

#[test]
fn demand_while_nothing_can_be_seen_has_an_end_and_calls_nothing() {
    let mut bench = Bench::unseen([service("web")]);
    bench.demand("web");
    bench.fail_to_see("web");
    bench.pass(60_000);
    assert_eq!(bench.phase("web"), Phase::Failed);
    assert!(bench.told("web").unwrap().contains("could not be observed: no answer"));
    bench.demand("web");
    bench.pass(10_000);
    assert_eq!(bench.phase("web"), Phase::Waking);
    assert!(bench.counts("web").is_empty(), "its count might be lowered");
}

#[test]
fn demand_wakes_and_the_first_healthy_target_opens() {
    let mut bench = Bench::asleep([service("web")]);
    bench.demand("web");
    assert_eq!((bench.phase("web"), bench.cause("web")), (Phase::Waking, Cause::Demand));
    assert_eq!((bench.call("web"), bench.view("web").stage), (Some(1), Stage::Starting));
    bench.ack("web");
    bench.see("web", up());
    assert_eq!((bench.phase("web"), bench.view("web").stage), (Phase::Waking, Stage::Checking));
    assert!(bench.log.iter().any(|command| matches!(command, Command::Probe { pace: Pace::Waking, .. })));
    assert!(!bench.is_open("web"));
    bench.pass(1_500);
    bench.healthy("web");
    assert_eq!((bench.phase("web"), bench.cause("web")), (Phase::Awake, Cause::Ready));
    assert!(bench.is_open("web"));
    assert_eq!(bench.view("web").last_wake.unwrap().as_millis(), 1_500);
    assert_eq!(bench.counts("web"), [1]);
}

#[test]
fn more_demand_adds_nothing() {
    let mut bench = Bench::asleep(pair());
    for _ in 0..1_000 {
        bench.demand("web");
    }
    bench.bring_up("db");
    bench.demand("web");
    bench.bring_up("web");
    assert_eq!((bench.counts("db"), bench.counts("web")), (vec![1], vec![1]));
}

#[test]
fn starts_go_out_as_fast_as_acknowledgements_and_the_door_waits_for_all() {
    let mut bench = Bench::asleep(chain());
    bench.demand("web");
    assert_eq!((bench.call("db"), bench.call("api"), bench.call("web")), (Some(1), None, None));
    bench.ack("db");
    assert_eq!((bench.call("api"), bench.call("web")), (Some(1), None));
    bench.ack("api");
    assert_eq!(bench.call("web"), Some(1), "nothing waits for the health of the others");
    bench.bring_up("web");
    bench.bring_up("api");
    assert!(!bench.is_open("web") && !bench.is_open("api"));
    bench.bring_up("db");
    assert!(bench.is_open("db") && bench.is_open("api") && bench.is_open("web"));
}

#[test]
fn a_start_after_waits_for_health() {
    let web = service("web").needs_as("db", Condition::Healthy, StartOrder::After);
    let mut bench = Bench::asleep([service("db"), web]);
    bench.demand("web");
    bench.ack("db");
    bench.see("db", up());
    assert_eq!((bench.call("web"), bench.view("web").stage), (None, Stage::Waiting));
    bench.healthy("db");
    assert_eq!(bench.call("web"), Some(1));
}

#[test]
fn a_started_dependency_does_not_hold_the_door() {
    let web = service("web").needs_as("worker", Condition::Started, StartOrder::Together);
    let mut bench = Bench::asleep([service("worker"), web]);
    bench.demand("web");
    assert_eq!((bench.call("worker"), bench.call("web")), (Some(1), None));
    bench.ack("worker");
    bench.bring_up("web");
    assert_eq!((bench.phase("web"), bench.phase("worker")), (Phase::Awake, Phase::Waking));
}

#[test]
fn a_started_dependency_that_fails_does_not_fail_its_dependent() {
    let web = service("web").needs_as("worker", Condition::Started, StartOrder::Together);
    let mut bench = Bench::asleep([service("worker"), web]);
    bench.demand("web");
    bench.refuse("worker", crate::model::Fault::terminal("no such file"));
    assert_eq!((bench.phase("worker"), bench.phase("web")), (Phase::Failed, Phase::Waking));
    bench.bring_up("web");
    assert_eq!(bench.phase("web"), Phase::Awake);
}

fn job(name: &str) -> Spec {
    let process = ProcessSpec {
        command: vec!["migrate".into()],
        env: std::collections::BTreeMap::new(),
        directory: None,
        port: None,
        stop_timeout: std::time::Duration::from_secs(1),
        job: true,
    };
    Spec { health: None, kind: Kind::Process(process), ..service(name) }
}

#[test]
fn a_job_runs_to_its_end_before_its_dependent_starts_and_again_at_the_next_wake() {
    let done = crate::model::Observation { completed: true, ..ordered() };
    let web = service("web").needs_as("job", Condition::Completed, StartOrder::Together);
    let mut bench = Bench::asleep([job("job"), web]);
    bench.demand("web");
    bench.ack("job");
    let running = crate::model::Observation { running: 1, ..ordered() };
    bench.see("job", running);
    assert_eq!((bench.call("web"), bench.phase("job")), (None, Phase::Waking));
    bench.see("job", done.clone());
    assert_eq!((bench.call("web"), bench.phase("job")), (Some(1), Phase::Awake));
    bench.bring_up("web");
    bench.pass_seeing(70_000, &[("job", done), ("web", up())]);
    bench.bring_down("web");
    bench.bring_down("job");
    // What it did an earlier time is not this time's.
    bench.see("job", crate::model::Observation { completed: true, ..gone() });
    bench.demand("web");
    assert_eq!((bench.call("job"), bench.call("web")), (Some(1), None));
}

#[test]
fn one_that_loses_its_health_shuts_its_door_and_opens_again() {
    let mut bench = Bench::awake(pair());
    bench.ill("db");
    assert_eq!((bench.phase("db"), bench.cause("db")), (Phase::Waking, Cause::Unhealthy));
    assert!(!bench.is_open("db"));
    assert_eq!(bench.phase("web"), Phase::Awake, "what is awake stays: it may do without");
    bench.see("db", up());
    bench.healthy("db");
    assert_eq!(bench.phase("db"), Phase::Awake);
    assert_eq!(bench.counts("db"), [1], "it was never told anything");
}

#[test]
fn who_waits_before_a_door_that_shuts_is_demand() {
    let mut bench = Bench::awake([service("web")]);
    let web = bench.id("web");
    // At an open door, for a target with room: such a wait rings no bell.
    bench.held.insert(web, 1);
    bench.see("web", gone());
    assert_eq!((bench.phase("web"), bench.call("web")), (Phase::Waking, Some(1)));
}

#[test]
fn a_suspected_target_is_shut_out_until_its_probe_passes_again() {
    let mut bench = Bench::awake([service("web")]);
    let (id, target) = (bench.id("web"), target("a"));
    bench.event(Event::Suspected { service: id, target: target.clone() });
    assert_eq!(bench.phase("web"), Phase::Waking);
    assert!(bench.log.contains(&Command::ProbeAgain { service: id, target }));
    bench.healthy("web");
    assert_eq!(bench.phase("web"), Phase::Awake);
}

#[test]
fn a_target_that_left_the_list_leaves_the_door() {
    let mut bench = Bench::awake([service("web")]);
    let moved = crate::model::Observation { targets: vec![target("b")], ..up() };
    bench.see("web", moved);
    assert_eq!(bench.phase("web"), Phase::Waking);
    bench.healthy("web");
    assert_eq!(bench.phase("web"), Phase::Waking, "news of the old one");
    bench.event(Event::Probed { service: bench.id("web"), target: target("b"), result: Ok(()) });
    let id = bench.id("web");
    let open = Command::Open { service: id, targets: vec![target("b")] };
    assert!(bench.log.contains(&open));
}

#[test]
fn a_fixed_address_is_probed_anew_after_nothing_ran_behind_it() {
    let address = crate::model::Address::Name("balancer".into(), 80);
    let web = Spec { upstream: Some(address.clone()), ..service("web") };
    let mut bench = Bench::asleep([web]);
    let balancer = Target { instance: "upstream".into(), address };
    let passes = |bench: &mut Bench| {
        let event = Event::Probed { service: bench.id("web"), target: balancer.clone(), result: Ok(()) };
        bench.event(event);
    };
    let running = crate::model::Observation { running: 1, ..ordered() };
    bench.demand("web");
    bench.ack("web");
    passes(&mut bench);
    assert_eq!(bench.phase("web"), Phase::Waking, "nothing runs yet: somebody else answers");
    bench.see("web", running.clone());
    passes(&mut bench);
    assert_eq!(bench.phase("web"), Phase::Awake);
    bench.see("web", ordered());
    bench.see("web", running);
    assert_eq!(bench.phase("web"), Phase::Waking, "it died and came back: that it answers is to be shown");
    passes(&mut bench);
    assert_eq!(bench.phase("web"), Phase::Awake);
}

#[test]
fn what_nobody_runs_is_probed_and_never_called() {
    let address = crate::model::Address::Name("elsewhere".into(), 80);
    let fixed = Spec { kind: Kind::Fixed, upstream: Some(address.clone()), ..service("fixed") };
    let mut bench = Bench::unseen([fixed]);
    let target = Target { instance: "upstream".into(), address };
    bench.event(Event::Probed { service: bench.id("fixed"), target, result: Ok(()) });
    assert_eq!(bench.phase("fixed"), Phase::Awake);
    bench.sleep("fixed");
    bench.pass(3_600_000);
    assert_eq!(bench.phase("fixed"), Phase::Awake);
    assert!(bench.counts("fixed").is_empty());
}

#[test]
fn the_count_is_never_lowered_by_a_wake() {
    let mut bench = Bench::asleep([service("web")]);
    bench.demand("web");
    bench.ack("web");
    bench.see("web", crate::model::Observation { desired: 3, ..up() });
    bench.healthy("web");
    bench.see("web", crate::model::Observation { desired: 3, ..died(bench.now) });
    bench.pass(2_000);
    bench.demand("web");
    assert!(bench.counts("web").iter().skip(1).all(|count| *count == 3), "{:?}", bench.counts("web"));
}
