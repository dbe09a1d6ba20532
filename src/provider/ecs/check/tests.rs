//! Checks against an account that a test describes, under the real SDK.

mod account;

use std::collections::BTreeSet;

use serde_json::json;

use self::account::{Account, GROUP, QUEUE, service};
use super::*;
use crate::model::{Check, Health, HttpCheck, TargetGroupCheck};

/// The services `a`, `b`, … of the configuration, on `demo`'s services of these names, port 8080.
fn specs(services: &[&str]) -> Vec<Spec> {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    names
        .into_iter()
        .zip(services)
        .map(|(name, service)| {
            let ecs = EcsSpec {
                cluster: "demo".to_owned(),
                service: (*service).to_owned(),
                port: Some(8080),
                desired_count: None,
            };
            Spec::new(name, Kind::Ecs(ecs))
        })
        .collect()
}

fn with_group(mut spec: Spec, arn: &str) -> Spec {
    let check = Check::TargetGroup(TargetGroupCheck { arn: arn.to_owned(), healthy: 1 });
    let second = std::time::Duration::from_secs(1);
    spec.health = Some(Health { check, interval: second, timeout: second });
    spec
}

async fn found(account: &Account, specs: Vec<Spec>, depth: Depth) -> Vec<String> {
    let specs: Vec<Arc<Spec>> = specs.into_iter().map(Arc::new).collect();
    let settings = Settings { queue_url: Some(QUEUE.to_owned()), budget: 1.0, ..Settings::default() };
    let api = Api::new(&account.config(), &settings, 1);
    let findings = Checker::new(&api, &settings, depth).check(&specs).await.findings;
    findings.iter().map(|finding| format!("{:?} {finding}", finding.weight)).collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_sound_is_found_sound_and_nothing_changes() {
    let account = Account::with([service("web"), service("api")]);
    let specs = specs(&["web", "api"]);
    let specs = vec![specs[0].clone(), with_group(specs[1].clone(), GROUP)];
    assert_eq!(found(&account, specs, Depth::Full).await, [""; 0]);
    let asked = account.asked();
    let bodies = |action: &str| -> Vec<&serde_json::Value> {
        asked.iter().filter(|asked| asked.action == action).map(|asked| &asked.body).collect()
    };
    assert_eq!(bodies("UpdateService").len(), 2);
    for body in bodies("UpdateService") {
        let keys: BTreeSet<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, BTreeSet::from(["cluster", "desiredCount", "service"]));
        assert_eq!(body["desiredCount"], -1, "no service can have it");
    }
    assert!(bodies("TagResource").iter().all(|body| body["tags"] == json!([])));
    assert!(bodies("UntagResource").iter().all(|body| body["tagKeys"] == json!(["wakegate:none"])));
    assert_eq!(bodies("RegisterScalableTarget")[0]["MaxCapacity"], -1);
    assert_eq!(bodies("ReceiveMessage")[0]["VisibilityTimeout"], 0, "whoever reads the queue misses nothing");
    assert_eq!(bodies("DeleteMessageBatch")[0]["Entries"][0]["ReceiptHandle"], "none");
    assert_eq!(bodies("DescribeTaskDefinition").len(), 1, "both have the same");
}

#[tokio::test(start_paused = true)]
async fn a_start_tries_nothing_that_changes() {
    let account = Account::with([service("web"), service("api")]);
    assert_eq!(found(&account, specs(&["web", "api"]), Depth::Start).await, [""; 0]);
    let actions: BTreeSet<String> = account.asked().into_iter().map(|asked| asked.action).collect();
    let reads = [
        "DescribeScalableTargets",
        "DescribeServices",
        "DescribeTaskDefinition",
        "DescribeTasks",
        "GetTaskProtection",
        "ListTasks",
        "ReceiveMessage",
    ];
    assert_eq!(actions, reads.map(str::to_owned).into());
}

