//! What must not be put to sleep on ECS is not, and the status says why.

use http::Method;
use serde_json::{Value, json};

use crate::binary_kit::{run, wakegate};
use crate::ecs_rig::{Rig, config, on_ecs};

fn sleepy() -> Value {
    config(&[("web", on_ecs("web", json!({ "idle_after": "300ms" })))], json!({}))
}

/// Waits until the status says of the service what is to be said, in whatever field.
async fn explained(rig: &Rig, words: &str) -> Value {
    let says = |status: &Value| {
        ["keeps", "waits_for", "fault", "not_observed"]
            .iter()
            .any(|key| status[key].as_str().is_some_and(|said| said.contains(words)))
    };
    rig.gateway.until("web", says).await
}

#[tokio::test]
async fn a_daemon_service_is_refused_with_the_reason() {
    let rig = Rig::start(&[json!({ "name": "web", "scheduling": "DAEMON" })], &sleepy()).await;
    let status = explained(&rig, "daemon").await;
    assert_ne!(status["phase"], "asleep");
    assert_eq!(rig.counts_asked("web").await, [] as [u64; 0]);
}

#[tokio::test]
async fn a_protected_task_keeps_its_service_awake_until_the_protection_ends() {
    let aws = crate::ecs_rig::aws().await;
    aws.create(json!({ "name": "web", "desired": 1, "app": { "boot_ms": 20 } })).await;
    let up = crate::ecs_rig::until(&aws, "web", |web| web["running"] == 1).await;
    let task = up["tasks"][0]["arn"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let protect = format!("tasks/{task}/protect");
    aws.control(Method::POST, &protect, json!({ "for_ms": 3_600_000 })).await;
    let rig = Rig::unprepared(aws, &sleepy()).await;
    let status = explained(&rig, "scale-in protection").await;
    assert!(status["keeps"].as_str().unwrap().contains(&task), "{status:#}");
    let told = run(wakegate(&["status"]).env("WAKEGATE_ADMIN", rig.gateway.url())).await.out;
    let line = format!("not put to sleep: it has a task under scale-in protection: {task}");
    assert!(told.contains(&line), "{told}");
    // Nothing was ordered: its door was shut no longer than it takes to see that.
    let log = rig.gateway.log().all();
    let refused = log.iter().find(|line| line.contains("(sleep_failed)")).unwrap();
    assert!(refused.contains("scale-in protection"), "{refused}");
    rig.wake("web").await;
    assert_eq!(rig.counts_asked("web").await, [] as [u64; 0]);

    rig.aws.control(Method::POST, &protect, json!({ "for_ms": null })).await;
    rig.gateway.phase("web", "asleep").await;
    assert_eq!(rig.counts_asked("web").await, [0]);
}

#[tokio::test]
async fn a_deployment_under_way_keeps_its_service_awake_until_it_is_done() {
    let rig = Rig::start(
        &[json!({ "name": "web", "desired": 1 })],
        &config(&[("web", on_ecs("web", json!({})))], json!({})),
    )
    .await;
    rig.wake("web").await;
    rig.aws
        .control(Method::POST, "services/demo/web/deploy", json!({ "image": "registry.example/web:2" }))
        .await;
    explained(&rig, "is being deployed").await;
    let refused = rig.gateway.manage("POST", "/api/services/web/sleep", "").await;
    assert_eq!(refused.status, 409, "{refused:?}");
    assert!(refused.body.contains("it is being deployed"), "{refused:?}");
    assert_eq!(rig.counts_asked("web").await, [] as [u64; 0]);

    rig.until("web", |web| {
        web["deployments"].as_array().unwrap().len() == 1 && web["deployments"][0]["rollout"] == "COMPLETED"
    })
    .await;
    rig.gateway.until("web", |status| status["keeps"] == Value::Null).await;
    assert_eq!(rig.gateway.manage("POST", "/api/services/web/sleep", "").await.status, 202);
    rig.gateway.phase("web", "asleep").await;
}
