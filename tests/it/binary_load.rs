//! Many requests at once: a target's limit, the order of those who wait, several targets.

use serde_json::json;

use crate::binary_kit::{Scene, config, get};
use crate::binary_service::BOOT;
use crate::proxy_kit::soon;

#[tokio::test]
async fn a_target_gets_no_more_than_it_takes_and_the_oldest_first() {
    let scene = Scene::new();
    let web = scene.service("web", &[(BOOT, "web")], json!({ "max_in_flight": 2 }));
    let gateway = scene.start(&config([("web", web)])).await;
    let mut all = Vec::new();
    for number in 0..8 {
        all.push(gateway.asking(get(&format!("/wait/go?{number}"))));
        gateway.held("web", number + 1).await;
    }
    scene.allow("web");
    gateway.until("web", |status| status["in_flight"] == 2 && status["held"] == 6).await;
    // One who comes now is the last, though the door is open.
    all.push(gateway.asking(get("/wait/go?8")));
    gateway.held("web", 7).await;
    scene.allow("go");
    for answer in all {
        assert_eq!(soon(answer).await.unwrap().body, "waited");
    }
    assert_eq!(gateway.get("/most").await.body, "2");
    let arrivals = gateway.get("/arrivals").await.body;
    let numbers: Vec<usize> =
        arrivals.lines().filter_map(|line| line.split_once('?')?.1.parse().ok()).collect();
    // Two that are let in together may overtake each other on their way.
    assert_eq!(numbers.len(), 9, "{arrivals}");
    for (at, number) in numbers.iter().enumerate() {
        assert!(at.abs_diff(*number) <= 1, "{arrivals}");
    }
}

#[tokio::test]
async fn replicas_share_the_load() {
    let scene = Scene::new();
    let web = scene.service("web", &[], json!({ "process": { "replicas": 3 } }));
    let gateway = scene.start(&config([("web", web)])).await;
    gateway.get("/").await.is_from("web");
    gateway.until("web", |status| status["healthy"] == 3).await;
    let all: Vec<_> = (0..6).map(|_| gateway.asking(get("/wait/go"))).collect();
    let status = gateway.until("web", |status| status["in_flight"] == 6).await;
    let shares: Vec<_> =
        status["targets"].as_array().unwrap().iter().map(|target| target["in_flight"].clone()).collect();
    assert_eq!(shares, [2, 2, 2]);
    scene.allow("go");
    for answer in all {
        assert_eq!(soon(answer).await.unwrap().body, "waited");
    }
    assert_eq!(scene.starts("web"), 3);
}

#[tokio::test]
async fn one_replica_of_three_that_dies_is_not_noticed() {
    let scene = Scene::new();
    let web = scene.service("web", &[], json!({ "process": { "replicas": 3 } }));
    let gateway = scene.start(&config([("web", web)])).await;
    gateway.get("/").await.is_from("web");
    gateway.until("web", |status| status["healthy"] == 3).await;
    let pid = gateway.get("/pid").await.body;
    let pid = rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    for _ in 0..30 {
        gateway.get("/").await.is_from("web");
    }
    // And it comes back.
    while scene.starts("web") < 4 {
        gateway.get("/").await.is_from("web");
    }
    gateway.until("web", |status| status["healthy"] == 3).await;
    assert!(!gateway.log().all().iter().any(|line| line.contains("awake -> ")), "{:#?}", gateway.log().all());
}
