//! Deployments.

use super::kit::Bench;
use crate::simulator::balancers::{group_arn, load_balancer_arn};
use crate::simulator::fault::{Fault, FaultKind};
use crate::simulator::groups::Settings;
use crate::simulator::service::{Rollout, ServiceSetup};

#[test]
fn the_new_run_before_the_old_stop() {
    let bench = Bench::with_web(1, 2);
    bench.until("it is steady", |bench| bench.web().steady);
    let old = bench.web().deployments[0].id.clone();
    bench.simulator.deploy("demo", "web", Some("registry.example/web:2"), None);
    assert_eq!(bench.web().deployments.len(), 2);
    bench.until("it is completed", |bench| {
        assert!(bench.running() >= 2, "never less than desired");
        assert!(bench.tasks().iter().filter(|task| task.wanted()).count() <= 4, "never more than twice");
        bench.web().deployments[0].rollout == Rollout::Completed
    });
    assert_eq!(bench.web().deployments.len(), 1);
    let live: Vec<_> = bench.tasks().into_iter().filter(|task| task.wanted()).collect();
    assert!(live.iter().all(|task| task.started_by.as_ref() != Some(&old)));
    assert!(live.iter().all(|task| task.image == "registry.example/web:2"));
}

#[test]
fn the_circuit_breaker_rolls_back() {
    let bench = Bench::new(2);
    let setup = ServiceSetup { circuit_breaker: Some(true), ..ServiceSetup::new("demo", "web", 80) };
    bench.simulator.create_service(setup.desired(1)).unwrap();
    bench.until("it is steady", |bench| bench.web().steady);
    let good = bench.web().deployments[0].id.clone();
    bench.simulator.fault(Fault::new(FaultKind::PullFailure).of("web"));
    bench.simulator.deploy("demo", "web", Some("registry.example/web:broken"), None);
    bench.until("it fails", |bench| bench.web().deployments.iter().any(|it| it.rollout == Rollout::Failed));
    let said = bench.said();
    assert!(said[1].ends_with("deployment failed: tasks failed to start."), "{said:#?}");
    assert_eq!(said[0], format!("(service web) rolling back to deployment {good}."));
    assert_eq!(bench.running(), 1, "the old one was not stopped");
    bench.until("it has rolled back", |bench| bench.web().deployments.len() == 1);
    assert_eq!((&bench.web().deployments[0].id, bench.running()), (&good, 1));
}

#[test]
fn a_deployment_at_zero_is_completed_untested() {
    let bench = Bench::with_web(3, 0);
    bench.until("it is steady", |bench| bench.web().steady);
    bench.simulator.deploy("demo", "web", None, None);
    let took =
        bench.until("it is completed", |bench| bench.web().deployments[0].rollout == Rollout::Completed);
    assert!(took <= 2_000 && bench.tasks().is_empty(), "{took} ms");
}

#[test]
fn a_load_balancer_that_takes_its_time_delays_a_deployment_and_no_more() {
    let bench = Bench::new(4);
    let arn = group_arn("web");
    let load_balancer = Some(load_balancer_arn("front"));
    bench.simulator.set_group(Settings { load_balancer, ..Settings::new(&arn, "web", 80) });
    let setup = ServiceSetup { target_groups: vec![arn], ..ServiceSetup::new("demo", "web", 80) };
    bench.simulator.create_service(setup.desired(1)).unwrap();
    bench.until("it is steady", |bench| bench.web().steady);
    bench.simulator.deploy("demo", "web", Some("registry.example/web:2"), None);
    bench.until("it is completed", |bench| bench.web().deployments.len() == 1);
    assert_eq!(bench.tasks().iter().filter(|task| task.wanted()).count(), 1, "the old one was stopped");
}
