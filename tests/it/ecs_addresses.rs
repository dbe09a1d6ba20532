//! Addresses of tasks that are gone, and of tasks that do not answer.

use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::binary_kit::get;
use crate::ecs_stage::{FromTask, Stage, Steady, plain};
use crate::proxy_kit::soon;

/// A service of somebody else's gets the addresses that others leave, at once, and a read may be older than that.
async fn with_a_neighbour() -> Stage {
    let stage = Stage::with(&["web", "neighbour"]).await;
    stage.aws.set(json!({ "reuse": "at_once", "stale_ms": 150, "stale_chance": 0.5 })).await;
    stage
}

/// Waits until the neighbour serves at this address.
async fn moved_in(stage: &Stage, address: &str) {
    let (ip, _) = address.split_once(':').unwrap();
    let there = |task: &Value| task["ip"] == ip && task["status"] == "RUNNING";
    stage.until("neighbour", |service| service["tasks"].as_array().unwrap().iter().any(there)).await;
}

#[tokio::test]
async fn a_sleepers_address_is_never_asked_again() {
    let stage = with_a_neighbour().await;
    let gateway = stage.start(&plain(&["web"])).await;
    // Connections to it are kept for the next request.
    let asking: Vec<_> = (0..10).map(|_| gateway.asking(get("/web/"))).collect();
    for answer in asking {
        soon(answer).await.unwrap().is_served_by("web");
    }
    let address = gateway.target("web").await.to_string();
    gateway.manage("POST", "/api/services/web/sleep", "").await;
    stage.until("web", |service| service["desired"] == 0).await;
    let left =
        |service: &Value| service["tasks"].as_array().unwrap().iter().all(|task| task["status"] != "RUNNING");
    stage.until("web", left).await;
    stage.aws.set_desired("neighbour", 1).await;
    moved_in(&stage, &address).await;
    // Wakes it, at another address.
    let steady = Steady::begin(&gateway, "/web/");
    steady.more(20).await;
    assert_ne!(gateway.target("web").await.to_string(), address);
    steady.all_served_by("web").await;
    assert_eq!(asked(&stage, "neighbour").await, [Value::Null; 0]);
}

#[tokio::test]
async fn who_comes_while_a_task_drains_waits_for_a_new_one() {
    let stage = Stage::new().await;
    // It answers for half a minute after it was told to stop.
    stage.aws.create(json!({ "name": "web", "app": { "boot_ms": 20, "farewell_ms": 30_000 } })).await;
    let gateway = stage.start(&plain(&["web"])).await;
    let old = gateway.get("/web/").await;
    old.is_served_by("web");
    assert_eq!(gateway.manage("POST", "/api/services/web/sleep", "").await.status, 202);
    stage.until("web", |service| service["tasks"][0]["told_to_stop"] == true).await;
    let new = gateway.get("/web/").await;
    new.is_served_by("web");
    assert_ne!(new.header("x-task"), old.header("x-task"));
    assert_eq!(stage.counts_of("web").await, [1, 0, 1]);
    let asked = asked(&stage, "web").await;
    assert!(asked.iter().all(|request| request["told_to_stop"] == false), "{asked:#?}");
}

#[tokio::test]
async fn the_address_of_a_task_that_somebody_stopped_is_left_before_another_has_it() {
    let stage = with_a_neighbour().await;
    // Nobody answers there before the gateway has looked a few times: ECS itself takes ten seconds to make a task.
    let slow = json!({ "boot_ms": 1_500 });
    stage.aws.control(http::Method::PUT, "services/demo/neighbour/app", slow).await;
    stage.aws.set_desired("web", 2).await;
    let gateway = stage.serve(&plain(&["web"])).await;
    gateway.until("web", |status| status["healthy"] == 2).await;
    let steady = Steady::begin(&gateway, "/web/");
    steady.more(10).await;
    let mut address = inherited(&stage).await;
    for _ in 0..20 {
        if address.is_some() {
            break;
        }
        // It was made too early or too late for that one.
        stage.aws.set_desired("neighbour", 0).await;
        let gone = |service: &Value| {
            service["tasks"].as_array().unwrap().iter().all(|task| task["status"] == "STOPPED")
        };
        stage.until("neighbour", gone).await;
        gateway.until("web", |status| status["healthy"] == 2).await;
        address = inherited(&stage).await;
    }
    let address = address.expect("the neighbour gets the address of a task that was stopped");
    soon(async { while TcpStream::connect(&address).await.is_err() {} }).await;
    gateway.until("web", |status| status["healthy"] == 2).await;
    steady.more(20).await;
    steady.all_served_by("web").await;
    let all = stage.aws.requests().await;
    let strangers: Vec<_> = all.iter().filter(|seen| seen["service"] == "neighbour").collect();
    assert!(strangers.is_empty(), "at {address}: {strangers:#?}");
}

/// Stops one of the web's tasks while one of the neighbour's is made. The address, if it went from the one to the other.
async fn inherited(stage: &Stage) -> Option<String> {
    let running = |service: &Value| {
        let tasks = service["tasks"].as_array().unwrap();
        tasks.iter().find(|task| task["status"] == "RUNNING").cloned()
    };
    let task = running(&stage.aws.service("web").await).unwrap();
    let (arn, ip) = (task["arn"].as_str().unwrap(), &task["ip"]);
    let id = arn.rsplit('/').next().unwrap();
    // The neighbour's task is made first, so that the address is its own and not that of the one in place.
    stage.aws.set_desired("neighbour", 1).await;
    stage.aws.control(http::Method::POST, &format!("tasks/{id}/stop"), Value::Null).await;
    let neighbour = stage.until("neighbour", |service| running(service).is_some()).await;
    (running(&neighbour)?["ip"] == *ip).then(|| format!("{}:8080", ip.as_str().unwrap()))
}

#[tokio::test]
async fn an_address_that_swallows_connections_delays_nobody() {
    let stage = Stage::with(&["web"]).await;
    stage.aws.fault(json!({ "kind": "black_hole", "service": "web", "times": 1 })).await;
    stage.aws.set_desired("web", 2).await;
    let gateway = stage.serve(&plain(&["web"])).await;
    for _ in 0..20 {
        gateway.get("/web/").await.is_served_by("web");
    }
    stage.until("web", |service| service["running"] == 2).await;
    let status = gateway.status("web").await;
    assert_eq!((&status["phase"], &status["healthy"]), (&json!("awake"), &json!(1)));
}

/// What the tasks of a service were asked, health checks included.
async fn asked(stage: &Stage, service: &str) -> Vec<Value> {
    let mut all = stage.aws.requests().await;
    all.retain(|request| request["service"] == service);
    all
}
