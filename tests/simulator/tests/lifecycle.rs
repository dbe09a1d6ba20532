//! The life of a task.

use serde_json::{Value, json};

use super::kit::Bench;
use crate::simulator::fault::{Fault, FaultKind};
use crate::simulator::pool::{Pool, Reuse};
use crate::simulator::service::ServiceSetup;
use crate::simulator::task::Status;

async fn shown(bench: &Bench) -> Value {
    let arn = &bench.tasks()[0].arn;
    bench.ask("DescribeTasks", json!({ "cluster": "demo", "tasks": [arn] })).await["tasks"][0].clone()
}

fn address(task: &Value) -> Option<&str> {
    let details = task["attachments"][0]["details"].as_array()?;
    details.iter().find(|each| each["name"] == "privateIPv4Address")?["value"].as_str()
}

#[tokio::test]
async fn a_task_goes_through_every_state_and_shows_its_address_on_leaving_the_first() {
    let bench = Bench::with_web(1, 1);
    bench.until("a task", |bench| !bench.tasks().is_empty());
    let mut states: Vec<String> = Vec::new();
    let mut versions = Vec::new();
    let mut told = false;
    for _ in 0..2_000 {
        let task = shown(&bench).await;
        let state = task["lastStatus"].as_str().unwrap().to_owned();
        assert_eq!(address(&task).is_some(), state != "PROVISIONING", "in {state}");
        if states.last() != Some(&state) {
            states.push(state.clone());
        }
        versions.push(task["version"].as_u64().unwrap());
        if state == "RUNNING" && !told {
            told = true;
            let started = task["startedAt"].as_f64().unwrap() - task["createdAt"].as_f64().unwrap();
            assert!((17.0..23.0).contains(&started), "started after {started} s");
            bench
                .ask("UpdateService", json!({ "cluster": "demo", "service": "web", "desiredCount": 0 }))
                .await;
        }
        if state == "STOPPED" {
            break;
        }
        bench.pass(50);
    }
    let all = [
        "PROVISIONING",
        "PENDING",
        "ACTIVATING",
        "RUNNING",
        "DEACTIVATING",
        "STOPPING",
        "DEPROVISIONING",
        "STOPPED",
    ];
    assert_eq!(states, all);
    assert!(versions.is_sorted(), "{versions:?}");
    let task = shown(&bench).await;
    assert_eq!(task["stopCode"], "ServiceSchedulerInitiated");
    assert_eq!(task["containers"][0]["exitCode"], 0);
}

#[tokio::test]
async fn a_stopped_task_is_missing_after_an_hour() {
    let bench = Bench::with_web(2, 1);
    bench.until("it runs", |bench| bench.running() == 1);
    let arn = bench.tasks()[0].arn.clone();
    bench.simulator.set_desired("demo", "web", 0);
    bench.until("it stops", |bench| bench.tasks()[0].status == Status::Stopped);
    let describe = json!({ "cluster": "demo", "tasks": [arn] });
    bench.pass(3_599_000);
    assert_eq!(bench.ask("DescribeTasks", describe.clone()).await["tasks"][0]["lastStatus"], "STOPPED");
    bench.pass(2_000);
    let gone = bench.ask("DescribeTasks", describe).await;
    assert_eq!(gone["failures"], json!([{ "arn": arn, "reason": "MISSING" }]));
}

#[test]
fn the_address_of_a_stopping_task_goes_to_another_service_at_once_where_that_is_switched() {
    let bench = Bench::with_web(3, 1);
    bench.simulator.set_addresses(Pool::loopback(9).reusing(Reuse::AtOnce));
    bench.until("it runs", |bench| bench.running() == 1);
    let first = bench.tasks()[0].clone();
    bench.simulator.set_desired("demo", "web", 0);
    bench.until("it is stopping", |bench| bench.tasks()[0].status == Status::Stopping);
    bench.simulator.create_service(ServiceSetup::new("demo", "other", 8080).desired(1)).unwrap();
    bench.until("the other one runs", |bench| {
        bench.simulator.tasks("demo", "other").iter().any(|task| task.status == Status::Running)
    });
    let other = bench.simulator.tasks("demo", "other")[0].clone();
    assert_eq!(other.ip, first.ip);
    // The host of the first was ended before the other began: two cannot have one address.
    let notes = bench.notes.0.lock().unwrap().clone();
    let ip = first.ip.unwrap();
    let expected = [
        format!("begin {} {ip}", first.arn),
        format!("end {} Kill", first.arn),
        format!("begin {} {ip}", other.arn),
    ];
    assert_eq!(notes, expected);
}

#[test]
fn a_pull_that_fails_stops_the_task_with_its_reason() {
    let bench = Bench::with_web(4, 1);
    bench.simulator.fault(Fault::new(FaultKind::PullFailure).of("web").times(1));
    bench.until("it stops", |bench| bench.tasks().first().is_some_and(|task| task.stop_wanted));
    let task = bench.tasks()[0].clone();
    assert_eq!(task.stop_code.as_deref(), Some("TaskFailedToStart"));
    assert!(task.stopped_reason.unwrap().starts_with("CannotPullContainerError: "));
    assert_eq!((task.stamps.started, task.exit_code), (None, None));
    bench.until("another one runs", |bench| bench.running() == 1);
}
