//! The files under `deploy/` fit the code.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn json(name: &str) -> Value {
    let text = fs::read_to_string(root().join("deploy/ecs").join(name)).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// One text, or a list of them.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(list) => list.iter().map(|text| text.as_str().unwrap().to_owned()).collect(),
        other => panic!("{other}"),
    }
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.file_stem().is_some_and(|stem| stem == "tests") {
            continue;
        }
        if path.is_dir() { found.extend(sources(&path)) } else { found.push(path) }
    }
    found
}

/// The texts in quotes in the code of the provider.
fn quoted() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for file in sources(&root().join("src/provider/ecs")) {
        let text = fs::read_to_string(file).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap().lines();
        for line in code.filter(|line| !line.trim_start().starts_with("//")) {
            found.extend(line.split('"').skip(1).step_by(2).map(str::to_owned));
        }
    }
    found
}

/// `ecs:UpdateService` and its like.
fn is_action(text: &str) -> bool {
    ["ecs:", "elasticloadbalancing:", "application-autoscaling:", "sqs:"].iter().any(|service| {
        text.strip_prefix(service).is_some_and(|action| {
            action.starts_with(char::is_uppercase) && action.chars().all(char::is_alphanumeric)
        })
    })
}

#[test]
fn the_policy_allows_what_is_asked_of_aws_and_nothing_else() {
    let used: BTreeSet<String> = quoted().into_iter().filter(|text| is_action(text)).collect();
    let policy = json("iam-policy.json");
    let allowed: BTreeSet<String> = policy["Statement"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|statement| texts(&statement["Action"]))
        .collect();
    assert!(used.len() > 10, "{used:?}");
    assert_eq!(allowed, used);
}

#[test]
fn what_changes_a_service_is_bound_to_its_tag() {
    let policy = json("iam-policy.json");
    for statement in policy["Statement"].as_array().unwrap() {
        let reads = ["Describe", "Get", "List", "Receive"];
        let changes = texts(&statement["Action"]).into_iter().any(|action| {
            let verb = action.strip_prefix("ecs:");
            verb.is_some_and(|verb| !reads.iter().any(|read| verb.starts_with(read)))
        });
        if changes {
            assert_eq!(statement["Condition"]["StringEquals"]["aws:ResourceTag/wakegate:managed"], "true");
            assert!(statement["Resource"].as_str().unwrap().contains(":service/CLUSTER/"));
        }
    }
}

#[test]
fn the_policy_lets_our_tags_be_set_and_no_others() {
    let policy = json("iam-policy.json");
    let statements = policy["Statement"].as_array().unwrap();
    let remembers = statements.iter().find(|statement| statement["Sid"] == "RememberCounts").unwrap();
    let allowed: BTreeSet<String> =
        texts(&remembers["Condition"]["ForAllValues:StringEquals"]["aws:TagKeys"]).into_iter().collect();
    let used: BTreeSet<String> = quoted().into_iter().filter(|text| text.starts_with("wakegate:")).collect();
    assert_eq!(allowed, used);
}

#[test]
fn the_rule_sends_the_kinds_of_events_that_are_read() {
    let is_kind = |text: &String| {
        text.starts_with("ECS ") && text.split(' ').all(|word| word.starts_with(char::is_uppercase))
    };
    let used: BTreeSet<String> = quoted().into_iter().filter(is_kind).collect();
    let sent: BTreeSet<String> = texts(&json("event-rule.json")["detail-type"]).into_iter().collect();
    assert_eq!(sent, used);
}

#[test]
fn the_queue_takes_events_of_the_rule_alone() {
    let attributes = json("queue-attributes.json");
    assert!(attributes.as_object().unwrap().values().all(Value::is_string), "SQS takes only texts");
    let policy: Value = serde_json::from_str(attributes["Policy"].as_str().unwrap()).unwrap();
    let statement = &policy["Statement"][0];
    assert_eq!(statement["Principal"]["Service"], "events.amazonaws.com");
    let rule = statement["Condition"]["ArnEquals"]["aws:SourceArn"].as_str().unwrap();
    assert!(rule.ends_with(":rule/wakegate-events"), "{rule}");
}

#[test]
fn the_gateways_task_is_stopped_later_than_it_drains() {
    let definition = json("task-definition.json");
    let container = &definition["containerDefinitions"][0];
    // `shutdown` takes 25 s by default; Fargate waits 120 s at most.
    let seconds = container["stopTimeout"].as_u64().unwrap();
    assert!((26..=120).contains(&seconds), "{seconds}");
    assert_eq!((definition["cpu"].as_str(), definition["memory"].as_str()), (Some("256"), Some("512")));
    assert_eq!(container["secrets"][0]["name"], "WAKEGATE_CONFIG");
    json("role-trust.json");
}
