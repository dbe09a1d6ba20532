//! What others do: operators, autoscalers, another configuration.

use std::time::Duration;

use super::super::harness::*;
use crate::engine::{Command, Engine, Settings};
use crate::model::{Cause, Fault, Graph, Kind, Phase, Spec, Time};

#[test]
fn somebody_elses_start_is_accepted() {
    let mut bench = Bench::asleep(pair());
    bench.see("web", up());
    assert_eq!((bench.phase("web"), bench.cause("web")), (Phase::Waking, Cause::Outside));
    assert_eq!(bench.phase("db"), Phase::Asleep, "without demand its dependencies are left alone");
    bench.see("db", up());
    bench.healthy("db");
    bench.healthy("web");
    assert_eq!((bench.phase("web"), bench.phase("db")), (Phase::Awake, Phase::Awake));
    assert!(bench.counts("web").is_empty() && bench.counts("db").is_empty());
}

#[test]
fn somebody_elses_stop_is_accepted_and_ends_a_lease() {
    let mut bench = Bench::awake([service("web")]);
    bench.lease("web", Some(600_000));
    bench.see("web", leaving());
    assert_eq!((bench.phase("web"), bench.cause("web")), (Phase::Stopping, Cause::Outside));
    assert!(!bench.is_open("web"));
    bench.see("web", gone());
    bench.pass_seeing(600_000, &[("web", gone())]);
    assert_eq!((bench.phase("web"), bench.counts("web")), (Phase::Asleep, vec![1]));
}

#[test]
fn a_held_request_asserts_its_demand_again_but_not_in_a_tight_loop() {
    let mut bench = Bench::asleep([service("web")]);
    bench.demand("web");
    bench.ack("web");
    // Somebody else sets it to zero at once, again and again.
    bench.pass_seeing(100, &[("web", gone())]);
    assert_eq!(bench.call("web"), None, "not as fast as the provider can answer");
    bench.pass_seeing(1_000, &[("web", gone())]);
    assert_eq!((bench.phase("web"), bench.call("web")), (Phase::Waking, Some(1)));
    bench.bring_up("web");
    assert_eq!((bench.phase("web"), bench.counts("web")), (Phase::Awake, vec![1, 1]));
}

#[test]
fn a_dependents_start_waits_while_its_dependency_is_seen_stopped() {
    let mut bench = Bench::asleep(chain());
    bench.demand("web");
    bench.ack("db");
    bench.see("db", gone());
    bench.ack("api");
    assert_eq!(bench.call("web"), Some(1), "api's start is known");
    let mut bench = Bench::asleep(pair());
    bench.demand("db");
    bench.ack("db");
    bench.see("db", gone());
    bench.demand("web");
    assert_eq!(bench.call("web"), None, "db was told to start, but somebody has stopped it");
    bench.pass_seeing(1_000, &[("db", gone())]);
    assert_eq!(bench.call("db"), Some(1));
    bench.ack("db");
    assert_eq!(bench.call("web"), Some(1));
}

#[test]
fn a_way_down_by_somebody_else_leaves_no_clock_of_the_wake_behind() {
    let mut bench = Bench::asleep([service("web")]);
    bench.see("web", ordered());
    assert_eq!(bench.phase("web"), Phase::Waking);
    bench.see("web", leaving());
    assert_eq!((bench.phase("web"), bench.view("web").waking_since), (Phase::Stopping, None));
    bench.log.clear();
    bench.pass_seeing(120_000, &[("web", leaving())]);
    let looks = bench.log.iter().filter(|command| matches!(command, Command::Observe { .. })).count();
    assert!(looks < 300, "{looks} looks in two minutes");
    assert!(bench.log.len() < 1_000, "{} commands in two minutes", bench.log.len());
}

#[test]
fn a_stale_look_right_after_a_call_is_not_believed() {
    let graph = Graph::new([service("web")]).unwrap();
    let settings = Settings { settle: Duration::from_secs(5), ..Settings::default() };
    let mut bench = Bench::unseen([service("web")]);
    bench.engine = Engine::new(graph.into(), settings, Time::ZERO);
    bench.carry_out_afresh();
    bench.see("web", gone());
    bench.demand("web");
    bench.ack("web");
    bench.pass_seeing(4_000, &[("web", gone())]);
    assert_eq!((bench.phase("web"), bench.counts("web")), (Phase::Waking, vec![1]));
    bench.pass_seeing(2_000, &[("web", gone())]);
    assert_eq!(bench.counts("web"), [1, 1], "by now it is no longer stale");
}

