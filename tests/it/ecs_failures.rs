//! Tasks that do not come up: one clear sentence for the operator, a safe one for visitors, and no wait that cannot
//! help.

use std::time::Duration;

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
    let limit = json!({ "wake_timeout": "3s" });
    let config = config(&[("stuck", json!({})), ("unplaced", json!({})), ("late", json!({}))]);
    let mut config = config;
    config["services"].as_object_mut().unwrap().remove("late");
    config["routes"].as_array_mut().unwrap().pop();
    crate::binary_kit::merge(&mut config["services"]["unplaced"], limit);
    let gateway = stage.start(&config).await;
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
        stage.aws.control(http::Method::DELETE, &format!("faults/{fault}"), json!(null)).await;
    }
    soon(held).await.unwrap().is_served_by("stuck");
    gateway.phase("unplaced", "awake").await;
    gateway.get("/unplaced/").await.is_served_by("unplaced");
}

#[tokio::test]
async fn the_schedulers_own_pause_is_not_waited_out() {
    let stage = Stage::with(&["web"]).await;
    // The network of the registry fails, as it does for a while: each task alone would be worth waiting for.
    let fault = stage.aws.fault(json!({ "kind": "pull_failure", "service": "web" })).await;
    stage.aws.set_desired("web", 1).await;
    let impaired = |service: &serde_json::Value| service["tasks"].as_array().unwrap().len() >= 4;
    stage.until("web", impaired).await;
    let gateway = stage.serve(&plain(&["web"])).await;
    gateway.get("/web/").await.is_safe(502, "wake_failed");
    let fault_words = gateway.phase("web", "failed").await["fault"].as_str().unwrap().to_owned();
    println!("{fault_words}");
    stage.aws.control(http::Method::DELETE, &format!("faults/{fault}"), json!(null)).await;
    gateway.phase("web", "awake").await;
}
