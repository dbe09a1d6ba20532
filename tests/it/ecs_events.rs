//! Events in place of polling, with the real binary: with a queue a wake takes as long as with polling, though nothing
//! is polled; without it, or without the permission to read it, polling takes over.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::ecs_kit::Process;
use crate::ecs_rig::{Rig, config, on_ecs, queue_url};

/// Polls so seldom that only events can wake anything in time.
fn told(aws: &Process, poll_every: &str) -> Value {
    let web = on_ecs("web", json!({ "depends_on": ["api"] }));
    let events = json!({
        "aws": { "poll_every": poll_every, "reconcile_every": "1h" },
        "events": { "queue_url": queue_url(aws, "wakegate") },
    });
    config(&[("web", web), ("api", on_ecs("api", json!({})))], events)
}

async fn aws(events: Value) -> Process {
    let aws = crate::ecs_rig::aws().await;
    let mut settings = json!({ "queue": "wakegate", "delay_ms": [0, 50] });
    crate::binary_kit::merge(&mut settings, events);
    aws.set(json!({ "events": settings })).await;
    aws
}

fn services() -> [Value; 2] {
    [json!({ "name": "web" }), json!({ "name": "api" })]
}

/// Wakes it, and tells how long that took.
async fn woken(rig: &Rig) -> Duration {
    let began = Instant::now();
    rig.wake("web").await;
    began.elapsed()
}

#[tokio::test]
async fn events_bring_the_address_and_nobody_polls() {
    let aws = aws(json!({})).await;
    let config = told(&aws, "30s");
    let rig = Rig::before(aws, &services(), &config).await;
    let took = woken(&rig).await;
    println!("woken by events in {took:?}");
    assert!(took < Duration::from_secs(10), "polled after all: {took:?}");
    let reads = rig.calls_of("DescribeServices", "web").await.len();
    assert!(reads <= 5, "{reads} looks at a service that events told of");
}

#[tokio::test]
async fn events_twice_and_in_any_order_wake_it_all_the_same() {
    let aws = aws(json!({ "duplicate": 0.5, "reorder": 0.5 })).await;
    let config = told(&aws, "30s");
    let rig = Rig::before(aws, &services(), &config).await;
    for _ in 0..3 {
        let took = woken(&rig).await;
        assert!(took < Duration::from_secs(10), "polled after all: {took:?}");
        for name in ["web", "api"] {
            let slept = rig.gateway.manage("POST", &format!("/api/services/{name}/sleep"), "").await;
            assert_eq!(slept.status, 202, "{slept:?}");
            rig.gateway.phase(name, "asleep").await;
        }
    }
    assert_eq!(rig.counts_asked("web").await, [1, 0, 1, 0, 1, 0]);
}

#[tokio::test]
async fn without_permission_to_read_the_queue_it_is_polled() {
    let aws = aws(json!({})).await;
    aws.fault(json!({ "kind": "access_denied", "action": "ReceiveMessage" })).await;
    let config = told(&aws, "100ms");
    let rig = Rig::before(aws, &services(), &config).await;
    let took = woken(&rig).await;
    assert!(took < Duration::from_secs(10), "{took:?}");
    let line = rig.gateway.logs("sqs:ReceiveMessage").await;
    assert!(line.contains("WARN") || line.contains("ERROR"), "{line}");
}

#[tokio::test]
async fn a_queue_that_nothing_is_sent_to_does_not_stop_polling() {
    let aws = aws(json!({})).await;
    let config = told(&aws, "100ms");
    aws.control(Method::PUT, "settings", json!({ "events": { "queue": null } })).await;
    let rig = Rig::before(aws, &services(), &config).await;
    let took = woken(&rig).await;
    assert!(took < Duration::from_secs(10), "{took:?}");
}
