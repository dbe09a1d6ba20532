//! Waking services on ECS with the real binary: how often ECS is asked to, and how long it takes.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::binary_kit::Answer;
use crate::ecs_rig::{Rig, answered_by, config, numbered, on_ecs, visits};
use crate::proxy_kit::ask;

/// Scenario 1.
#[tokio::test]
async fn a_thousand_requests_at_once_are_one_update_and_each_is_answered_once() {
    const REQUESTS: usize = 1_000;
    let web = on_ecs("web", json!({ "max_held": REQUESTS }));
    let rig = Rig::start(&[json!({ "name": "web" })], &config(&[("web", web)], json!({}))).await;
    let mut asking = JoinSet::new();
    for number in 0..REQUESTS {
        let address = rig.gateway.address;
        let request = numbered("/web/", &number.to_string());
        asking.spawn(async move { Answer::of(ask(address, request).await).await });
    }
    for answer in asking.join_all().await {
        answered_by(&answer, "web");
    }
    assert_eq!(rig.counts_asked("web").await, [1]);
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for visit in visits(&rig.aws).await {
        *seen.entry(visit["id"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    assert_eq!(seen.len(), REQUESTS, "somebody was answered by nobody");
    assert!(seen.values().all(|times| *times == 1), "a request was sent twice: {seen:?}");
}

/// Four levels of five; each service needs two of the level below. The slowest is in the lowest level.
fn levels() -> Vec<(String, Vec<String>, u64)> {
    const LEVELS: usize = 4;
    const WIDTH: usize = 5;
    let name = |level: usize, place: usize| format!("s{level}{}", place % WIDTH);
    let mut all = Vec::new();
    for level in 0..LEVELS {
        for place in 0..WIDTH {
            let needs = match level + 1 {
                LEVELS => Vec::new(),
                below if level == 0 && place == 0 => (0..WIDTH).map(|place| name(below, place)).collect(),
                below => vec![name(below, place), name(below, place + 1)],
            };
            let boot = if level + 1 == LEVELS && place == 0 { 2_500 } else { 2_000 };
            all.push((name(level, place), needs, boot));
        }
    }
    // One more edge each, so that the whole graph is the closure of the first.
    for place in 1..WIDTH {
        let own = name(0, place);
        all[0].1.push(own);
    }
    all
}

/// Wakes a service, and tells how long that took.
async fn woken(rig: &Rig, name: &str) -> Duration {
    let began = Instant::now();
    rig.wake(name).await;
    began.elapsed()
}

/// Puts services to sleep that do not need each other.
async fn asleep(rig: &Rig, names: &[&str]) {
    for name in names {
        let asked = rig.gateway.manage("POST", &format!("/api/services/{name}/sleep"), "").await;
        assert_eq!(asked.status, 202, "{asked:?}");
    }
    for name in names {
        rig.gateway.phase(name, "asleep").await;
    }
}

#[tokio::test]
async fn a_graph_of_twenty_services_in_four_levels_costs_its_slowest_member() {
    let levels = levels();
    let services: Vec<Value> =
        levels.iter().map(|(name, _, boot)| json!({ "name": name, "app": { "boot_ms": boot } })).collect();
    let specs: Vec<(&str, Value)> = levels
        .iter()
        .map(|(name, needs, _)| (name.as_str(), on_ecs(name, json!({ "depends_on": needs }))))
        .collect();
    let rig = Rig::start(&services, &config(&specs, json!({}))).await;

    // What a busy machine adds is not the graph's: the best of some rounds counts.
    let mut best = f64::MAX;
    let mut before = 0;
    for _ in 0..3 {
        let slowest = woken(&rig, "s30").await;
        asleep(&rig, &["s30"]).await;
        before = rig.aws.calls().await.len();
        let whole = woken(&rig, "s00").await;
        println!("the slowest alone: {slowest:?}; all twenty: {whole:?}");
        assert!(slowest > Duration::from_secs(3), "it is to be slow: {slowest:?}");
        best = best.min(whole.as_secs_f64() / slowest.as_secs_f64());
        if best <= 1.1 {
            break;
        }
        // Dependents first: the one that needs all, the others of its level, the levels below.
        let names: Vec<&str> = levels.iter().map(|(name, ..)| name.as_str()).collect();
        for together in [&names[..1], &names[1..5], &names[5..10], &names[10..15], &names[15..]] {
            asleep(&rig, together).await;
        }
    }
    // One after the other the levels would cost four times as much; on a quiet machine it is below 1.1.
    assert!(best <= 1.6, "all twenty took {best} times as long as the slowest of them alone");

    // All were asked for before the first of them was there at all.
    let calls = rig.aws.calls().await.split_off(before);
    let updates: Vec<&Value> = calls.iter().filter(|call| call["action"] == "UpdateService").collect();
    assert_eq!(updates.len(), 20, "{updates:#?}");
    let at = |call: &Value| call["at_ms"].as_u64().unwrap();
    let (first, last) = (at(updates[0]), at(updates[19]));
    let requests = rig.aws.requests().await;
    let heard = requests.iter().map(at).filter(|seen| *seen > first).min().unwrap();
    assert!(last < heard, "the last update came {} ms after the first", last - first);
}
