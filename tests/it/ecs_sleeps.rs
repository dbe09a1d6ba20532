//! Services on ECS are put to sleep by the real binary, and woken to what they were.

use serde_json::{Value, json};

use crate::ecs_rig::{Rig, config, on_ecs};

/// The configuration of the service `web` alone.
fn web(change: Value, more: Value) -> Value {
    config(&[("web", on_ecs("web", change))], more)
}

/// One that sleeps as soon as it has been quiet for a moment.
fn sleepy() -> Value {
    json!({ "idle_after": "300ms" })
}

fn place(calls: &[Value], is: impl Fn(&Value) -> bool) -> usize {
    calls.iter().position(is).unwrap_or_else(|| panic!("not called: {calls:#?}"))
}

/// Scenario 6.
#[tokio::test]
async fn a_quiet_service_sleeps_and_wakes_to_the_count_it_had() {
    let rig = Rig::start(&[json!({ "name": "web", "desired": 3 })], &web(sleepy(), json!({}))).await;
    let asleep = rig.until("web", |web| web["desired"] == 0).await;
    assert_eq!(asleep["tags"]["wakegate:desired-count"], "3");
    let calls = rig.aws.calls().await;
    let tagged = place(&calls, |call| call["action"] == "TagResource");
    let lowered = place(&calls, |call| call["action"] == "UpdateService");
    assert!(tagged < lowered, "it is remembered before it is forgotten");
    rig.gateway.phase("web", "asleep").await;
    rig.until("web", |web| web["running"] == 0).await;

    rig.wake("web").await;
    assert_eq!(rig.counts_asked("web").await, [0, 3]);
    rig.gateway.until("web", |status| status["healthy"] == 3).await;
}

#[tokio::test]
async fn a_service_of_one_task_is_not_even_tagged() {
    let rig = Rig::start(&[json!({ "name": "web", "desired": 1 })], &web(sleepy(), json!({}))).await;
    rig.gateway.phase("web", "asleep").await;
    rig.wake("web").await;
    assert_eq!(rig.counts_asked("web").await, [0, 1]);
    assert_eq!(rig.calls_of("TagResource", "web").await, [] as [Value; 0]);
}

#[tokio::test]
async fn the_configured_count_is_woken_to_and_nothing_is_remembered() {
    let change = json!({ "idle_after": "300ms", "ecs": { "desired_count": 2 } });
    let rig = Rig::start(&[json!({ "name": "web", "desired": 3 })], &web(change, json!({}))).await;
    rig.gateway.phase("web", "asleep").await;
    rig.wake("web").await;
    assert_eq!(rig.counts_asked("web").await, [0, 2]);
    assert_eq!(rig.calls_of("TagResource", "web").await, [] as [Value; 0]);
}

/// Scenario 6.
#[tokio::test]
async fn a_count_raised_by_somebody_else_while_it_sleeps_wakes_it_and_stays() {
    let rig = Rig::start(&[json!({ "name": "web" })], &web(json!({}), json!({}))).await;
    rig.aws.set_desired("web", 5).await;
    let status = rig.gateway.until("web", |status| status["healthy"] == 5).await;
    assert_eq!(status["phase"], "awake");
    rig.wake("web").await;
    assert_eq!(rig.counts_asked("web").await, [] as [u64; 0]);
    assert_eq!(rig.aws.service("web").await["desired"], 5);
}

/// Scenario 6: the gateway has not heard of it when the request comes.
#[tokio::test]
async fn a_count_raised_between_the_look_and_the_wake_is_not_lowered() {
    let seldom = json!({ "aws": { "reconcile_every": "1h" } });
    let rig = Rig::start(&[json!({ "name": "web" })], &web(json!({}), seldom)).await;
    rig.aws.set_desired("web", 5).await;
    assert_eq!(rig.gateway.status("web").await["phase"], "asleep");
    rig.wake("web").await;
    assert_eq!(rig.counts_asked("web").await, [] as [u64; 0]);
    assert_eq!(rig.aws.service("web").await["desired"], 5);
}

#[tokio::test]
async fn a_count_set_to_zero_by_somebody_else_is_accepted_and_the_next_hit_wakes_it() {
    let rig = Rig::start(&[json!({ "name": "web", "desired": 1 })], &web(json!({}), json!({}))).await;
    rig.wake("web").await;
    rig.aws.set_desired("web", 0).await;
    let status = rig.gateway.phase("web", "asleep").await;
    assert_eq!(status["targets"], json!([]));
    assert_eq!(rig.counts_asked("web").await, [] as [u64; 0], "it was not fought");
    rig.wake("web").await;
    assert_eq!(rig.counts_asked("web").await, [1]);
}

#[tokio::test]
async fn a_service_that_is_deleted_and_made_again_is_found_again() {
    let rig = Rig::start(&[json!({ "name": "web", "desired": 1 })], &web(json!({}), json!({}))).await;
    rig.wake("web").await;
    rig.aws.control(http::Method::DELETE, "services/demo/web", Value::Null).await;
    rig.gateway.until("web", |status| status["targets"] == json!([])).await;
    rig.until("web", |web| web["status"] == "INACTIVE").await;
    let refused = rig.gateway.get("/web/").await;
    assert_eq!(refused.status, 502, "{refused:?}");
    let status = rig.gateway.status("web").await;
    assert!(status["fault"].as_str().unwrap().contains("was deleted"), "{status:#}");
    assert!(!refused.body.contains("demo"), "{refused:?}");

    rig.aws.create(json!({ "name": "web", "app": { "boot_ms": 20 } })).await;
    // It is not refused for longer than a failed wake waits.
    rig.gateway
        .until("web", |status| status["phase"] != "failed" || status["retry_in_seconds"] == Value::Null)
        .await;
    rig.wake("web").await;
}
