//! The command line against a gateway that runs.

use serde_json::{Value, json};

use crate::binary_kit::{Gateway, Ran, Scene, config, get, run, wakegate};
use crate::binary_service::BOOT;
use crate::proxy_kit::soon;

/// `web` needs `db`, and there is `broken`.
async fn running(scene: &Scene) -> Gateway {
    let config = config([
        ("web", scene.service("web", &[(BOOT, "web")], json!({ "depends_on": ["db"] }))),
        ("db", scene.service("db", &[], json!({}))),
        ("broken", json!({ "process": { "command": ["/nowhere/no-such-program"], "port": 0 } })),
    ]);
    scene.start(&config).await
}

async fn verb(gateway: &Gateway, args: &[&str]) -> Ran {
    run(wakegate(args).env("WAKEGATE_ADMIN", gateway.url())).await
}

#[tokio::test]
async fn a_service_is_woken_kept_and_put_to_sleep() {
    let scene = Scene::new();
    let gateway = running(&scene).await;
    scene.allow("web");
    let ran = verb(&gateway, &["wake", "web", "--wait"]).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.starts_with("web is awake after "), "{}", ran.out);
    assert_eq!(gateway.status("db").await["phase"], "awake");

    let ran = verb(&gateway, &["sleep", "db"]).await;
    assert_eq!((ran.code, ran.err.as_str()), (70, "wakegate: db stays as it is: it is needed by web\n"));

    let ran = verb(&gateway, &["keep", "web", "--for", "2h"]).await;
    assert_eq!((ran.code, ran.out.as_str()), (0, "web is kept awake for 2h\n"));
    let ran = verb(&gateway, &["sleep", "web"]).await;
    assert_eq!((ran.code, ran.err.as_str()), (70, "wakegate: web stays as it is: a lease keeps it awake\n"));
    assert_eq!(verb(&gateway, &["keep", "web", "--end"]).await.code, 0);

    let busy = gateway.asking(get("/web/wait/go"));
    gateway.until("web", |status| status["in_flight"] == 1).await;
    let ran = verb(&gateway, &["sleep", "web"]).await;
    assert_eq!((ran.code, ran.err.as_str()), (70, "wakegate: web stays as it is: it is serving a request\n"));
    scene.allow("go");
    assert_eq!(soon(busy).await.unwrap().body, "waited");
    gateway.until("web", |status| status["in_flight"] == 0).await;

    let ran = verb(&gateway, &["sleep", "web"]).await;
    assert_eq!((ran.code, ran.out.as_str()), (0, "web is going to sleep\n"), "{}", ran.err);
    gateway.phase("web", "asleep").await;
    // The quiet time of what it needed begins now.
    assert_eq!(gateway.status("db").await["phase"], "awake");
    assert_eq!(verb(&gateway, &["sleep", "db"]).await.code, 0);
    gateway.phase("db", "asleep").await;
}

