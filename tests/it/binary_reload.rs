//! Another configuration while the gateway runs: no request is lost over it, and no service wakes or sleeps by it.

use http_body_util::BodyExt;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::binary_kit::{Gateway, Scene, config, get, gone};
use crate::binary_service::BOOT;
use crate::proxy_kit::soon;

const IN_FORCE: &str = "the new configuration is in force";

fn two(scene: &Scene) -> Value {
    config([
        ("web", scene.service("web", &[], json!({}))),
        ("other", scene.service("other", &[(BOOT, "other")], json!({}))),
    ])
}

fn fixed(path: &str, body: &str) -> Value {
    json!({ "path": path, "respond": { "status": 200, "body": body } })
}

/// Puts this configuration in the place of the other, and waits until it is in force.
async fn change(scene: &Scene, gateway: &Gateway, config: &Value) {
    let before = gateway.count(IN_FORCE);
    scene.write(&config.to_string());
    gateway.counts(IN_FORCE, before + 1).await;
}

#[tokio::test]
async fn a_changed_file_and_a_hangup_are_heard() {
    let scene = Scene::new();
    let mut config = two(&scene);
    let gateway = scene.start(&config).await;
    let routes = config["routes"].as_array_mut().unwrap();
    routes.insert(0, fixed("/new", "by the file"));
    change(&scene, &gateway, &config).await;
    gateway.logs("(the file changed)").await;
    assert_eq!(gateway.get("/new").await.body, "by the file");

    gateway.signal(Signal::HUP);
    gateway.logs("(SIGHUP)").await;
    gateway.counts(IN_FORCE, 2).await;
    assert_eq!(gateway.get("/new").await.body, "by the file");
}

#[tokio::test]
async fn an_invalid_file_is_reported_and_the_old_one_goes_on() {
    let scene = Scene::new();
    let config = two(&scene);
    let mut gateway = scene.start(&config).await;
    scene.allow("other");
    gateway.get("/").await.is_from("web");
    let held = gateway.asking(get("/other/"));

    scene.write("listeners: [{ address: 127.0.0.1:0 }]\nservice: {}\nroutes:\n  - { service: wbe }\n");
    let line = gateway.logs("the new configuration is not taken over").await;
    for part in ["wakegate.yaml:2:1: service: ", "`services`", "wakegate.yaml:4:", "`wbe`", "2 problems"] {
        assert!(line.contains(part), "{line}");
    }
    gateway.get("/").await.is_from("web");
    soon(held).await.unwrap().is_from("other");
    assert_eq!(gateway.count(IN_FORCE), 0);
    gateway.still_runs();

    // And from there to a valid one.
    change(&scene, &gateway, &config).await;
    gateway.get("/").await.is_from("web");
    assert_eq!(scene.starts("web"), 1);
}

#[tokio::test]
async fn who_waits_and_who_streams_is_not_disturbed() {
    let scene = Scene::new();
    let mut config = two(&scene);
    let gateway = scene.start(&config).await;
    let mut stream = gateway.head(get("/stream/end")).await;
    soon(stream.body_mut().frame()).await.unwrap().unwrap();
    let held = gateway.asking(get("/other/"));
    gateway.held("other", 1).await;
    let before = (gateway.phase("web", "awake").await, gateway.phase("other", "waking").await);

    // The route that the waiting request came by is gone afterwards; its service is not.
    config["routes"] = json!([fixed("/new", "new"), { "service": "web" }]);
    config["defaults"]["page_after"] = json!("2s");
    change(&scene, &gateway, &config).await;
    assert_eq!(gateway.get("/new").await.body, "new");

    let after = (gateway.status("web").await, gateway.status("other").await);
    for (before, after) in [(&before.0, &after.0), (&before.1, &after.1)] {
        assert_eq!(before["phase"], after["phase"]);
        assert!(after["since_seconds"].as_f64() >= before["since_seconds"].as_f64(), "{before} {after}");
    }
    assert_eq!((&after.0["phase"], &after.1["phase"]), (&json!("awake"), &json!("waking")));

    scene.allow("other");
    soon(held).await.unwrap().is_from("other");
    scene.allow("end");
    assert_eq!(soon(stream.into_body().collect()).await.unwrap().to_bytes(), "end");
    assert_eq!((scene.starts("web"), scene.starts("other")), (1, 1));
}

#[tokio::test]
async fn a_service_that_is_gone_is_stopped_and_a_new_one_wakes() {
    let scene = Scene::new();
    scene.allow("other");
    let gateway = scene.start(&two(&scene)).await;
    gateway.get("/other/").await.is_from("other");
    let lifelines = gateway.lifelines(&["other"]).await;

    let new = config([
        ("web", scene.service("web", &[], json!({}))),
        ("new", scene.service("new", &[], json!({ "depends_on": ["web"] }))),
    ]);
    change(&scene, &gateway, &new).await;
    gone(lifelines).await;
    let answer = gateway.manage("GET", "/api/services/other", "").await;
    assert_eq!(answer.status, 404);
    // Its path is anybody's now.
    gateway.get("/other/").await.is_from("web");
    gateway.get("/new/").await.is_from("new");
}

#[tokio::test]
async fn who_waits_for_a_service_that_is_gone_is_told() {
    let scene = Scene::new();
    let gateway = scene.start(&two(&scene)).await;
    let held = gateway.asking(get("/other/"));
    gateway.held("other", 1).await;
    let new = config([("web", scene.service("web", &[], json!({})))]);
    change(&scene, &gateway, &new).await;
    soon(held).await.unwrap().is_problem(502, "wake_failed");
}

#[tokio::test]
async fn a_service_that_comes_back_is_not_stopped_for_having_been_away() {
    let scene = Scene::new();
    scene.allow("other");
    let both = two(&scene);
    let gateway = scene.start(&both).await;
    gateway.get("/other/").await.is_from("other");
    let mut stream = gateway.head(get("/other/stream/end")).await;
    soon(stream.body_mut().frame()).await.unwrap().unwrap();

    change(&scene, &gateway, &config([("web", scene.service("web", &[], json!({})))])).await;
    change(&scene, &gateway, &both).await;
    gateway.get("/other/").await.is_from("other");
    // What came before the change is inside still.
    gateway.until("other", |status| status["in_flight"] == 1).await;

    scene.allow("end");
    assert_eq!(soon(stream.into_body().collect()).await.unwrap().to_bytes(), "end");
    gateway.until("other", |status| status["in_flight"] == 0).await;
    gateway.get("/other/").await.is_from("other");
    assert_eq!(scene.starts("other"), 1);
}

#[tokio::test]
async fn a_process_that_becomes_something_else_is_stopped() {
    let scene = Scene::new();
    scene.allow("other");
    let gateway = scene.start(&two(&scene)).await;
    gateway.get("/other/").await.is_from("other");
    let lifelines = gateway.lifelines(&["other"]).await;
    let web = gateway.get("/").await;
    web.is_from("web");
    let upstream = format!("http://{}", gateway.target("web").await);
    let new =
        config([("web", scene.service("web", &[], json!({}))), ("other", json!({ "upstream": upstream }))]);
    change(&scene, &gateway, &new).await;
    gone(lifelines).await;
    gateway.get("/other/").await.is_from("web");
}
