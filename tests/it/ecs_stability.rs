//! AWS does not answer, or answers nonsense: what is awake is served and stays awake, who waits is told the truth, and
//! afterwards all goes on by itself.

use std::time::Duration;

use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::binary_kit::{get, navigation, phases};
use crate::ecs_stage::{FromTask, Mood, Stage, Steady, config, plain, probe};
use crate::proxy_kit::soon;

/// How long AWS is away: many times what puts a service to sleep, or makes the gateway look at it.
const OUTAGE: Duration = Duration::from_secs(4);

async fn outage(mood: Mood) {
    let stage = Stage::with(&["web", "quiet", "api", "late"]).await;
    let mut config = config(&[
        ("web", json!({ "idle_after": "700ms" })),
        ("quiet", json!({ "idle_after": "700ms" })),
        ("api", json!({ "page_after": "100ms" })),
        ("late", json!({ "hold_timeout": "500ms" })),
    ]);
    config["aws"]["request_timeout"] = json!("300ms");
    let gateway = stage.start(&config).await;
    let (web, quiet) = (gateway.asking(get("/web/")), gateway.asking(get("/quiet/")));
    soon(web).await.unwrap().is_served_by("web");
    soon(quiet).await.unwrap().is_served_by("quiet");
    let steady = Steady::begin(&gateway, "/web/");
    let calls = stage.calls_of("UpdateService").await.len();
    stage.wire.set(mood);
    let begun = Instant::now();

    // Who waits for a sleeper is told so: a program in time, a browser on its page.
    let held = probe(&gateway, "/api/");
    gateway.get("/late/").await.is_safe(503, "hold_timeout");
    let page = gateway.head(navigation("/api/")).await;
    assert_eq!(page.status(), 503);
    let mut page = page.into_body();
    let mut text = String::new();
    while !text.contains("The platform does not answer at the moment.") {
        let frame = soon(page.frame()).await.unwrap_or_else(|| panic!("it ended: {text}")).unwrap();
        text.push_str(&String::from_utf8_lossy(frame.data_ref().unwrap()));
    }
    assert!(!text.contains("ecs:") && !text.contains("demo"), "{text}");
    drop(page);

    gateway.until("quiet", |status| !status["not_observed"].is_null()).await;
    gateway.until("quiet", |_| begun.elapsed() > OUTAGE).await;
    assert_eq!(gateway.status("quiet").await["phase"], "awake");
    gateway.get("/quiet/").await.is_served_by("quiet");
    steady.more(20).await;
    assert_eq!(stage.calls_of("UpdateService").await.len(), calls, "nothing got through");

    stage.wire.set(Mood::Passes);
    held.await.unwrap().unwrap().is_served_by("api");
    gateway.phase("quiet", "asleep").await;
    assert_eq!(stage.aws.service("quiet").await["desired"], 0);
    assert_eq!(gateway.status("web").await["phase"], "awake");
    let answers = steady.all_served_by("web").await;
    assert!(answers > 100, "{answers} in all that time");
}

#[tokio::test]
async fn aws_that_cannot_be_reached_takes_nothing_away() {
    outage(Mood::Refuses).await;
}

#[tokio::test]
async fn aws_that_is_silent_takes_nothing_away() {
    outage(Mood::Swallows).await;
}

#[tokio::test]
async fn aws_that_fails_takes_nothing_away() {
    let stage = Stage::with(&["web", "quiet", "api"]).await;
    let gateway = stage
        .start(&config(&[
            ("web", json!({ "idle_after": "700ms" })),
            ("quiet", json!({ "idle_after": "700ms" })),
            ("api", json!({})),
        ]))
        .await;
    let quiet = gateway.asking(get("/quiet/"));
    gateway.get("/web/").await.is_served_by("web");
    soon(quiet).await.unwrap().is_served_by("quiet");
    let steady = Steady::begin(&gateway, "/web/");
    let faults = [
        stage.aws.fault(json!({ "kind": "500", "chance": 0.5 })).await,
        stage.aws.fault(json!({ "kind": "503" })).await,
    ];
    let begun = Instant::now();
    let held = probe(&gateway, "/api/");
    gateway.until("quiet", |status| !status["not_observed"].is_null()).await;
    gateway.until("quiet", |_| begun.elapsed() > OUTAGE / 2).await;
    gateway.get("/quiet/").await.is_served_by("quiet");
    assert_eq!(stage.counts_of("quiet").await, [1]);
    for fault in faults {
        stage.clear(fault).await;
    }
    held.await.unwrap().unwrap().is_served_by("api");
    gateway.phase("quiet", "asleep").await;
    steady.all_served_by("web").await;
}

#[tokio::test]
async fn answers_that_make_no_sense_are_logged_once_and_change_nothing() {
    let stage = Stage::with(&["web", "api"]).await;
    let gateway = stage.start(&plain(&["web", "api"])).await;
    gateway.get("/web/").await.is_served_by("web");
    let steady = Steady::begin(&gateway, "/web/");
    for how in ["unknown_status", "negative_counts", "missing_fields", "wrong_types", "truncated"] {
        let fault = stage.aws.fault(json!({ "kind": "malformed", "malformed": how })).await;
        let before = stage.calls_of("DescribeServices").await.len();
        while stage.calls_of("DescribeServices").await.len() < before + 6 {
            steady.more(1).await;
        }
        for (name, phase) in [("web", "awake"), ("api", "asleep")] {
            assert_eq!(gateway.status(name).await["phase"], phase, "{how}");
        }
        stage.clear(fault).await;
        gateway.until("web", |status| status["not_observed"].is_null()).await;
    }
    let complaints: Vec<String> =
        gateway.log().all().into_iter().filter(|line| line.contains("makes no sense")).collect();
    assert!(!complaints.is_empty());
    for line in &complaints {
        let mut line: Value = serde_json::from_str(line).unwrap();
        line["timestamp"] = Value::Null;
        let same = complaints.iter().filter(|other| {
            let mut other: Value = serde_json::from_str(other).unwrap();
            other["timestamp"] = Value::Null;
            other == line
        });
        assert_eq!(same.count(), 1, "{line}");
    }
    assert_eq!(stage.counts_of("web").await, [1]);
    gateway.get("/api/").await.is_served_by("api");
    steady.all_served_by("web").await;
}

#[tokio::test]
async fn answers_of_a_moment_ago_make_nothing_flap() {
    let stage = Stage::with(&["web"]).await;
    let gateway = stage.start(&plain(&["web"])).await;
    gateway.get("/web/").await.is_served_by("web");
    // Not before: a moment ago there was no such service.
    stage.aws.set(json!({ "stale_ms": 250 })).await;
    assert_eq!(gateway.manage("POST", "/api/services/web/sleep", "").await.status, 202);
    gateway.phase("web", "asleep").await;
    gateway.get("/web/").await.is_served_by("web");
    let began = stage.calls_of("DescribeServices").await.len();
    stage.called("DescribeServices", began + 4).await;
    assert_eq!(stage.counts_of("web").await, [1, 0, 1]);
    let phases: Vec<String> = phases(&gateway.log().all()).into_iter().map(|(_, to)| to).collect();
    assert_eq!(phases, ["asleep", "waking", "awake", "draining", "stopping", "asleep", "waking", "awake"]);
}
