//! Tasks that do not come up: one clear sentence for the operator, a safe one for visitors, and no wait that cannot
//! help.

use std::time::Duration;

use http::Method;
use serde_json::json;
use tokio::time::Instant;

use crate::binary_kit::get;
use crate::ecs_stage::{FromTask, Stage, config, plain};
use crate::proxy_kit::soon;

/// A fault of tasks, and what its service's fault must say.
type Case = (&'static str, serde_json::Value, &'static [&'static str]);

#[tokio::test]
async fn a_task_that_cannot_start_is_told_in_words_at_once() {
    let cases: [Case; 4] = [
        (
            "image",
            json!({ "kind": "pull_failure" }),
            &["has an image that does not exist", "CannotPullContainerError"],
        ),
        (
            "secret",
            json!({ "kind": "resource_initialization" }),
            &["cannot fetch its secrets", "ResourceInitializationError", "can't find the specified secret"],
        ),
        (
            "crash",
            json!({ "kind": "crash", "ms": 5, "exit_code": 3 }),
            &["its container `app` exited with code 3", "Essential container in task exited"],
        ),
        (
            "memory",
            json!({ "kind": "out_of_memory", "ms": 5 }),
            &["ran out of memory", "OutOfMemoryError: Container killed due to memory usage"],
        ),
    ];
    let names: Vec<&str> = cases.iter().map(|(name, ..)| *name).collect();
    let stage = Stage::with(&names).await;
    for (name, fault, _) in &cases {
        let mut fault = fault.clone();
        fault["service"] = json!(name);
        stage.aws.fault(fault).await;
    }
    let gateway = stage.start(&plain(&names)).await;
    let begun = Instant::now();
    let asking: Vec<_> = names.iter().map(|name| gateway.asking(get(&format!("/{name}/")))).collect();
    for ((name, _, says), answer) in cases.iter().zip(asking) {
        let answer = soon(answer).await.unwrap();
        answer.is_safe(502, "wake_failed");
        let fault = gateway.phase(name, "failed").await["fault"].as_str().unwrap().to_owned();
        for part in *says {
            assert!(fault.contains(part), "{name}: {fault}");
        }
        assert!(!fault.contains("arn:"), "{name}: a task's short id will do: {fault}");
        assert_eq!(fault.lines().count(), 1, "{fault}");
        let line = gateway.logs(&format!("{name}: waking -> failed")).await;
        assert!(line.contains(says[0]), "{line}");
    }
    // The limit is two minutes.
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    // What fails is woken no more often than its pauses allow.
    assert!(stage.counts_of("image").await.len() <= 2);
}

#[tokio::test]
async fn no_room_is_said_with_the_name_of_the_capacity_provider() {
    let stage = Stage::new().await;
    let service = |name| json!({ "name": name, "capacity_provider": "spot-pool", "app": { "boot_ms": 20 } });
    stage.aws.create(json!([service("stuck"), service("unplaced")])).await;
    let stuck = stage.aws.fault(json!({ "kind": "no_capacity", "service": "stuck" })).await;
    let unplaced = stage.aws.fault(json!({ "kind": "placement_failure", "service": "unplaced" })).await;
    let services = [("stuck", json!({})), ("unplaced", json!({ "wake_timeout": "3s" }))];
    let gateway = stage.start(&config(&services)).await;
    let (held, late) = (gateway.asking(get("/stuck/")), gateway.asking(get("/unplaced/")));
    gateway
        .until("stuck", |status| {
            status["waits_for"].as_str().is_some_and(|words| words.contains("PROVISIONING"))
        })
        .await;
    let no_room = "capacity provider `spot-pool` has no room for its task";
    gateway
        .until("unplaced", |status| status["waits_for"].as_str().is_some_and(|words| words.contains(no_room)))
        .await;
    // Room may be made: it is waited for, as long as the operator allows.
    soon(late).await.unwrap().is_safe(502, "wake_failed");
    let fault = gateway.phase("unplaced", "failed").await["fault"].as_str().unwrap().to_owned();
    assert!(fault.starts_with("not ready after 3s: ") && fault.contains(no_room), "{fault}");
    // When there is room, all goes on by itself.
    for fault in [stuck, unplaced] {
        stage.clear(fault).await;
    }
    soon(held).await.unwrap().is_served_by("stuck");
    gateway.phase("unplaced", "awake").await;
    gateway.get("/unplaced/").await.is_served_by("unplaced");
}

#[tokio::test]
async fn the_schedulers_own_pause_is_not_waited_out() {
    let stage = Stage::with(&["web"]).await;
    // Each of these deaths alone would be worth another try; somebody else has made it try for some time.
    let fault = stage.aws.fault(json!({ "kind": "crash", "ms": 5, "exit_code": 4 })).await;
    stage.aws.set_desired("web", 1).await;
    let pauses = |service: &serde_json::Value| {
        let tasks = service["tasks"].as_array().unwrap();
        tasks.len() >= 4 && tasks.iter().all(|task| task["status"] == "STOPPED")
    };
    stage.until("web", pauses).await;
    let gateway = stage.serve(&plain(&["web"])).await;
    gateway.get("/web/").await.is_safe(502, "wake_failed");
    let words = gateway.phase("web", "failed").await["fault"].as_str().unwrap().to_owned();
    assert!(words.contains("ECS pauses before it tries again"), "{words}");
    assert!(words.contains("exited with code 4"), "with the last reason: {words}");
    stage.clear(fault).await;
    gateway.phase("web", "awake").await;
}

#[tokio::test]
async fn a_dependency_that_cannot_start_is_named_to_the_operator_alone() {
    let stage = Stage::with(&["web", "api", "db"]).await;
    stage.aws.fault(json!({ "kind": "pull_failure", "service": "db" })).await;
    let services = [("web", json!({ "depends_on": ["api", "db"] })), ("api", json!({})), ("db", json!({}))];
    let gateway = stage.start(&config(&services)).await;
    gateway.get("/web/").await.is_safe(502, "wake_failed");
    let words = gateway.phase("web", "failed").await["fault"].as_str().unwrap().to_owned();
    assert!(words.starts_with("db: task ") && words.contains("has an image that does not exist"), "{words}");
    gateway.get("/api/").await.is_served_by("api");
}

#[tokio::test]
async fn the_app_decides_when_it_is_ready_and_not_ecs() {
    let stage = Stage::new().await;
    stage
        .aws
        .create(json!([
            { "name": "slow", "app": { "boot_ms": 1_200 } },
            { "name": "cold", "app": { "boot_ms": 20, "warm_ms": 1_200 } },
            { "name": "ill", "app": { "boot_ms": 20, "never_warm": true } },
        ]))
        .await;
    let services = [("slow", json!({})), ("cold", json!({})), ("ill", json!({ "wake_timeout": "3s" }))];
    let gateway = stage.start(&config(&services)).await;
    let asking = ["slow", "cold", "ill"].map(|name| gateway.asking(get(&format!("/{name}/"))));
    let [slow, cold, ill] = asking;
    soon(slow).await.unwrap().is_served_by("slow");
    soon(cold).await.unwrap().is_served_by("cold");
    soon(ill).await.unwrap().is_safe(502, "wake_failed");
    let words = gateway.phase("ill", "failed").await["fault"].as_str().unwrap().to_owned();
    assert!(words.starts_with("not ready after 3s: ") && words.contains("503"), "{words}");
    assert!(stage.seen_by("ill").await.is_empty(), "nobody's request went where nothing was ready");
}

#[tokio::test]
async fn a_deployment_that_ecs_takes_back_is_outlived() {
    let stage = Stage::new().await;
    stage.aws.create(json!({ "name": "web", "circuit_breaker": true, "app": { "boot_ms": 20 } })).await;
    stage.until("web", |service| service["deployments"][0]["rollout"] == "COMPLETED").await;
    let gateway = stage.start(&plain(&["web"])).await;
    stage.aws.fault(json!({ "kind": "pull_failure", "service": "web", "times": 3 })).await;
    stage
        .aws
        .control(Method::POST, "services/demo/web/deploy", json!({ "image": "registry.example/web:2" }))
        .await;
    // Woken in the middle of it, its tasks cannot be started.
    gateway.get("/web/").await.is_safe(502, "wake_failed");
    let words = gateway.phase("web", "failed").await["fault"].as_str().unwrap().to_owned();
    assert!(words.contains("registry.example/web:2"), "{words}");
    // ECS goes back to what worked before, and so does the gateway.
    let taken_back = |service: &serde_json::Value| {
        service["deployments"][0]["reason"].as_str().is_some_and(|reason| reason.contains("rolling back"))
    };
    stage.until("web", taken_back).await;
    gateway.phase("web", "awake").await;
    gateway.get("/web/").await.is_served_by("web");
}
