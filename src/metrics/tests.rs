use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast;

use super::*;
use crate::driver::Notice;
use crate::gate::{Bell, Budget, Gate};
use crate::model::{Cause, Fault, Graph, Kind as SpecKind, Phase, Spec, Stage, View};

fn gates(names: &[&str]) -> Gates {
    let graph = Graph::new(names.iter().map(|name| Spec::new(*name, SpecKind::Fixed))).unwrap();
    let (bell, _rings) = Bell::channel();
    let budget = Budget::new(10);
    let all =
        graph.ids().map(|id| Gate::new(graph.spec(id).clone(), budget.clone(), bell.another())).collect();
    Gates { graph: Arc::new(graph), all }
}

fn phase(service: &str, from: Phase, to: Phase, at: u64, after: u64) -> Notice {
    Notice::Phase {
        service: service.into(),
        from,
        to,
        cause: Cause::Demand,
        fault: None,
        at: Time::from_millis(at),
        after: Duration::from_millis(after),
    }
}

fn assert_line(text: &str, line: &str) {
    assert!(text.lines().any(|found| found == line), "no line `{line}` in\n{text}");
}

#[test]
fn requests_are_counted_by_route_and_outcome() {
    let metrics = Metrics::new();
    let (web, none) = (metrics.meter("web"), metrics.meter(""));
    web.count(Outcome::Served);
    web.count(Outcome::Served);
    web.count(Outcome::Page);
    none.count(Outcome::NotFound);
    let text = metrics.render(&gates(&[]), Time::ZERO);
    assert_line(&text, r#"wakegate_requests_total{route="web",outcome="served"} 2"#);
    assert_line(&text, r#"wakegate_requests_total{route="web",outcome="page"} 1"#);
    assert_line(&text, r#"wakegate_requests_total{route="",outcome="not_found"} 1"#);
    assert!(!text.contains(r#"route="web",outcome="full""#), "what never happened is left out");
}

#[test]
fn each_outcome_has_a_counter_and_a_word_of_its_own() {
    let metrics = Metrics::new();
    let meter = metrics.meter("web");
    for (index, outcome) in Outcome::ALL.into_iter().enumerate() {
        for _ in 0..=index {
            meter.count(outcome);
        }
    }
    let text = metrics.render(&gates(&[]), Time::ZERO);
    for (index, outcome) in Outcome::ALL.into_iter().enumerate() {
        let word = outcome.as_str();
        assert_line(
            &text,
            &format!(r#"wakegate_requests_total{{route="web",outcome="{word}"}} {}"#, index + 1),
        );
    }
}

#[test]
fn a_route_goes_on_counting_over_a_reload_and_ends_with_its_last_keeper() {
    let metrics = Metrics::new();
    let before = metrics.meter("web");
    before.count(Outcome::Served);
    before.held(Duration::from_millis(300));
    let after = metrics.meter("web");
    drop(before);
    after.count(Outcome::Served);
    let text = metrics.render(&gates(&[]), Time::ZERO);
    assert_line(&text, r#"wakegate_requests_total{route="web",outcome="served"} 2"#);
    assert_line(&text, r#"wakegate_hold_seconds_count{route="web"} 1"#);
    drop(after);
    assert!(!metrics.render(&gates(&[]), Time::ZERO).contains(r#"route="web""#));
}

#[test]
fn one_arrival_in_64_is_timed() {
    let metrics = Metrics::new();
    let meter = metrics.meter("web");
    let timed = (0..640).filter_map(|_| meter.arrived()).map(Stopwatch::passed).count();
    assert_eq!(timed, 10);
    let text = metrics.render(&gates(&[]), Time::ZERO);
    assert_line(&text, r#"wakegate_added_seconds_count{how="passed"} 10"#);
}

#[test]
fn what_stands_at_the_gates_is_read_when_asked() {
    let metrics = Metrics::new();
    let gates = gates(&["web", "db"]);
    gates.get("web").unwrap().publish(View { phase: Phase::Awake, healthy: 2, ..View::default() });
    let _hold = gates.get("db").unwrap().hold(true).unwrap();
    let text = metrics.render(&gates, Time::from_millis(2_500));
    assert_line(&text, r#"wakegate_phase{service="web",phase="awake"} 1"#);
    assert_line(&text, r#"wakegate_phase{service="web",phase="asleep"} 0"#);
    assert_line(&text, r#"wakegate_healthy_targets{service="web"} 2"#);
    assert_line(&text, r#"wakegate_held{service="db"} 1"#);
    assert_line(&text, r#"wakegate_in_flight{service="db"} 0"#);
    assert_line(&text, r#"wakegate_phase_seconds_total{service="web",phase="awake"} 2.5"#);
}

#[test]
fn a_service_that_is_gone_leaves_no_series_behind() {
    let metrics = Metrics::new();
    let all = gates(&["web", "db"]);
    for service in ["web", "db"] {
        metrics.note(&phase(service, Phase::Asleep, Phase::Waking, 1_000, 1_000));
        metrics.note(&Notice::Stage {
            service: service.into(),
            from: Stage::Starting,
            to: Stage::Checking,
            after: Duration::from_secs(3),
        });
        metrics.note(&Notice::Wake {
            service: service.into(),
            cause: Cause::Demand,
            took: Duration::from_secs(4),
            fault: None,
        });
    }
    let text = metrics.render(&all, Time::from_millis(5_000));
    assert_line(&text, r#"wakegate_wakes_total{cause="demand",result="ok",service="db"} 1"#);
    assert_line(&text, r#"wakegate_wake_stage_seconds_bucket{service="db",stage="starting",le="5"} 1"#);
    let text = metrics.render(&gates(&["web"]), Time::from_millis(6_000));
    assert!(!text.contains(r#"service="db""#), "{text}");
    assert_line(&text, r#"wakegate_wakes_total{cause="demand",result="ok",service="web"} 1"#);
}

#[test]
fn wakes_calls_and_reloads_are_counted_by_result() {
    let metrics = Metrics::new();
    metrics.note(&Notice::Wake {
        service: "web".into(),
        cause: Cause::Dependent,
        took: Duration::from_secs(300),
        fault: Some(Fault::new("no such file")),
    });
    for ok in [true, false] {
        metrics.note(&Notice::Call {
            provider: "process".into(),
            verb: "scale",
            ok,
            took: Duration::from_millis(2),
        });
        metrics.reloaded(ok);
    }
    let text = metrics.render(&gates(&["web"]), Time::ZERO);
    assert_line(&text, r#"wakegate_wakes_total{cause="dependent",result="failed",service="web"} 1"#);
    assert!(!text.contains("wakegate_wake_seconds"), "a failed wake says nothing of how long one takes");
    assert_line(&text, r#"wakegate_provider_calls_total{provider="process",result="failed",verb="scale"} 1"#);
    assert_line(&text, r#"wakegate_provider_call_seconds_count{provider="process",verb="scale"} 2"#);
    assert_line(&text, r#"wakegate_config_reloads_total{result="invalid"} 1"#);
}

#[tokio::test]
async fn what_the_recorder_misses_is_counted() {
    let metrics = Metrics::new();
    let (sender, receiver) = broadcast::channel(2);
    for at in 0..5 {
        sender.send(phase("web", Phase::Asleep, Phase::Waking, at, 0)).unwrap();
    }
    drop(sender);
    record(receiver, metrics.clone()).await;
    let text = metrics.render(&gates(&["web"]), Time::ZERO);
    assert_line(&text, "wakegate_notices_missed_total 3");
    assert_line(&text, r#"wakegate_phase_changes_total{cause="demand",phase="waking",service="web"} 2"#);
}

#[test]
fn names_and_words_are_what_prometheus_wants() {
    let metrics = Metrics::new();
    let meter = metrics.meter(
        r#"quotes " and \ and
        lines"#,
    );
    meter.count(Outcome::Served);
    let text = metrics.render(&gates(&["web"]), Time::ZERO);
    assert_line(
        &text,
        r#"wakegate_requests_total{route="quotes \" and \\ and\n        lines",outcome="served"} 1"#,
    );
    for line in text.lines() {
        let mut words = line.split(' ');
        match (words.next(), words.next(), words.next()) {
            (Some("#"), Some("HELP"), Some(_)) => assert!(words.next().is_some(), "no help: {line}"),
            (Some("#"), Some("TYPE"), Some(name)) => {
                let counter = words.next() == Some("counter");
                assert_eq!(counter, name.ends_with("_total"), "{line}");
            }
            _ => assert!(line.starts_with("wakegate_"), "{line}"),
        }
    }
}