#[test]
fn another_configuration_keeps_phases_by_name() {
    let mut bench = Bench::awake(pair());
    let graph = Graph::new([service("new"), service("web").needs("db"), service("db")]).unwrap();
    bench.engine.reload(&graph.into(), bench.now);
    bench.carry_out_afresh();
    assert_eq!((bench.phase("web"), bench.phase("db")), (Phase::Awake, Phase::Awake));
    assert_eq!(bench.phase("new"), Phase::Unknown);
    assert!(!bench.log.iter().any(|command| matches!(command, Command::Scale { .. } | Command::Shut(_))));
}

#[test]
fn a_new_dependent_not_seen_yet_keeps_its_dependency() {
    let mut bench = Bench::awake([service("db")]);
    bench.engine.reload(&Graph::new(pair()).unwrap().into(), bench.now);
    bench.carry_out_afresh();
    bench.pass_seeing(70_000, &[("db", up())]);
    assert_eq!(bench.phase("db"), Phase::Awake);
    bench.see("web", gone());
    bench.pass_seeing(5_000, &[("db", up())]);
    assert_eq!(bench.phase("db"), Phase::Stopping);
}

#[test]
fn another_thing_behind_the_same_name_shuts_the_old_ones_door() {
    let mut bench = Bench::awake([service("web")]);
    let other = Spec { kind: Kind::External("other".into()), ..service("web") };
    bench.engine.reload(&Graph::new([other]).unwrap().into(), bench.now);
    bench.carry_out_afresh();
    let web = bench.id("web");
    assert!(bench.log.contains(&Command::Shut(web)));
    let stopped = bench.log.iter().any(
        |command| matches!(command, Command::Probe { service, targets, .. } if *service == web && targets.is_empty()),
    );
    assert!(stopped, "the old targets are probed no more");
    assert_eq!(bench.phase("web"), Phase::Unknown);
}

#[test]
fn who_waits_for_a_service_that_is_replaced_is_not_forgotten() {
    let mut bench = Bench::asleep([service("web")]);
    bench.demand("web");
    let other = Spec { kind: Kind::External("other".into()), ..service("web") };
    bench.engine.reload(&Graph::new([other]).unwrap().into(), bench.now);
    bench.carry_out_afresh();
    bench.see("web", gone());
    assert_eq!((bench.phase("web"), bench.call("web")), (Phase::Waking, Some(1)));
}

#[test]
fn a_late_answer_to_a_call_of_before_is_ignored() {
    let mut bench = Bench::asleep([service("web")]);
    bench.demand("web");
    let late = bench.log.iter().rev().find_map(|command| match command {
        Command::Scale { service, call, .. } => Some((*service, *call)),
        _ => None,
    });
    let (service, call) = late.unwrap();
    bench.refuse("web", Fault::new("throttled"));
    bench.pass_seeing(500, &[("web", gone())]);
    assert_eq!(bench.call("web"), Some(1));
    let event = crate::engine::Event::Acknowledged { service, call, result: Err(Fault::terminal("late")) };
    bench.event(event);
    assert_eq!(bench.phase("web"), Phase::Waking);
}

#[test]
fn events_may_come_while_other_services_timers_are_due() {
    let mut bench = Bench::awake([service("one"), service("two")]);
    bench.now = bench.now + Duration::from_secs(100);
    bench.demand("one");
    bench.event(crate::engine::Event::Tick);
    assert_eq!(bench.phase("two"), Phase::Awake);
}

#[test]
fn a_health_check_that_is_taken_out_ends_its_probes() {
    let mut bench = Bench::awake([service("web")]);
    let unchecked = Spec { health: None, ..service("web") };
    bench.engine.reload(&Graph::new([unchecked]).unwrap().into(), bench.now);
    bench.carry_out_afresh();
    let web = bench.id("web");
    let stopped = bench.log.iter().any(
        |command| matches!(command, Command::Probe { service, targets, .. } if *service == web && targets.is_empty()),
    );
    assert!(stopped, "nobody asked for them any more");
}

#[test]
fn a_corrected_description_may_be_tried_at_once() {
    let mut bench = Bench::asleep([service("web")]);
    bench.demand("web");
    bench.refuse("web", Fault::terminal("no such program"));
    assert_eq!(bench.phase("web"), Phase::Failed);
    let corrected = Spec { health: None, ..service("web") };
    bench.engine.reload(&Graph::new([corrected]).unwrap().into(), bench.now);
    bench.carry_out_afresh();
    bench.demand("web");
    assert_eq!(bench.phase("web"), Phase::Waking);
}
