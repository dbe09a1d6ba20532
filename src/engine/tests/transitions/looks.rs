//! When services are looked at, and what a look can tell besides counts and targets.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::harness::*;
use crate::engine::{Command, Engine, Event, SLICE, Settings};
use crate::model::{Check, Fault, Graph, Health, Kind, Observation, Phase, Spec, TargetGroupCheck, Time};

/// An engine over this many services, none of them needed by another.
fn many(count: u32, settings: Settings) -> Engine {
    let specs = (0..count).map(|number| Spec::new(format!("s{number}"), Kind::External("test".into())));
    Engine::new(Graph::new(specs).unwrap().into(), settings, Time::ZERO)
}

/// Lets time pass until `end`, every look being answered at once with "asleep": how many looks each moment saw.
fn looks(engine: &mut Engine, from: Time, end: Time) -> BTreeMap<Time, u32> {
    let (mut now, mut seen) = (from, BTreeMap::new());
    loop {
        loop {
            let commands: Vec<Command> = engine.drain_commands().collect();
            if commands.is_empty() {
                break;
            }
            for command in commands {
                if let Command::Observe { service, look } = command {
                    *seen.entry(now).or_default() += 1;
                    engine.handle(now, Event::Observed { service, look, seen: gone() });
                }
            }
        }
        if engine.next_timer() > end {
            return seen;
        }
        now = engine.next_timer();
        engine.handle(now, Event::Tick);
    }
}

#[test]
fn thousands_are_looked_at_slice_by_slice() {
    let every = Duration::from_secs(60);
    let settings =
        Settings { slice_every: Duration::from_millis(100), reconcile_every: every, ..Settings::default() };
    let mut engine = many(1_000, settings);
    let start = looks(&mut engine, Time::ZERO, Time::from_millis(10_000));
    assert_eq!(start.values().sum::<u32>(), 1_000, "within ten seconds all are known");
    assert!(start.values().all(|count| *count == SLICE), "one slice at a time");
    looks(&mut engine, Time::from_millis(10_000), Time::from_millis(120_000));
    let day = looks(&mut engine, Time::from_millis(120_000), Time::from_millis(720_000));
    assert_eq!(day.values().sum::<u32>(), 10_000, "then each once a minute");
    assert!(day.values().all(|count| *count == SLICE), "in the same slices");
}

#[test]
fn where_there_are_too_many_they_are_looked_at_less_often() {
    let settings = Settings { slice_every: Duration::from_millis(100), ..Settings::default() };
    let mut engine = many(10_000, settings);
    looks(&mut engine, Time::ZERO, Time::from_millis(500_000));
    let day = looks(&mut engine, Time::from_millis(500_000), Time::from_millis(1_000_000));
    assert_eq!(day.values().sum::<u32>(), 10_000, "a thousand slices, half a second apart");
}

#[test]
fn a_slice_stays_together_whatever_happens_to_one_of_it() {
    let mut engine = many(SLICE, Settings::default());
    looks(&mut engine, Time::ZERO, Time::from_millis(40_000));
    let first = engine.graph().ids().next().unwrap();
    engine.handle(Time::from_millis(45_000), Event::Nudged(first));
    let later = looks(&mut engine, Time::from_millis(45_000), Time::from_millis(100_000));
    assert_eq!(later.values().copied().collect::<Vec<_>>(), [1, SLICE, SLICE]);
}

#[test]
fn one_that_somebody_waits_for_is_looked_at_at_once() {
    let settings = Settings { slice_every: Duration::from_secs(1), ..Settings::default() };
    let mut engine = many(100, settings);
    drop(engine.drain_commands());
    let last = engine.graph().ids().last().unwrap();
    engine.handle(Time::from_millis(5), Event::Demand(last));
    let looked =
        engine.drain_commands().any(|it| matches!(it, Command::Observe { service, .. } if service == last));
    assert!(looked);
    // And not in a tight circle where the look fails.
    let look = |engine: &mut Engine| {
        engine.drain_commands().find_map(|it| match it {
            Command::Observe { look, service } if service == last => Some(look),
            _ => None,
        })
    };
    engine.handle(Time::from_millis(5), Event::Nudged(last));
    let mut bench = Bench::unseen([service("web")]);
    bench.demand("web");
    bench.fail_to_see("web");
    assert_eq!(look(&mut engine), None, "one is out");
    let before = bench.log.len();
    bench.demand("web");
    let again = bench.log[before..].iter().any(|it| matches!(it, Command::Observe { .. }));
    assert!(!again, "it was looked at just now");
}

#[test]
fn a_look_that_can_never_succeed_ends_the_wait() {
    let unknown = || Fault::terminal("ECS has no service web");
    for seen_before in [false, true] {
        let mut bench =
            if seen_before { Bench::asleep([service("web")]) } else { Bench::unseen([service("web")]) };
        bench.demand("web");
        if seen_before {
            bench.ack("web");
        }
        let (service, look) = bench.look("web");
        bench.event(Event::NotObserved { service, look, fault: unknown() });
        assert_eq!(bench.phase("web"), Phase::Failed);
        assert_eq!(bench.told("web").as_deref(), Some("ECS has no service web"));
    }
}

#[test]
fn a_look_that_can_never_succeed_does_nothing_to_what_is_awake() {
    let mut bench = Bench::awake([service("web")]);
    let (service, look) = bench.look("web");
    bench.event(Event::NotObserved { service, look, fault: Fault::terminal("not allowed to look") });
    assert!(bench.is_open("web"));
    assert_eq!(bench.view("web").blind.as_deref(), Some("not allowed to look"));
    bench.pass(600_000);
    assert!(bench.is_open("web"), "and it is not put to sleep");
}

