//! Somebody else's hand on services that are awake or waking: scaling, deployments. Nothing is lost by it.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};

use crate::binary_kit::Answer;
use crate::ecs_rig::{Rig, answered_by, config, on_ecs, queue_url, visits};

/// A gateway before the service `web`, told of everything by events, as fast as they go.
async fn told(desired: u32) -> Rig {
    let aws = crate::ecs_rig::aws().await;
    aws.set(json!({ "events": { "queue": "wakegate", "delay_ms": [0, 5] } })).await;
    let events = json!({ "events": { "queue_url": queue_url(&aws, "wakegate") } });
    let config = config(&[("web", on_ecs("web", json!({})))], events);
    let rig = Rig::before(aws, &[json!({ "name": "web", "desired": desired })], &config).await;
    rig.wake("web").await;
    rig.gateway.until("web", |status| status["healthy"] == desired).await;
    rig
}

/// Fails if a request was not answered.
fn none_was_lost(answers: &[Answer]) {
    assert!(!answers.is_empty(), "there is to be a load");
    for answer in answers {
        answered_by(answer, "web");
    }
}

/// How long after a task was told to stop it still saw a request, at most.
async fn latest(rig: &Rig) -> u64 {
    let web = rig.aws.service("web").await;
    let told_at = |arn: &Value| {
        let task = web["tasks"].as_array().unwrap().iter().find(|task| task["arn"] == *arn).unwrap();
        task["told_at_ms"].as_u64()
    };
    let late =
        |visit: &Value| Some(visit["at_ms"].as_u64().unwrap().saturating_sub(told_at(&visit["task"])?));
    visits(&rig.aws).await.iter().filter_map(late).max().unwrap_or_default()
}

/// The tasks that answered.
fn tasks(answers: &[Answer]) -> BTreeSet<&str> {
    answers.iter().map(|answer| answer.header("x-task")).collect()
}

#[tokio::test]
async fn scaled_out_and_in_while_awake_new_tasks_take_traffic_and_old_ones_lose_it_before_they_stop() {
    let rig = told(1).await;
    let load = rig.load("/web/");
    rig.aws.set_desired("web", 3).await;
    rig.gateway.until("web", |status| status["healthy"] == 3).await;
    let out = load.end().await;
    none_was_lost(&out);

    let load = rig.load("/web/");
    rig.aws.set(json!({ "speed": 2.0 })).await;
    rig.aws.set_desired("web", 1).await;
    rig.gateway.until("web", |status| status["healthy"] == 1).await;
    rig.until("web", |web| web["running"] == 1).await;
    let all = load.end().await;
    assert_eq!(tasks(&all).len(), 3, "all three had a part of the load");
    none_was_lost(&all);
    // SIGTERM comes 750 ms after the task is seen to be told to stop.
    let latest = latest(&rig).await;
    assert!(latest < 375, "a request was seen {latest} ms after its task was told to stop");
    assert_eq!(rig.counts_asked("web").await, [] as [u64; 0]);
}

#[tokio::test]
async fn a_deployment_while_awake_loses_no_request() {
    let rig = told(2).await;
    let load = rig.load("/web/");
    let image = json!({ "image": "registry.example/web:2" });
    rig.aws.control(Method::POST, "services/demo/web/deploy", image).await;
    let done = |web: &Value| {
        web["deployments"].as_array().unwrap().len() == 1 && web["deployments"][0]["rollout"] == "COMPLETED"
    };
    rig.until("web", |web| !done(web)).await;
    rig.until("web", done).await;
    let answers = load.end().await;
    none_was_lost(&answers);
    assert!(tasks(&answers).len() >= 4, "the old and the new ones: {:?}", tasks(&answers));
}

#[tokio::test]
async fn a_deployment_while_awake_that_is_only_polled_loses_no_request() {
    let config = config(&[("web", on_ecs("web", json!({})))], json!({}));
    let rig = Rig::start(&[json!({ "name": "web", "desired": 2 })], &config).await;
    rig.wake("web").await;
    rig.gateway.until("web", |status| status["healthy"] == 2).await;
    let load = rig.load("/web/");
    let image = json!({ "image": "registry.example/web:2" });
    rig.aws.control(Method::POST, "services/demo/web/deploy", image).await;
    rig.until("web", |web| web["deployments"].as_array().unwrap().len() == 2).await;
    rig.until("web", |web| web["deployments"].as_array().unwrap().len() == 1).await;
    let answers = load.end().await;
    for answer in &answers {
        answered_by(answer, "web");
    }
    assert!(tasks(&answers).len() >= 4, "the old and the new ones: {:?}", tasks(&answers));
}

#[tokio::test]
async fn a_deployment_in_the_middle_of_a_wake_is_waited_for_with_it() {
    let rig = Rig::start(
        &[json!({ "name": "web", "app": { "boot_ms": 300 } })],
        &config(&[("web", on_ecs("web", json!({})))], json!({})),
    )
    .await;
    let asked = rig.gateway.asking(crate::binary_kit::get("/web/"));
    rig.until("web", |web| web["pending"] == 1).await;
    let image = json!({ "image": "registry.example/web:2" });
    rig.aws.control(Method::POST, "services/demo/web/deploy", image).await;
    answered_by(&asked.await.unwrap(), "web");
    rig.until("web", |web| web["deployments"].as_array().unwrap().len() == 1).await;
    rig.wake("web").await;
    assert_eq!(rig.counts_asked("web").await, [1]);
}

#[tokio::test]
async fn a_count_set_to_zero_under_load_loses_no_request() {
    let rig = told(1).await;
    let load = rig.load("/web/");
    rig.aws.set_desired("web", 0).await;
    // Whoever comes is held, and wakes it again.
    rig.until("web", |web| web["desired"] == 1).await;
    rig.gateway.phase("web", "awake").await;
    let answers = load.end().await;
    for answer in &answers {
        answered_by(answer, "web");
    }
    assert_eq!(tasks(&answers).len(), 2, "{:?}", tasks(&answers));
}
