//! Wakes that fail, and services that die.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::binary_kit::{Scene, config, get};
use crate::binary_service::{BOOT, DIES};
use crate::proxy_kit::{full, post, soon};

#[tokio::test]
async fn a_command_that_does_not_exist_is_told_at_once() {
    let scene = Scene::new();
    let broken = json!({ "process": { "command": ["/nowhere/no-such-program"], "port": 0 } });
    let web = scene.service("web", &[], json!({}));
    let gateway = scene.start(&config([("web", web), ("broken", broken)])).await;
    let answer = gateway.get("/broken/").await;
    answer.is_problem(502, "wake_failed");
    assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
    assert!(!answer.body.contains("nowhere"), "the inside is nobody's business: {}", answer.body);
    let status = gateway.phase("broken", "failed").await;
    assert!(status["fault"].as_str().unwrap().contains("/nowhere/no-such-program"), "{status}");
    let line = gateway.logs("broken: waking -> failed").await;
    assert!(line.contains("/nowhere/no-such-program"), "{line}");
    // All else works.
    gateway.get("/").await.is_from("web");
}

#[tokio::test]
async fn a_program_that_dies_at_its_start_is_quoted_and_tried_again() {
    let scene = Scene::new();
    scene.allow("dies");
    let gateway = scene.start(&config([("web", scene.service("web", &[(DIES, "dies")], json!({})))])).await;
    gateway.get("/").await.is_problem(502, "wake_failed");
    let status = gateway.phase("web", "failed").await;
    let fault = status["fault"].as_str().unwrap();
    for part in ["exited with code 3", "reading the settings", "cannot open the data directory"] {
        assert!(fault.contains(part), "{fault}");
    }
    let pause = status["retry_in_seconds"].as_f64().unwrap();
    assert!(pause > 0.0 && pause <= 2.0, "{pause}");
    // Until then nobody is made to wait.
    gateway.get("/").await.is_problem(502, "wake_failed");

    scene.forbid("dies");
    loop {
        let answer = gateway.get("/").await;
        if answer.status == 200 {
            break;
        }
        answer.is_problem(502, "wake_failed");
    }
    gateway.phase("web", "awake").await;
}

#[tokio::test]
async fn a_wake_has_its_time() {
    let scene = Scene::new();
    let db = scene.service("db", &[(BOOT, "never")], json!({ "wake_timeout": "300ms" }));
    let web = scene.service("web", &[], json!({ "depends_on": ["db"] }));
    let gateway = scene.start(&config([("web", web), ("db", db)])).await;
    // It ends for those as well who wait for something that needs it.
    let (web, db) = (gateway.asking(get("/")), gateway.asking(get("/db/")));
    for answer in [web, db] {
        soon(answer).await.unwrap().is_problem(502, "wake_failed");
    }
    let fault = gateway.phase("db", "failed").await["fault"].as_str().unwrap().to_owned();
    assert!(fault.starts_with("not ready after 300ms: "), "{fault}");
    let fault = gateway.phase("web", "failed").await["fault"].as_str().unwrap().to_owned();
    assert!(fault.starts_with("db: not ready after 300ms"), "{fault}");
}

#[tokio::test]
async fn one_that_cannot_wake_delays_nobody_else() {
    let scene = Scene::new();
    scene.allow("dies");
    let gateway = scene
        .start(&config([
            ("web", scene.service("web", &[], json!({}))),
            ("broken", scene.service("broken", &[(DIES, "dies")], json!({}))),
            ("stuck", scene.service("stuck", &[(BOOT, "stuck")], json!({}))),
        ]))
        .await;
    gateway.get("/broken/").await.is_problem(502, "wake_failed");
    let stuck = gateway.asking(get("/stuck/"));
    gateway.held("stuck", 1).await;
    // The one keeps dying, the other keeps waiting, and a third wakes and serves.
    for _ in 0..20 {
        gateway.get("/").await.is_from("web");
    }
    assert!(!stuck.is_finished());
    scene.allow("stuck");
    soon(stuck).await.unwrap().is_from("stuck");
}

#[tokio::test]
async fn one_that_dies_while_awake_is_waited_for() {
    let scene = Scene::new();
    let gateway = scene.start(&config([("web", scene.service("web", &[], json!({})))])).await;
    for _ in 0..3 {
        let before = gateway.get("/pid").await.body;
        let pid = Pid::from_raw(before.parse().unwrap()).unwrap();
        kill_process(pid, Signal::KILL).unwrap();
        // At once, over the connection that just died and while nothing listens; and for long enough that some of
        // them come when it is known.
        let mut after = before.clone();
        while after == before {
            let answer = gateway.get("/pid").await;
            assert_eq!(answer.status, 200, "{answer:?}\n{:#?}", gateway.log().all());
            after = answer.body;
        }
    }
}

#[tokio::test]
async fn what_may_have_been_done_is_not_done_twice() {
    let scene = Scene::new();
    let gateway = scene.start(&config([("web", scene.service("web", &[], json!({})))])).await;
    gateway.get("/").await.is_from("web");
    let answer = gateway.ask(post("/exit", full("x"))).await;
    assert_eq!(answer.status, 502, "{answer:?}");
    gateway.get("/").await.is_from("web");
    assert_eq!(scene.starts("web"), 2);
}