#[tokio::test(start_paused = true)]
async fn everything_that_is_wrong_is_told_together_in_the_order_of_the_configuration() {
    let account = Account::with([
        service("gone").set("status", "INACTIVE"),
        service("agent").set("schedulingStrategy", "DAEMON"),
        service("bridge").set("taskDefinition", "arn:aws:ecs:eu-west-1:1:task-definition/bridge:1"),
        service("grouped"),
        service("lost"),
        service("sound"),
    ]);
    let mut specs = specs(&["gone", "agent", "nope", "bridge", "grouped", "lost", "sound", "sound"]);
    let other = GROUP.replace("web", "other");
    specs[4] = with_group(specs[4].clone(), &other);
    specs[5] = with_group(specs[5].clone(), &GROUP.replace("web", "unknown"));
    let Kind::Ecs(ecs) = &mut specs[7].kind else { unreachable!() };
    ecs.cluster = "elsewhere".to_owned();
    assert_eq!(
        found(&account, specs, Depth::Start).await,
        [
            "Wrong a: service `gone` of cluster `demo` was deleted",
            "Wrong b: service `agent` runs one task on each instance (DAEMON): it has no desired count and cannot sleep",
            "Wrong c: ECS has no service `nope` in cluster `demo`",
            "Wrong d: task definition `bridge:1` has network mode `bridge`: only `awsvpc` gives tasks addresses of their own; give the service an `upstream`, or change the mode",
            "Wrong d: no container of task definition `bridge:1` has port 8080 among its port mappings (web: 80, web: 9000-9010)",
            "Wrong e: target group `other` is not of service `grouped`: its tasks register with `web`",
            "Wrong e: no load balancer uses target group `other`: its targets never become healthy",
            &format!("Wrong f: there is no target group `{}`", GROUP.replace("web", "unknown")),
            "Wrong h: ECS has no cluster `elsewhere`",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn every_missing_permission_is_named_with_who_needs_it() {
    let account = Account::with([service("web"), service("api")]);
    let changing = [
        "ecs:GetTaskProtection",
        "ecs:TagResource",
        "ecs:UntagResource",
        "ecs:UpdateService",
        "application-autoscaling:RegisterScalableTarget",
        "sqs:DeleteMessage",
    ];
    account.deny(changing, "*");
    let told = found(&account, specs(&["web", "api"]), Depth::Full).await;
    let lacks = |action: &str, on: &str| {
        format!("Wrong the gateway's role lacks the permission `{action}` on `arn:any`{on}")
    };
    assert_eq!(
        told,
        [
            "Wrong a: the gateway's role lacks the permission `ecs:GetTaskProtection` on `arn:any`"
                .to_owned(),
            lacks("application-autoscaling:RegisterScalableTarget", " (needed for a, b)"),
            lacks("ecs:TagResource", " (needed for a, b)"),
            lacks("ecs:UntagResource", " (needed for a, b)"),
            lacks("ecs:UpdateService", " (needed for a, b)"),
            lacks("sqs:DeleteMessage", ""),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_leaves_one_service_out_is_told_of_that_one() {
    let account = Account::with([service("web"), service("api"), service("db")]);
    account.deny(["ecs:DescribeServices", "ecs:UpdateService"], "api");
    let told = found(&account, specs(&["web", "api", "db"]), Depth::Full).await;
    assert_eq!(
        told,
        ["Wrong b: the gateway's role lacks the permission `ecs:DescribeServices` on `arn:any`"]
    );
    let updated = account.asked().into_iter().filter(|asked| asked.action == "UpdateService");
    let updated: Vec<String> =
        updated.map(|asked| asked.body["service"].as_str().unwrap().to_owned()).collect();
    assert_eq!(updated, ["web", "db"], "the others are checked all the same");
}

#[tokio::test(start_paused = true)]
async fn without_auto_scaling_no_permission_for_it_is_asked_for() {
    let account = Account::with([service("web")]);
    let scaling = ["DescribeScalableTargets", "RegisterScalableTarget"];
    account.deny(
        scaling.map(|action| format!("application-autoscaling:{action}")).each_ref().map(String::as_str),
        "*",
    );
    let specs: Vec<Arc<Spec>> = specs(&["web"]).into_iter().map(Arc::new).collect();
    for depth in [Depth::Start, Depth::Full] {
        let settings = Settings { auto_scaling: false, ..Settings::default() };
        let api = Api::new(&account.config(), &settings, 1);
        let report = Checker::new(&api, &settings, depth).check(&specs).await;
        assert_eq!(report, Report { findings: vec![], is_whole: true });
    }
    assert!(account.asked().iter().all(|asked| !scaling.contains(&asked.action.as_str())));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_sleep_is_not_tried_to_change_and_nothing_is_asked_for_twice() {
    let account = Account::with([
        service("gone").set("status", "INACTIVE"),
        service("agent").set("schedulingStrategy", "DAEMON"),
        service("web"),
    ]);
    let told = found(&account, specs(&["gone", "agent", "web", "web"]), Depth::Full).await;
    assert_eq!(told.len(), 2, "{told:?}");
    let asked = account.asked();
    let described = asked.iter().find(|asked| asked.action == "DescribeServices").unwrap();
    assert_eq!(described.body["services"], json!(["agent", "gone", "web"]));
    let updated: BTreeSet<&str> = asked
        .iter()
        .filter(|asked| asked.action == "UpdateService")
        .map(|asked| asked.body["service"].as_str().unwrap())
        .collect();
    assert_eq!(updated, BTreeSet::from(["web"]));
}

#[tokio::test(start_paused = true)]
async fn an_aws_that_does_not_answer_is_asked_no_further() {
    let account = Account::with([service("web")]);
    account.vanish();
    let told = found(&account, specs(&["web", "api", "db"]), Depth::Full).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("Unknown no answer from AWS to ecs:DescribeServices"), "{told:?}");
    assert!(account.asked().len() <= 2, "{:?}", account.asked());
    let specs: Vec<Arc<Spec>> = specs(&["web"]).into_iter().map(Arc::new).collect();
    let settings = Settings::default();
    let api = Api::new(&account.config(), &settings, 1);
    let report = Checker::new(&api, &settings, Depth::Start).check(&specs).await;
    assert!(!report.is_whole, "it is worth asking again");
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_is_not_there_is_told() {
    let account = Account::with([service("web")]);
    account.drop_queue();
    let told = found(&account, specs(&["web"]), Depth::Start).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with(&format!("Wrong there is no queue `{QUEUE}`: ")), "{told:?}");
}

#[test]
fn only_what_is_dialled_needs_a_port() {
    let mut spec = specs(&["web"]).remove(0);
    let Kind::Ecs(mut ecs) = spec.kind.clone() else { unreachable!() };
    assert!(service::wants_addresses(&spec, &ecs));
    ecs.port = None;
    assert!(!service::wants_addresses(&spec, &ecs), "a worker that nobody calls");
    ecs.port = Some(8080);
    spec.upstream = Some(crate::model::Address::Name("internal.example".into(), 80));
    assert!(!service::wants_addresses(&spec, &ecs), "the load balancer knows the way");
    let second = std::time::Duration::from_secs(1);
    let check = Check::Http(HttpCheck { path: "/".to_owned(), status: vec![(200, 299)], host: None });
    spec.health = Some(Health { check, interval: second, timeout: second });
    (spec.upstream, ecs.port) = (None, None);
    let state = account::state("web");
    assert_eq!(service::of_itself(&spec, &ecs, &state).len(), 1, "checked, but where?");
}
