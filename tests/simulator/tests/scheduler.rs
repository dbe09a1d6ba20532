//! The scheduler: as many tasks as desired, and no faster than it should.

use std::time::Duration;

use super::kit::Bench;
use crate::simulator::fault::{Fault, FaultKind};
use crate::simulator::service::ServiceSetup;
use crate::simulator::task::Status;

#[test]
fn a_dead_task_is_replaced() {
    let bench = Bench::with_web(1, 2);
    bench.until("two run", |bench| bench.running() == 2);
    let victim = bench.tasks()[0].arn.clone();
    bench.simulator.stop_task(&victim, "because");
    bench.pass(100);
    assert_eq!(bench.running(), 1);
    bench.until("two run again", |bench| bench.running() == 2);
    assert!(bench.tasks().iter().any(|task| task.arn == victim && task.stop_wanted));
    assert_eq!(bench.tasks().len(), 3);
}

#[test]
fn tasks_that_never_run_come_at_growing_pauses_and_the_service_says_so() {
    let bench = Bench::with_web(2, 1);
    let fault = bench.simulator.fault(Fault::new(FaultKind::ResourceInitialization).of("web"));
    bench.until("seven have been made", |bench| bench.tasks().len() >= 7);
    let made: Vec<_> = bench.tasks().iter().map(|task| task.stamps.created).collect();
    let pauses: Vec<_> = made.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(pauses[5] > pauses[4] + Duration::from_secs(60), "{pauses:?}");
    assert!(pauses[5] > pauses[2] * 4, "{pauses:?}");
    let sentence = "(service web) is unable to consistently start tasks successfully.";
    let said = bench.said().iter().filter(|message| message.starts_with(sentence)).count();
    assert_eq!(said, 1, "ECS does not repeat itself");
    bench.simulator.clear_faults(Some(fault));
    bench.simulator.deploy("demo", "web", None, None);
    let took = bench.until("it runs", |bench| bench.running() == 1);
    assert!(took < 30_000, "a new deployment does not wait for the pause to end: {took} ms");
}

#[test]
fn a_task_that_ran_and_died_is_replaced_without_a_pause() {
    let bench = Bench::with_web(3, 1);
    let crash = FaultKind::Crash { after: Duration::from_secs(5), exit_code: 3 };
    bench.simulator.fault(Fault::new(crash).of("web"));
    let took = bench.until("five have died", |bench| {
        bench.tasks().iter().filter(|task| task.exit_code == Some(3)).count() == 5
    });
    assert!(took < 5 * 30_000, "{took} ms");
    let dead = bench.tasks()[0].clone();
    assert_eq!(dead.stop_code.as_deref(), Some("EssentialContainerExited"));
    assert_eq!(dead.stopped_reason.as_deref(), Some("Essential container in task exited"));
}

#[test]
fn protected_tasks_are_not_scaled_in_until_the_protection_ends() {
    let bench = Bench::with_web(4, 1);
    bench.until("it runs", |bench| bench.running() == 1);
    let arn = bench.tasks()[0].arn.clone();
    bench.simulator.protect(&arn, Some(Duration::from_secs(300)));
    bench.simulator.set_desired("demo", "web", 0);
    bench.pass(60_000);
    assert_eq!(bench.running(), 1);
    assert!(bench.said()[0].contains("The number of protected tasks are more than the desired count"));
    bench.until("it is told to stop", |bench| bench.running() == 0);
}

#[test]
fn what_cannot_be_placed_is_said_with_the_words_for_its_capacity() {
    let bench = Bench::new(5);
    bench.simulator.fault(Fault::new(FaultKind::PlacementFailure).of("web"));
    let spot = Some("FARGATE_SPOT".to_owned());
    let setup = ServiceSetup { capacity_provider: spot, ..ServiceSetup::new("demo", "web", 80) };
    bench.simulator.create_service(setup.desired(1)).unwrap();
    bench.pass(60_000);
    assert!(bench.tasks().is_empty());
    assert_eq!(bench.said().len(), 1);
    assert!(bench.said()[0].contains("Capacity is unavailable at this time."));
    bench.simulator.clear_faults(None);
    bench.until("it runs", |bench| bench.running() == 1);
}

#[test]
fn a_deleted_service_drains_and_can_be_made_anew() {
    let bench = Bench::with_web(6, 1);
    bench.until("it runs", |bench| bench.running() == 1);
    bench.simulator.delete("demo", "web");
    assert_eq!(bench.web().status.as_str(), "DRAINING");
    let again = || bench.simulator.create_service(ServiceSetup::new("demo", "web", 80).desired(1));
    assert_eq!(again().unwrap_err().message, "Unable to Start a service that is still Draining.");
    bench.until("it is gone", |bench| bench.web().status.as_str() == "INACTIVE");
    assert_eq!(bench.tasks()[0].status, Status::Stopped);
    again().unwrap();
    assert_eq!(bench.web().status.as_str(), "ACTIVE");
    bench.until("it runs again", |bench| bench.running() == 1);
}

#[test]
fn the_same_seed_and_the_same_calls_give_the_same_history() {
    let history = |seed| {
        let bench = Bench::with_web(seed, 3);
        bench.simulator.fault(Fault::new(FaultKind::PullFailure).chance(0.5));
        for desired in [3, 5, 0, 2] {
            bench.simulator.set_desired("demo", "web", desired);
            bench.pass(45_000);
        }
        (format!("{:?}", bench.tasks()), format!("{:?}", bench.web()))
    };
    assert_eq!(history(7), history(7));
    assert_ne!(history(7), history(8));
}