#[test]
fn what_must_not_sleep_is_not_put_to_sleep() {
    let mut bench = Bench::awake([service("web")]);
    let kept = Observation { keeps: Some("is being deployed".into()), ..up() };
    bench.see("web", kept.clone());
    bench.pass_seeing(600_000, &[("web", kept)]);
    assert_eq!((bench.phase("web"), bench.counts("web")), (Phase::Awake, vec![1]));
    assert_eq!(bench.view("web").keeps.as_deref(), Some("is being deployed"));
    bench.sleep("web");
    assert_eq!(bench.phase("web"), Phase::Awake, "asked to, either");
    bench.pass_seeing(60_000, &[("web", up())]);
    assert_eq!(bench.call("web"), Some(0), "until nothing forbids it any more");
}

#[test]
fn what_is_changing_is_looked_at_often_though_it_is_awake() {
    let mut bench = Bench::awake([service("web")]);
    let looks = |bench: &Bench| bench.log.iter().filter(|it| matches!(it, Command::Observe { .. })).count();
    let changing = Observation { unsettled: true, ..up() };
    bench.see("web", changing.clone());
    let before = looks(&bench);
    bench.pass_seeing(10_000, &[("web", changing)]);
    assert_eq!(looks(&bench) - before, 20, "every half second");
    assert!(bench.is_open("web"));
    bench.see("web", up());
    let before = looks(&bench);
    bench.pass_seeing(10_000, &[("web", up())]);
    assert_eq!(looks(&bench) - before, 0);
}

#[test]
fn a_target_group_opens_the_door() {
    let group = TargetGroupCheck { arn: "arn:g".into(), healthy: 2 };
    let health = Health { check: Check::TargetGroup(group), ..service("web").health.unwrap() };
    let upstream = Some(target("lb").address);
    let mut bench = Bench::asleep([Spec { health: Some(health), upstream, ..service("web") }]);
    bench.demand("web");
    bench.ack("web");
    bench.see("web", Observation { passing: 1, waits_for: Some("1 healthy, 1 initial".into()), ..up() });
    assert_eq!(bench.view("web").waits_for.as_deref(), Some("1 healthy, 1 initial"));
    assert!(!bench.is_open("web"), "one of two");
    bench.see("web", Observation { passing: 2, ..up() });
    assert!(bench.is_open("web"));
    let probed =
        bench.log.iter().any(|it| matches!(it, Command::Probe { targets, .. } if !targets.is_empty()));
    assert!(!probed, "nobody else asks");
    bench.see("web", Observation { passing: 0, ..up() });
    assert_eq!(bench.phase("web"), Phase::Waking);
}

#[test]
fn what_it_waited_for_is_told_when_the_time_is_up() {
    let mut bench = Bench::asleep([service("web")]);
    bench.demand("web");
    bench.ack("web");
    let waiting = Observation { waits_for: Some("no capacity at FARGATE_SPOT".into()), ..ordered() };
    bench.pass_seeing(61_000, &[("web", waiting)]);
    assert_eq!(bench.told("web").as_deref(), Some("not ready after 1m: no capacity at FARGATE_SPOT"));
}

#[test]
fn a_provider_that_does_not_do_as_asked_is_shown_as_trouble_meanwhile() {
    let mut bench = Bench::asleep([service("web")]);
    bench.demand("web");
    bench.refuse("web", Fault::new("throttled").told_as("It is asked again."));
    assert_eq!(bench.view("web").trouble.map(|fault| fault.public), Some("It is asked again."));
    bench.pass_seeing(1_000, &[("web", gone())]);
    bench.ack("web");
    assert_eq!(bench.view("web").trouble, None);
    bench.fail_to_see("web");
    assert_eq!(bench.view("web").trouble.map(|fault| fault.reason), Some("no answer".into()));
    bench.see("web", up());
    bench.healthy("web");
    assert_eq!((bench.phase("web"), bench.view("web").trouble), (Phase::Awake, None));
}

#[test]
fn what_cannot_be_seen_and_nobody_waits_for_is_not_asked_for_all_the_time() {
    let mut bench = Bench::unseen([service("web")]);
    let looks = |bench: &Bench| bench.log.iter().filter(|it| matches!(it, Command::Observe { .. })).count();
    bench.fail_to_see("web");
    let before = looks(&bench);
    bench.pass(20_000);
    assert_eq!(looks(&bench), before, "not before its turn");
    bench.demand("web");
    bench.pass(1_000);
    assert_eq!(looks(&bench), before + 1, "but soon when somebody waits");
}

#[test]
fn a_target_that_turns_sick_has_its_service_looked_at_though_others_serve() {
    let mut bench = Bench::awake([service("web")]);
    let two = Observation { running: 2, targets: vec![target("a"), target("b")], ..up() };
    bench.see("web", two.clone());
    let web = bench.id("web");
    bench.event(Event::Probed { service: web, target: target("b"), result: Ok(()) });
    bench.pass_seeing(1_000, &[("web", two)]);
    let looks = |bench: &Bench| bench.log.iter().filter(|it| matches!(it, Command::Observe { .. })).count();
    let before = looks(&bench);
    bench.ill("web");
    assert!(bench.is_open("web"), "the other serves on");
    assert_eq!(looks(&bench), before + 1);
}
