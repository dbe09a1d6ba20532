//! Two gateways before one ECS, who know nothing of each other.

use serde_json::{Value, json};

use crate::binary_kit::get;
use crate::ecs_stage::{FromTask, Stage, Steady, plain};
use crate::proxy_kit::soon;

#[tokio::test]
async fn two_gateways_wake_at_once_and_never_lower() {
    let stage = Stage::new().await;
    stage
        .aws
        .create(json!({ "name": "web", "app": { "boot_ms": 20 }, "tags": { "wakegate:desired-count": "3" } }))
        .await;
    let config = plain(&["web"]);
    let pair = [stage.start(&config).await, stage.start(&config).await];
    let asking: Vec<_> =
        (0..40).map(|number| pair[number % 2].asking(get(&format!("/web/{number}")))).collect();
    for answer in asking {
        soon(answer).await.unwrap().is_served_by("web");
    }
    let counts = stage.counts_of("web").await;
    assert!(counts.len() <= 2 && counts.iter().all(|count| *count == 3), "{counts:?}");
    // Somebody wants more: both accept it.
    stage.aws.set_desired("web", 5).await;
    for gateway in &pair {
        gateway.until("web", |status| status["healthy"] == 5).await;
    }
    assert_eq!(stage.counts_of("web").await, counts);
    let mut ids: Vec<Value> = stage.seen_by("web").await.iter().map(|seen| seen["path"].clone()).collect();
    ids.sort_by_key(Value::to_string);
    ids.dedup();
    assert_eq!(ids.len(), 40);
}

#[tokio::test]
async fn what_one_gateway_puts_to_sleep_the_others_visitors_wake_again() {
    let stage = Stage::with(&["web"]).await;
    let config = plain(&["web"]);
    let (sleeper, server) = (stage.start(&config).await, stage.start(&config).await);
    server.get("/web/").await.is_served_by("web");
    let steady = Steady::begin(&server, "/web/");
    for round in 1..=3 {
        sleeper.phase("web", "awake").await;
        steady.more(3).await;
        assert_eq!(sleeper.manage("POST", "/api/services/web/sleep", "").await.status, 202, "{round}");
        // By whoever comes to the other gateway while it is down.
        let ups = |counts: &[u64]| counts.iter().filter(|count| **count > 0).count();
        soon(async { while ups(&stage.counts_of("web").await) <= round {} }).await;
        steady.more(3).await;
    }
    steady.all_served_by("web").await;
}

#[tokio::test]
async fn a_count_set_to_zero_under_a_held_request_is_asserted_again() {
    let stage = Stage::with(&["web"]).await;
    let config = plain(&["web"]);
    let gateway = stage.start(&config).await;
    let held = gateway.asking(get("/web/"));
    stage.until("web", |service| service["desired"] == 1).await;
    gateway.until("web", |status| status["stage"] == "starting").await;
    stage.aws.set_desired("web", 0).await;
    soon(held).await.unwrap().is_served_by("web");
    assert_eq!(stage.counts_of("web").await, [1, 1]);
}
