//! What reads answer: pages, lags, throttles, faults.

use std::time::Duration;

use serde_json::{Value, json};

use super::kit::Bench;
use crate::simulator::fault::{Fault, FaultKind, Malformed};
use crate::simulator::past::Stale;
use crate::simulator::service::ServiceSetup;

#[tokio::test]
async fn lists_come_in_pages_that_together_hold_everything_once() {
    let bench = Bench::with_web(1, 250);
    for number in 0..24 {
        bench.simulator.create_service(ServiceSetup::new("demo", &format!("s{number}"), 80)).unwrap();
    }
    bench.until("all run", |bench| bench.running() == 250);
    let pages = async |action: &str, field: &str, service: Value| {
        let (mut all, mut sizes, mut token) = (Vec::new(), Vec::new(), Value::Null);
        loop {
            let params = json!({ "cluster": "demo", "serviceName": service, "nextToken": token });
            let answer = bench.ask(action, params).await;
            let page = answer[field].as_array().unwrap().clone();
            sizes.push(page.len());
            all.extend(page.into_iter().map(|arn| arn.as_str().unwrap().to_owned()));
            token = answer["nextToken"].clone();
            if token.is_null() {
                break;
            }
        }
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count, "twice in a list");
        sizes
    };
    assert_eq!(pages("ListTasks", "taskArns", json!("web")).await, [100, 100, 50]);
    assert_eq!(pages("ListServices", "serviceArns", Value::Null).await, [10, 10, 5]);
    let eleven: Vec<_> = (0..11).map(|number| format!("s{number}")).collect();
    let (status, error) =
        bench.call("DescribeServices", json!({ "cluster": "demo", "services": eleven })).await;
    assert_eq!((status.as_u16(), error["__type"].as_str()), (400, Some("InvalidParameterException")));
}

#[tokio::test]
async fn an_empty_bucket_is_a_throttling_exception_with_status_400() {
    let bench = Bench::with_web(2, 0);
    let update = json!({ "cluster": "demo", "service": "web", "desiredCount": 0 });
    for _ in 0..50 {
        bench.ask("UpdateService", update.clone()).await;
    }
    let (status, error) = bench.call("UpdateService", update.clone()).await;
    assert_eq!(status, 400);
    assert_eq!(error, json!({ "__type": "ThrottlingException", "message": "Rate exceeded" }));
    bench.ask("DescribeServices", json!({ "cluster": "demo", "services": ["web"] })).await;
    bench.pass(200);
    bench.ask("UpdateService", update).await;
    let calls = bench.simulator.calls();
    let call = &calls[50];
    assert_eq!((call.bucket, call.outcome.as_str()), ("service-modify", "ThrottlingException"));
    assert_eq!(call.services, ["web"]);
}

#[tokio::test]
async fn a_stale_read_shows_what_was_so_a_moment_ago_and_no_longer() {
    let bench = Bench::with_web(3, 0);
    bench.pass(10_000);
    bench.simulator.set_stale(Stale { window: Duration::from_secs(2), chance: 1.0 });
    bench.pass(5_000);
    bench.simulator.set_desired("demo", "web", 3);
    bench.pass(100);
    let desired = async || {
        let params = json!({ "cluster": "demo", "services": ["web"] });
        bench.ask("DescribeServices", params).await["services"][0]["desiredCount"].as_u64().unwrap()
    };
    let mut seen = Vec::new();
    for _ in 0..50 {
        seen.push(desired().await);
    }
    assert!(seen.iter().filter(|count| **count == 0).count() > 30, "{seen:?}");
    bench.pass(2_000);
    for _ in 0..20 {
        assert_eq!(desired().await, 3);
    }
    bench.simulator.set_stale(Stale::default());
    bench.simulator.set_desired("demo", "web", 4);
    assert_eq!(desired().await, 4);
}

#[tokio::test]
async fn a_permission_that_is_missing_is_named() {
    let bench = Bench::with_web(4, 0);
    bench.simulator.fault(Fault::new(FaultKind::AccessDenied).on("UpdateService").of("web"));
    let update = json!({ "cluster": "demo", "service": "web", "desiredCount": 1 });
    let (status, error) = bench.call("UpdateService", update).await;
    assert_eq!((status.as_u16(), error["__type"].as_str()), (400, Some("AccessDeniedException")));
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("perform: ecs:UpdateService on resource: arn:aws:ecs:"), "{message}");
    assert!(message.contains(":service/demo/web because no identity-based policy"), "{message}");
    assert_eq!(bench.web().desired, 0, "it was not done");
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_of_a_call_that_was_carried_out_and_a_hang_of_one_that_was_not() {
    let bench = Bench::with_web(5, 0);
    let update = |desired: u32| json!({ "cluster": "demo", "service": "web", "desiredCount": desired });
    let wait = Duration::from_secs(60);
    bench.simulator.fault(Fault::new(FaultKind::LostAnswer).on("UpdateService").times(1));
    assert!(tokio::time::timeout(wait, bench.call("UpdateService", update(1))).await.is_err());
    assert_eq!(bench.web().desired, 1);
    bench.simulator.fault(Fault::new(FaultKind::Hang).times(1));
    assert!(tokio::time::timeout(wait, bench.call("UpdateService", update(2))).await.is_err());
    assert_eq!(bench.web().desired, 1);
    let malformed = FaultKind::Malformed(Malformed::NegativeCounts);
    bench.simulator.fault(Fault::new(malformed).times(1));
    let answer = bench.ask("DescribeServices", json!({ "cluster": "demo", "services": ["web"] })).await;
    assert_eq!(answer["services"][0]["desiredCount"], -2);
}
