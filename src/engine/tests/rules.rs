//! The rules, one test each: all but the second, which is the gate's (`tests/it/gate_loom.rs`).
//!
//! Each comment tells how the rule was taken out and what came of it: what this test said, and what the searches
//! (`search.rs`) found by themselves.

use super::harness::*;
use crate::engine::Event;
use crate::model::Phase;

/// Taken out in `sleep.rs`, `drained`: `if in_flight == 0 && self.may_sleep(id)` without its first half. This test:
/// "stopped while serving, left: [1, 0], right: [1]". The search of one service: "web was stopped while serving", after
/// 14 moves. (That the gate shuts *before* it counts is shown in `tests/it/gate_loom.rs`.)
#[test]
fn rule_1_shut_then_count() {
    let mut bench = Bench::awake([service("web")]);
    let web = bench.id("web");
    bench.pass_seeing(59_500, &[("web", up())]);
    // Comes in after the last sample: the counters that were read before the door was shut know nothing of it.
    bench.inside.insert(web, 1);
    bench.event(Event::Sampled { service: web, active: 0, entered: 0, held: 0 });
    bench.sleep("web");
    assert_eq!(bench.counts("web"), [1], "stopped while serving");
    assert_eq!((bench.phase("web"), bench.is_open("web")), (Phase::Awake, true));
}

/// Taken out in `facts.rs`, `look_returned`: `let fresh = slot.call.is_none();`. This test: "opened while it stops, left:
/// (Awake, true), right: (Stopping, false)". The search of one service: "a request was sent to web, which was told to
/// stop", after 17 moves.
#[test]
fn rule_3_only_looks_begun_after_the_acknowledgement_count() {
    let mut bench = Bench::awake([service("web")]);
    // It looks, and sees the service up; the answer takes its time.
    let (service, look) = bench.look("web");
    bench.sleep("web");
    bench.ack("web");
    bench.event(Event::Observed { service, look, seen: up() });
    bench.healthy("web");
    assert_eq!((bench.phase("web"), bench.is_open("web")), (Phase::Stopping, false), "opened while it stops");
}

/// Taken out in `slot.rs`, `keeps_dependencies`: `!matches!(self.phase, Phase::Asleep | Phase::Unknown)`. This test:
/// "stopped under a dependent that may be up, left: Stopping, right: Awake". The search of a chain of two: "db was
/// stopped under web, which is up".
#[test]
fn rule_4_not_yet_observed_counts_as_awake() {
    let mut bench = Bench::unseen(pair());
    bench.see("db", up());
    bench.healthy("db");
    assert_eq!(bench.phase("web"), Phase::Unknown);
    bench.pass_seeing(600_000, &[("db", up())]);
    assert_eq!(bench.phase("db"), Phase::Awake, "stopped under a dependent that may be up");
    bench.see("web", gone());
    bench.pass_seeing(10_000, &[("db", up())]);
    assert_eq!(bench.phase("db"), Phase::Stopping);
}

/// Taken out in `wake.rs`, `lets_start`: its last line as `true`. This test: "started under a stop, left: (Some(0),
/// Some(1)), right: (Some(0), None)". The search of a chain of two: "web was started before db", after 5 moves.
#[test]
fn rule_5_a_start_waits_for_its_dependencys_acknowledgement() {
    let mut bench = Bench::awake(pair());
    bench.sleep("web");
    bench.bring_down("web");
    bench.sleep("db");
    bench.demand("web");
    // The provider may take the two in either order.
    assert_eq!((bench.call("db"), bench.call("web")), (Some(0), None), "started under a stop");
    bench.ack("db");
    assert_eq!((bench.call("db"), bench.call("web")), (Some(1), None), "started ahead of its dependency");
    bench.ack("db");
    assert_eq!(bench.call("web"), Some(1));
}

/// Taken out in `sleep.rs`, `may_sleep`: without the line that asks `kept_by`. This test: "stopped under a dependent that
/// serves, left: Stopping, right: Awake". The search of a chain of two: "db was stopped under web, which is up".
#[test]
fn rule_6_dependents_sleep_first() {
    let mut bench = Bench::awake(pair());
    let web = bench.id("web");
    bench.inside.insert(web, 1);
    let seen = [("db", up()), ("web", up())];
    bench.pass_seeing(600_000, &seen);
    assert_eq!(bench.phase("db"), Phase::Awake, "stopped under a dependent that serves");
    bench.inside.insert(web, 0);
    bench.pass_seeing(70_000, &seen);
    assert_eq!((bench.phase("web"), bench.phase("db")), (Phase::Stopping, Phase::Awake));
    bench.ack("web");
    bench.see("web", leaving());
    bench.pass_seeing(10_000, &[("db", up()), ("web", leaving())]);
    assert_eq!(bench.phase("db"), Phase::Awake, "it still uses it while it stops");
    bench.see("web", gone());
    assert_eq!(bench.phase("db"), Phase::Stopping);
}
