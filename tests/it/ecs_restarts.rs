//! A gateway that is killed in the middle of something, and one that stood still.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::binary_kit::{Gateway, get};
use crate::ecs_stage::{FromTask, Stage, config, plain, probe};
use crate::proxy_kit::soon;

/// How many requests wait at each of the gateways, the one that is killed and the one that comes after it.
const PROBES: usize = 200;

#[tokio::test]
async fn a_gateway_killed_before_its_wake_reached_aws_costs_only_its_open_connections() {
    // The call arrives, and nothing comes of it.
    killed_in_a_wake("hang", 1).await;
}

#[tokio::test]
async fn a_gateway_killed_before_it_heard_that_its_wake_is_under_way_is_taken_up_from() {
    killed_in_a_wake("lost_answer", 0).await;
}

/// Kills a gateway with its wake on the way to AWS. The next one must call as often as said.
async fn killed_in_a_wake(fault: &str, calls: usize) {
    let stage = Stage::with(&["web"]).await;
    let config = plain(&["web"]);
    let mut first = stage.start(&config).await;
    let fault = stage.aws.fault(json!({ "kind": fault, "action": "UpdateService" })).await;
    let lost: Vec<_> = (0..PROBES).map(|_| probe(&first, "/web/")).collect();
    first.held("web", PROBES as u64).await;
    stage.called("UpdateService", 1).await;
    kill(&mut first).await;
    stage.clear(fault).await;
    let before = stage.calls_of("UpdateService").await.len();

    let second = stage.serve(&config).await;
    let probes: Vec<_> = (0..PROBES).map(|_| probe(&second, "/web/")).collect();
    for probe in probes {
        soon(probe).await.unwrap().expect("only who was connected to the first is cut").is_served_by("web");
    }
    for probe in lost {
        assert!(soon(probe).await.unwrap().is_none(), "nothing but the cut: it was answered by nobody");
    }
    assert_eq!(stage.calls_of("UpdateService").await.len(), before + calls);
    assert_eq!(stage.seen_by("web").await.len(), PROBES, "each reached the service once");
}

/// A service of three tasks that Application Auto Scaling looks after, awake behind a gateway.
async fn scaled(stage: &Stage, config: &Value) -> Gateway {
    stage.create(&["web"]).await;
    stage.aws.set_desired("web", 3).await;
    stage.scaling("RegisterScalableTarget", json!({
        "ServiceNamespace": "ecs", "ResourceId": "service/demo/web", "ScalableDimension": "ecs:service:DesiredCount",
        "MinCapacity": 2, "MaxCapacity": 9,
    })).await;
    let gateway = stage.serve(config).await;
    // Its first deployment is under way until its tasks have run for a while; until then it is kept.
    gateway.until("web", |status| status["healthy"] == 3 && status["keeps"].is_null()).await;
    gateway
}

async fn suspended(stage: &Stage) -> bool {
    let params = json!({ "ServiceNamespace": "ecs" });
    let all = stage.scaling("DescribeScalableTargets", params).await;
    let state = &all["ScalableTargets"][0]["SuspendedState"];
    let parts = ["DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended"];
    let on = parts.iter().filter(|part| state[**part] == true).count();
    assert!(on == 0 || on == 3, "{state}");
    on == 3
}

#[tokio::test]
async fn scaling_that_was_suspended_for_a_sleep_that_never_came_is_resumed() {
    let stage = Stage::new().await;
    let config = plain(&["web"]);
    let mut first = scaled(&stage, &config).await;
    let fault = stage.aws.fault(json!({ "kind": "hang", "action": "UpdateService" })).await;
    assert_eq!(first.manage("POST", "/api/services/web/sleep", "").await.status, 202);
    stage.called("UpdateService", 1).await;
    assert!(suspended(&stage).await);
    kill(&mut first).await;
    stage.clear(fault).await;

    let second = stage.serve(&config).await;
    second.phase("web", "awake").await;
    second.get("/web/").await.is_served_by("web");
    // Not before it can be told from another gateway's sleep that is under way.
    stage.until("web", |service| service["tags"].get("wakegate:scaling").is_none()).await;
    assert!(!suspended(&stage).await);
    assert_eq!(stage.aws.service("web").await["desired"], 3);
    assert_eq!(stage.counts_of("web").await, [0_u64; 0], "nothing had to be called");
}

#[tokio::test]
async fn a_gateway_killed_before_it_heard_that_a_service_sleeps_leaves_what_it_takes_to_wake_it() {
    let stage = Stage::new().await;
    let config = plain(&["web"]);
    let mut first = scaled(&stage, &config).await;
    let fault = stage.aws.fault(json!({ "kind": "lost_answer", "action": "UpdateService" })).await;
    assert_eq!(first.manage("POST", "/api/services/web/sleep", "").await.status, 202);
    stage.called("UpdateService", 1).await;
    kill(&mut first).await;
    stage.clear(fault).await;

    let second = stage.serve(&config).await;
    second.get("/web/").await.is_served_by("web");
    assert_eq!(stage.counts_of("web").await.last(), Some(&3), "as many as there were");
    soon(async { while suspended(&stage).await {} }).await;
    let told = stage.seen_by("web").await.iter().filter(|seen| seen["told_to_stop"] == true).count();
    assert_eq!(told, 0, "the tasks that drain are asked nothing");
}

#[tokio::test]
async fn a_gateway_that_stood_still_puts_nobody_to_sleep_for_it() {
    let names = ["a", "b", "c"];
    let stage = Stage::with(&names).await;
    let idle = json!({ "idle_after": "2s" });
    let gateway = stage.start(&config(&names.map(|name| (name, idle.clone())))).await;
    let asking = names.map(|name| gateway.asking(get(&format!("/{name}/"))));
    for (name, answer) in names.iter().zip(asking) {
        soon(answer).await.unwrap().is_served_by(name);
    }
    gateway.signal(Signal::STOP);
    let stopped = stage.clock().await;
    soon(async { while stage.clock().await < stopped + 4_000 {} }).await;
    gateway.signal(Signal::CONT);
    let went_on = stage.clock().await;
    for name in names {
        assert_eq!(gateway.status(name).await["phase"], "awake");
    }
    for name in names {
        gateway.phase(name, "asleep").await;
    }
    for call in
        stage.calls_of("UpdateService").await.iter().filter(|call| call["request"]["desiredCount"] == 0)
    {
        let at = call["at_ms"].as_u64().unwrap();
        // Nothing counts that was quiet before.
        assert!(at >= went_on + 1_900, "{at}, after {went_on}: {call}");
    }
}

async fn kill(gateway: &mut Gateway) {
    gateway.signal(Signal::KILL);
    gateway.ended().await;
}
