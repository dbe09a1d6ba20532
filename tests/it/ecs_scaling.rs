//! Application Auto Scaling of services that sleep, with the real binary.

use serde_json::{Value, json};

use crate::ecs_rig::{Rig, call, config, on_ecs};

const TARGETS: &str = "AnyScaleFrontendService";

/// A service of two tasks that Application Auto Scaling keeps between two and six, with this suspended.
async fn scaled(suspended: Value) -> Rig {
    let aws = crate::ecs_rig::aws().await;
    aws.create(json!({ "name": "web", "desired": 2, "app": { "boot_ms": 20 } })).await;
    let register = json!({
        "ServiceNamespace": "ecs", "ResourceId": "service/demo/web", "ScalableDimension": "ecs:service:DesiredCount",
        "MinCapacity": 2, "MaxCapacity": 6, "SuspendedState": suspended,
    });
    call(&aws, &format!("{TARGETS}.RegisterScalableTarget"), &register).await;
    let web = on_ecs("web", json!({ "idle_after": "300ms" }));
    Rig::unprepared(aws, &config(&[("web", web)], json!({}))).await
}

/// What is suspended: scaling in, out, by schedule.
async fn suspended(rig: &Rig) -> [bool; 3] {
    let ask = json!({ "ServiceNamespace": "ecs", "ResourceIds": ["service/demo/web"] });
    let found = call(&rig.aws, &format!("{TARGETS}.DescribeScalableTargets"), &ask).await;
    let target = &found["ScalableTargets"][0];
    assert_eq!((&target["MinCapacity"], &target["MaxCapacity"]), (&json!(2), &json!(6)));
    let state = &target["SuspendedState"];
    ["DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended"]
        .map(|name| state[name].as_bool().unwrap())
}

/// The gateway's calls that change something, in order; the first is the test's own.
async fn changes(rig: &Rig) -> Vec<String> {
    let changing = ["TagResource", "UntagResource", "RegisterScalableTarget", "UpdateService"];
    let calls = rig.aws.calls().await.into_iter().skip(1);
    let named = calls.map(|call| call["action"].as_str().unwrap().to_owned());
    named.filter(|action| changing.contains(&action.as_str())).collect()
}

#[tokio::test]
async fn scaling_is_suspended_before_the_sleep_and_resumed_after_the_wake() {
    let rig = scaled(json!({})).await;
    rig.gateway.phase("web", "asleep").await;
    assert_eq!(changes(&rig).await, ["TagResource", "RegisterScalableTarget", "UpdateService"]);
    assert_eq!(suspended(&rig).await, [true; 3]);
    let desired = rig.aws.service("web").await["desired"].clone();
    assert_eq!(desired, 0, "to suspend does not lift it again");

    rig.wake("web").await;
    rig.until("web", |web| web["tags"]["wakegate:scaling"] == Value::Null).await;
    assert_eq!(rig.counts_asked("web").await, [0, 2], "no fewer than the least that scaling keeps");
    assert_eq!(suspended(&rig).await, [false; 3]);
    let changes = changes(&rig).await;
    assert_eq!(changes[3..6], ["UpdateService", "RegisterScalableTarget", "UntagResource"]);
}

#[tokio::test]
async fn what_the_operator_had_suspended_stays_so() {
    let rig = scaled(json!({ "DynamicScalingInSuspended": true })).await;
    rig.gateway.phase("web", "asleep").await;
    assert_eq!(suspended(&rig).await, [true; 3]);
    rig.wake("web").await;
    rig.until("web", |web| web["tags"]["wakegate:scaling"] == Value::Null).await;
    assert_eq!(suspended(&rig).await, [true, false, false]);
}
