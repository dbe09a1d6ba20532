//! A configuration that does not fit what there is on AWS: all of it is found at once, and the rest is served.

use http::Method;
use serde_json::{Value, json};

use crate::ecs_stage::{FromTask, Stage, config, ecs, plain};

/// What each of the unsound services must be told of, by `check --aws` and by the log of `serve`.
const FINDINGS: [(&str, &str); 8] = [
    ("ghost", "ECS has no service `ghost` in cluster `demo`"),
    ("lost", "ECS has no cluster `atlantis`"),
    ("port", "port 9999"),
    ("bridge", "bridge"),
    ("other", "target group"),
    ("nogroup", "there is no target group"),
    ("daemon", "daemon"),
    ("", "there is no queue"),
];

async fn unsound() -> (Stage, Value) {
    let stage = Stage::with(&["web", "port"]).await;
    for name in ["own", "foreign"] {
        stage
            .aws
            .control(Method::POST, "target-groups", json!({ "name": name, "load_balancer": "main" }))
            .await;
    }
    stage
        .aws
        .create(json!([
            { "name": "bridge", "network_mode": "bridge" },
            { "name": "daemon", "scheduling": "DAEMON" },
            { "name": "other", "target_groups": ["own"] },
            { "name": "nogroup", "target_groups": ["own"] },
        ]))
        .await;
    let group = |name: &str| {
        let arn = format!(
            "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/{name}/0123456789abcdef"
        );
        json!({ "upstream": "http://127.0.0.1:9", "health": { "path": null, "target_group": arn } })
    };
    let mut config = plain(&["web", "ghost", "lost", "port", "bridge", "other", "nogroup", "daemon"]);
    config["services"]["lost"] = ecs("web", json!({ "ecs": { "cluster": "atlantis" } }));
    config["services"]["port"]["ecs"]["port"] = json!(9999);
    for (service, name) in [("other", "foreign"), ("nogroup", "missing")] {
        config["services"][service] = json!({ "ecs": { "cluster": "demo", "service": service } });
        config["services"][service]["upstream"] = group(name)["upstream"].clone();
        config["services"][service]["health"] =
            json!({ "target_group": group(name)["health"]["target_group"] });
    }
    config["events"] = json!({ "queue_url": format!("http://{}/123456789012/nowhere", stage.wire.address) });
    (stage, config)
}

/// What could be changed of the services.
async fn shape(stage: &Stage) -> Vec<Value> {
    let state = stage.aws.control(Method::GET, "state", Value::Null).await;
    let parts = |it: &Value| json!([it["name"], it["desired"], it["tags"], it["deployments"][0]["id"]]);
    state["services"].as_array().unwrap().iter().map(parts).collect()
}

#[tokio::test]
async fn check_reports_all_that_does_not_fit_at_once() {
    let (stage, config) = unsound().await;
    let before = shape(&stage).await;
    let ran = stage.run(&["check", "--aws"], &config).await;
    assert_eq!(ran.code, 64, "{}\n{}", ran.out, ran.err);
    for (service, says) in FINDINGS {
        let line = ran.out.lines().find(|line| line.contains(says) && line.contains(service));
        let line = line.unwrap_or_else(|| panic!("{service}: {says}: {}", ran.out));
        assert!(line.starts_with("wrong: "), "{line}");
    }
    assert!(!ran.out.contains("wrong: web"), "{}", ran.out);
    assert_eq!(shape(&stage).await, before, "a check changes nothing");
}

#[tokio::test]
async fn a_gateway_says_what_does_not_fit_and_serves_the_rest() {
    let (stage, config) = unsound().await;
    let gateway = stage.serve(&config).await;
    gateway.get("/web/").await.is_served_by("web");
    for (service, says) in FINDINGS {
        let has = |line: &&String| {
            let line: Value = serde_json::from_str(line).unwrap();
            line["level"] == "ERROR"
                && line["message"].as_str().unwrap().contains(says)
                && (service.is_empty() || line["service"] == service)
        };
        gateway.log().find(|lines| lines.iter().find(has).cloned()).await;
    }
    for service in ["ghost", "lost"] {
        gateway.get(&format!("/{service}/")).await.is_safe(502, "wake_failed");
    }
    gateway.get("/daemon/").await.is_served_by("daemon");
    gateway.get("/web/").await.is_served_by("web");
}

#[tokio::test]
async fn every_missing_permission_is_listed_by_its_name() {
    let stage = Stage::with(&["web"]).await;
    let config = config(&[("web", json!({}))]);
    let allowed = stage.run(&["check", "--aws"], &config).await;
    assert_eq!(allowed.code, 0, "{}\n{}", allowed.out, allowed.err);
    let tried: std::collections::BTreeSet<(String, String)> = stage
        .aws
        .calls()
        .await
        .iter()
        .map(|call| (call["api"].as_str().unwrap().to_owned(), call["action"].as_str().unwrap().to_owned()))
        .collect();
    for (_, action) in tried.iter().filter(|(_, action)| action != "DescribeServices") {
        stage.aws.fault(json!({ "kind": "access_denied", "action": action })).await;
    }
    let ran = stage.run(&["check", "--aws"], &config).await;
    assert_eq!(ran.code, 64, "{}", ran.out);
    for (api, action) in &tried {
        let says = format!(":{action}` on `");
        assert_eq!(ran.out.contains(&says), action != "DescribeServices", "{api}: {says}: {}", ran.out);
    }
    for needed in ["UpdateService", "ListTasks", "DescribeTasks", "GetTaskProtection", "TagResource"] {
        assert!(tried.iter().any(|(_, action)| action == needed), "{needed}: {tried:?}");
    }
}