#[tokio::test]
async fn the_status_is_a_table_for_people_and_json_for_programs() {
    let scene = Scene::new();
    let gateway = running(&scene).await;
    let ran = verb(&gateway, &["wake", "broken", "--wait"]).await;
    assert_eq!(ran.code, 70);
    assert!(ran.err.contains("/nowhere/no-such-program"), "{}", ran.err);
    let held = gateway.asking(get("/"));
    gateway.held("web", 1).await;
    gateway.phase("db", "awake").await;
    gateway.until("web", |status| status["stage"] == "checking").await;

    let ran = verb(&gateway, &["status"]).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    let row = |name: &str| {
        let line =
            ran.out.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{}", ran.out));
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(row("SERVICE")[..3], ["SERVICE", "PHASE", "SINCE"]);
    assert_eq!(row("web")[..3], ["web", "waking", "(checking)"]);
    assert_eq!(row("web")[4..6], ["0", "1"], "in flight and held");
    assert_eq!(row("db")[..2], ["db", "awake"]);
    assert_eq!(row("broken")[..2], ["broken", "failed"]);
    assert!(ran.out.contains("  ! ") && ran.out.contains("no-such-program"), "{}", ran.out);
    assert!(!ran.out.contains('\u{1b}'), "no colours where nobody looks");

    let ran = verb(&gateway, &["status", "--json"]).await;
    let all: Value = serde_json::from_str(&ran.out).unwrap();
    let web = all["services"].as_array().unwrap().iter().find(|service| service["name"] == "web").unwrap();
    assert_eq!((&web["phase"], &web["held"]), (&json!("waking"), &json!(1)));

    scene.allow("web");
    soon(held).await.unwrap().is_from("web");
}

#[tokio::test]
async fn wrong_use_is_64() {
    let scene = Scene::new();
    let gateway = running(&scene).await;
    for args in [
        &["wake", "nobody"][..],
        &["sleep", "nobody"],
        &["keep", "web"],
        &["keep", "web", "--for", "soon"],
        &["status", "web", "db", "more"],
        &["wakeup"],
    ] {
        let ran = verb(&gateway, args).await;
        assert_eq!((ran.code, ran.out.as_str()), (64, ""), "{args:?}: {}", ran.err);
        assert!(!ran.err.is_empty());
    }
}

#[tokio::test]
async fn with_no_verb_it_serves_what_the_environment_has() {
    let scene = Scene::new();
    let config = config([("web", scene.service("web", &[], json!({})))]).to_string();
    for (name, value) in [
        ("WAKEGATE_CONFIG", config.clone()),
        ("WAKEGATE_CONFIG_FILE", scene.write(&config).to_str().unwrap().to_owned()),
    ] {
        let mut gateway = Gateway::spawn(wakegate(&[]).env(name, value));
        gateway.listens().await;
        gateway.get("/").await.is_from("web");
    }
}

#[tokio::test]
async fn a_configuration_is_checked_drawn_and_explained_before_it_runs() {
    let scene = Scene::new();
    let config = config([
        ("web", scene.service("web", &[], json!({ "depends_on": { "db": { "start": "after" } } }))),
        ("db", scene.service("db", &[], json!({}))),
    ])
    .to_string();
    let ran = scene.run(&["check"], &config).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.ends_with("1 listener, 2 services, 3 routes: no problem found\n"), "{}", ran.out);
    let ran = scene.run(&["graph"], &config).await;
    assert!(ran.out.contains("web (process)\n└── db: healthy, before its start"), "{}", ran.out);
    for format in ["mermaid", "dot"] {
        let ran = scene.run(&["graph", "--format", format], &config).await;
        assert!(ran.code == 0 && ran.out.contains("web") && ran.out.contains("db"), "{}", ran.out);
    }
    let ran = scene.run(&["explain", "GET", "http://a/web/cart", "-H", "accept: text/html"], &config).await;
    assert!(ran.code == 0 && ran.out.contains("GET /cart"), "{}{}", ran.out, ran.err);
    let schema = run(&mut wakegate(&["schema"])).await;
    assert!(serde_json::from_str::<Value>(&schema.out).unwrap()["properties"]["routes"].is_object());
    assert_eq!(scene.starts("web") + scene.starts("db"), 0);
}

#[tokio::test]
async fn what_happens_can_be_watched_and_counted() {
    let scene = Scene::new();
    let gateway = running(&scene).await;
    let request = http::Request::get("/api/events").header("host", gateway.admin.to_string());
    let events =
        crate::proxy_kit::ask(gateway.admin, request.body(crate::proxy_kit::full("")).unwrap()).await;
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    scene.allow("web");
    gateway.get("/").await.is_from("web");

    let mut body = events.into_body();
    let mut text = String::new();
    let awake = |text: &str| {
        text.split("\n\n").any(|event| {
            let data = event.split_once("data: ").map(|(_, data)| data).unwrap_or_default();
            let data: Value = serde_json::from_str(data).unwrap_or_default();
            event.starts_with("event: phase\n") && data["service"] == "web" && data["to"] == "awake"
        })
    };
    while !awake(&text) {
        let data = crate::proxy_kit::data(&mut body).await;
        text.push_str(std::str::from_utf8(&data).unwrap());
    }

    let metrics = gateway.manage("GET", "/metrics", "").await.body;
    for part in ["wakegate_", "service=\"web\"", "outcome=\"served\""] {
        assert!(metrics.contains(part), "no {part} in {metrics}");
    }
}
