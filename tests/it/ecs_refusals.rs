//! Calls that AWS refuses: missing permissions, credentials, rates, and things that do not exist.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::binary_kit::get;
use crate::ecs_stage::{FromTask, Stage, Steady, config, ecs, plain, probe};

#[tokio::test]
async fn what_a_wake_may_not_do_is_named() {
    let actions = ["DescribeServices", "UpdateService", "ListTasks", "DescribeTasks"];
    let names = ["a", "b", "c", "d"];
    let stage = Stage::with(&names).await;
    let gateway = stage.start(&plain(&names)).await;
    for (name, action) in names.iter().zip(actions) {
        let fault = stage.aws.fault(json!({ "kind": "access_denied", "action": action })).await;
        let begun = Instant::now();
        gateway.get(&format!("/{name}/")).await.is_safe(502, "wake_failed");
        assert!(begun.elapsed() < Duration::from_secs(10), "{action}: {:?}", begun.elapsed());
        let words = gateway.phase(name, "failed").await["fault"].as_str().unwrap().to_owned();
        assert!(words.starts_with(&format!("AWS does not allow ecs:{action} on ")), "{words}");
        assert!(words.contains("a policy has to allow it"), "{words}");
        if action.ends_with("Service") {
            assert!(words.contains(&format!("service/demo/{name}")), "{words}");
        }
        let line = gateway.logs(&format!("{name}: waking -> failed")).await;
        assert!(line.contains(&format!("ecs:{action}")), "{line}");
        stage.clear(fault).await;
    }
    // They come up as soon as they may.
    for name in names {
        gateway.until(name, |status| status["retry_in_seconds"].is_null()).await;
        gateway.asking(get(&format!("/{name}/")));
    }
    for name in names {
        gateway.get(&format!("/{name}/")).await.is_served_by(name);
    }
}

#[tokio::test]
async fn what_a_sleep_may_not_do_is_named_and_it_serves_on() {
    let actions = [
        ("GetTaskProtection", "ecs:GetTaskProtection"),
        ("DescribeScalableTargets", "application-autoscaling:DescribeScalableTargets"),
        ("UpdateService", "ecs:UpdateService"),
        ("DescribeServices", "ecs:DescribeServices"),
    ];
    let stage = Stage::with(&["web"]).await;
    let gateway = stage.start(&plain(&["web"])).await;
    gateway.get("/web/").await.is_served_by("web");
    for (action, permission) in actions {
        let fault = stage.aws.fault(json!({ "kind": "access_denied", "action": action })).await;
        gateway.manage("POST", "/api/services/web/sleep", "").await;
        let says = |status: &Value| status["keeps"].as_str().is_some_and(|words| words.contains(permission));
        gateway.until("web", says).await;
        let told = |line: &String| line.contains("(sleep_failed)") && line.contains(permission);
        gateway.log().find(|lines| lines.iter().any(told).then_some(())).await;
        gateway.get("/web/").await.is_served_by("web");
        stage.clear(fault).await;
        gateway.until("web", |status| status["not_observed"].is_null()).await;
    }
    assert_eq!(stage.counts_of("web").await, [1]);
    // When it may, it sleeps, and says nothing more of it.
    gateway.manage("POST", "/api/services/web/sleep", "").await;
    assert!(gateway.phase("web", "asleep").await["keeps"].is_null());
}

#[tokio::test]
async fn expired_credentials_end_the_wait_and_nothing_else() {
    let stage = Stage::with(&["web", "api"]).await;
    let gateway = stage.start(&plain(&["web", "api"])).await;
    gateway.get("/web/").await.is_served_by("web");
    let steady = Steady::begin(&gateway, "/web/");
    let fault = stage.aws.fault(json!({ "kind": "expired_token" })).await;
    let begun = Instant::now();
    gateway.get("/api/").await.is_safe(502, "wake_failed");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let words = gateway.phase("api", "failed").await["fault"].as_str().unwrap().to_owned();
    assert!(words.starts_with("AWS does not accept the gateway's credentials"), "{words}");
    let text = gateway.log().all().join("\n");
    assert!(!text.contains("simulated"), "no key belongs in a log: {text}");
    stage.clear(fault).await;
    gateway.until("api", |status| status["retry_in_seconds"].is_null()).await;
    gateway.get("/api/").await.is_served_by("api");
    steady.all_served_by("web").await;
}

#[tokio::test]
async fn what_does_not_exist_is_said_at_once() {
    let stage = Stage::with(&["web"]).await;
    let mut config = plain(&["web", "ghost", "lost"]);
    config["services"]["lost"] = ecs("web", json!({ "ecs": { "cluster": "atlantis" } }));
    let gateway = stage.serve(&config).await;
    for (name, says) in [
        ("ghost", "ECS has no service ghost in cluster demo"),
        ("lost", "ECS has no such cluster, asked for service web in cluster atlantis"),
    ] {
        let begun = Instant::now();
        gateway.get(&format!("/{name}/")).await.is_safe(502, "wake_failed");
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        let words = gateway.phase(name, "failed").await["fault"].as_str().unwrap().to_owned();
        assert!(words.starts_with(says), "{words}");
    }
    gateway.get("/web/").await.is_served_by("web");
    // One that is made later is found.
    stage.create(&["ghost"]).await;
    gateway.until("ghost", |status| status["retry_in_seconds"].is_null()).await;
    gateway.get("/ghost/").await.is_served_by("ghost");
}

#[tokio::test]
async fn throttling_delays_a_wake_and_nothing_else() {
    let stage = Stage::with(&["web", "api", "late"]).await;
    let services = [("web", json!({})), ("api", json!({})), ("late", json!({ "hold_timeout": "500ms" }))];
    let gateway = stage.start(&config(&services)).await;
    gateway.get("/web/").await.is_served_by("web");
    let steady = Steady::begin(&gateway, "/web/");
    let all = stage.aws.fault(json!({ "kind": "throttle" })).await;
    gateway.get("/late/").await.is_safe(503, "hold_timeout");
    let says = |status: &Value| {
        let words = status["waits_for"].as_str().unwrap_or_default();
        words.starts_with("AWS throttles ecs:") && words.contains("Rate exceeded")
    };
    gateway.until("late", says).await;
    steady.more(20).await;
    stage.clear(all).await;
    // Some calls still fail; a wake needs only a few.
    stage.aws.fault(json!({ "kind": "throttle", "chance": 0.4 })).await;
    probe(&gateway, "/api/").await.unwrap().unwrap().is_served_by("api");
    assert_eq!(stage.counts_of("api").await, [1]);
    assert_eq!(gateway.status("web").await["phase"], "awake");
    steady.all_served_by("web").await;
}
