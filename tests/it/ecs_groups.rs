//! A load balancer of the operator's in a graph whose other services are asked directly, with the real binary.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Method, Request, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::ecs_rig::{Rig, answered_by, config, on_ecs, target_group};
use crate::proxy_kit::{Upstream, ask, full, text, upstream};

/// How many targets of the group its load balancer takes for healthy.
async fn healthy(aws: SocketAddr, group: &str) -> usize {
    let arn = group.replace(':', "%3A").replace('/', "%2F");
    let credentials = "AWS4-HMAC-SHA256 Credential=A/20260101/eu-central-1/elasticloadbalancing/aws4_request";
    let request = Request::builder()
        .method(Method::POST)
        .uri("/")
        .header(header::HOST, aws.to_string())
        .header(header::AUTHORIZATION, credentials)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(full(format!("Action=DescribeTargetHealth&Version=2015-12-01&TargetGroupArn={arn}")))
        .unwrap();
    text(ask(aws, request).await).await.matches("<State>healthy</State>").count()
}

/// A load balancer before the group, as far as a visitor can tell: 503 while it has no healthy target. It counts those
/// who came before two were.
async fn balancer(aws: SocketAddr, group: String) -> (Upstream, Arc<AtomicUsize>) {
    let early = Arc::new(AtomicUsize::new(0));
    let counted = early.clone();
    let upstream = upstream(move |_| {
        let (group, early) = (group.clone(), counted.clone());
        async move {
            let healthy = healthy(aws, &group).await;
            if healthy < 2 {
                early.fetch_add(1, Ordering::Relaxed);
            }
            let status = if healthy > 0 { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            let response = Response::builder().status(status).header("x-service", "api");
            response.body(full("through the balancer")).unwrap()
        }
    });
    (upstream.await, early)
}

#[tokio::test]
async fn a_target_group_and_task_addresses_in_one_graph() {
    let aws = crate::ecs_rig::aws().await;
    let check = json!({ "name": "api", "load_balancer": "shop", "path": "/healthz", "interval_ms": 5_000, "deregistration_delay_ms": 1_000 });
    let group = target_group(&aws, &check).await;
    let (balancer, early) = balancer(aws.address, group.clone()).await;
    let web = on_ecs("web", json!({ "depends_on": ["api"] }));
    let mut api = on_ecs(
        "api",
        json!({
            "ecs": { "desired_count": 2 }, "depends_on": ["db"], "upstream": format!("http://{}", balancer.address),
        }),
    );
    api["health"] = json!({ "target_group": group, "healthy_targets": 2 });
    let config = config(&[("web", web), ("api", api), ("db", on_ecs("db", json!({})))], json!({}));
    let services = [
        json!({ "name": "web" }),
        json!({ "name": "api", "target_groups": ["api"], "app": { "boot_ms": 500 } }),
        json!({ "name": "db", "app": { "boot_ms": 1_000 } }),
    ];
    let rig = Rig::before(aws, &services, &config).await;

    rig.wake("web").await;
    assert_eq!(early.load(Ordering::Relaxed), 0);
    let through = rig.gateway.get("/api/").await;
    answered_by(&through, "api");
    assert_eq!(through.body, "through the balancer");
    assert_eq!(early.load(Ordering::Relaxed), 0, "it was asked before two targets were healthy");
    answered_by(&rig.gateway.get("/db/").await, "db");
    assert_eq!(rig.gateway.status("api").await["targets"][0]["address"], balancer.address.to_string());
    assert_eq!(rig.counts_asked("api").await, [2]);

    // With one healthy target of two the door of what was open stays shut for new requests.
    for name in ["web", "api", "db"] {
        assert_eq!(rig.gateway.manage("POST", &format!("/api/services/{name}/sleep"), "").await.status, 202);
        rig.gateway.phase(name, "asleep").await;
    }
    assert_eq!(rig.counts_asked("api").await, [2, 0]);
    rig.until("api", |api| api["running"] == 0).await;

    rig.wake("web").await;
    assert_eq!(early.load(Ordering::Relaxed), 0);
    let described = rig.aws.calls().await;
    assert!(described.iter().any(|call: &Value| call["action"] == "DescribeTargetHealth"));
}
