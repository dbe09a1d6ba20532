//! What stands around ECS, through the front door.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};

use super::kit::{Bench, Notes};
use crate::simulator::handle::Simulator;
use crate::simulator::loopback;
use crate::simulator::task::Status;

async fn answer(simulator: &Simulator, request: http::request::Builder, body: String) -> String {
    let request =
        request.header("authorization", "AWS4-HMAC-SHA256 Credential=test").header("host", "aws.test");
    let response = simulator.answer(request.body(Full::new(Bytes::from(body))).unwrap()).await;
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let body = String::from_utf8(body.to_vec()).unwrap();
    assert_eq!(status, 200, "{body}");
    body
}

/// A call of a JSON API that has to succeed.
async fn call(simulator: &Simulator, target: &str, params: Value) -> Value {
    let request = Request::post("/").header("x-amz-target", target);
    serde_json::from_str(&answer(simulator, request, params.to_string()).await).unwrap()
}

async fn control(simulator: &Simulator, method: &str, path: &str, body: Value) -> Value {
    let request = Request::builder().method(method).uri(format!("/_simulator/{path}"));
    serde_json::from_str(&answer(simulator, request, body.to_string()).await).unwrap()
}

#[tokio::test]
async fn a_target_becomes_healthy_and_holds_its_task_back_while_it_drains() {
    let bench = Bench::new(3);
    let group = json!({ "name": "web", "load_balancer": "edge", "interval_ms": 5_000, "deregistration_delay_ms": 60_000 });
    let arn =
        control(&bench.simulator, "POST", "target-groups", group).await["arn"].as_str().unwrap().to_owned();
    let service = json!({ "name": "web", "desired": 1, "target_groups": ["web"] });
    control(&bench.simulator, "POST", "services", service).await;
    let health = async || {
        let form = format!("Action=DescribeTargetHealth&Version=2015-12-01&TargetGroupArn={arn}");
        answer(&bench.simulator, Request::post("/"), form).await
    };
    bench.until("it runs", |bench| bench.running() == 1);
    bench.pass(5_000);
    let xml = health().await;
    assert!(
        xml.contains("<State>healthy</State>") && xml.contains(&bench.tasks()[0].ip.unwrap().to_string()),
        "{xml}"
    );

    bench.simulator.set_desired("demo", "web", 0);
    bench.until("it is taken out", |bench| bench.tasks()[0].status == Status::Deactivating);
    assert!(health().await.contains("<Reason>Target.DeregistrationInProgress</Reason>"));
    let drained = bench.until("it has drained", |bench| bench.tasks()[0].status > Status::Deactivating);
    assert!((59_000..=60_100).contains(&drained), "{drained} ms");
    assert!(!health().await.contains("<State>"), "it is gone");
}

#[tokio::test]
async fn registering_moves_the_count_between_the_bounds_even_while_suspended() {
    let bench = Bench::with_web(1, 0);
    let target = json!({
        "ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount", "ResourceId": "service/demo/web",
        "MinCapacity": 2, "MaxCapacity": 4, "SuspendedState": { "DynamicScalingOutSuspended": true },
    });
    call(&bench.simulator, "AnyScaleFrontendService.RegisterScalableTarget", target).await;
    assert_eq!(bench.web().desired, 2);
    bench.simulator.set_desired("demo", "web", 0);
    bench.pass(600_000);
    assert_eq!(bench.web().desired, 0, "nothing scales by itself");
}

#[tokio::test]
async fn a_wake_is_told_in_events_of_rising_versions() {
    let bench = Bench::with_web(5, 0);
    let events = json!({ "events": { "queue": "events", "duplicate": 1.0 } });
    control(&bench.simulator, "PUT", "settings", events).await;
    bench.simulator.set_desired("demo", "web", 1);
    bench.until("it runs", |bench| bench.running() == 1);
    bench.pass(120_000);
    let mut told: Vec<(u64, String)> = Vec::new();
    loop {
        let receive = json!({ "QueueUrl": "http://aws.test/123456789012/events", "MaxNumberOfMessages": 10 });
        let answer = call(&bench.simulator, "AmazonSQS.ReceiveMessage", receive).await;
        let Some(messages) = answer["Messages"].as_array() else { break };
        for message in messages {
            let event: Value = serde_json::from_str(message["Body"].as_str().unwrap()).unwrap();
            if event["detail-type"] == "ECS Task State Change" {
                let detail = &event["detail"];
                told.push((
                    detail["version"].as_u64().unwrap(),
                    detail["lastStatus"].as_str().unwrap().to_owned(),
                ));
            }
        }
    }
    let all = told.len();
    told.sort_unstable();
    told.dedup();
    assert_eq!(all, 2 * told.len(), "each came twice");
    assert_eq!(told[0], (1, "PROVISIONING".to_owned()));
    let versions: Vec<u64> = told.iter().map(|(version, _)| *version).collect();
    assert_eq!(versions, (1..=u64::try_from(versions.len()).unwrap()).collect::<Vec<_>>(), "none is missing");
    assert_eq!(told.last().unwrap().1, "RUNNING");
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_ends_with_the_first_message_or_with_its_time() {
    let simulator = Simulator::new(1, loopback::clock(), Arc::new(Notes::default()));
    let url =
        call(&simulator, "AmazonSQS.CreateQueue", json!({ "QueueName": "q" })).await["QueueUrl"].clone();
    let receive = json!({ "QueueUrl": url, "WaitTimeSeconds": 20 });
    let poll =
        async || (call(&simulator, "AmazonSQS.ReceiveMessage", receive.clone()).await, simulator.now());
    let send = async |delay: u64| {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let message = json!({ "QueueUrl": url, "MessageBody": "x", "DelaySeconds": delay });
        call(&simulator, "AmazonSQS.SendMessage", message).await;
    };
    let ((got, at), ()) = tokio::join!(poll(), send(0));
    assert_eq!((&got["Messages"][0]["Body"], at.as_secs()), (&json!("x"), 3));
    let ((got, at), ()) = tokio::join!(poll(), send(4));
    assert_eq!((&got["Messages"][0]["Body"], at.as_secs()), (&json!("x"), 10), "3 s, and a delay of 4");
    // Both are hidden for 30 s; the second poll ends before the first comes back.
    let (got, at) = poll().await;
    assert_eq!((&got["Messages"][0]["Body"], at.as_secs()), (&Value::Null, 30));
}
