//! What keeps a service awake, and what wakes it.
//!
//! That something does *not* go to sleep is shown against a second service with the same quiet time, which is woken
//! and left alone: when it has slept twice since, the first one had every chance to.

use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::binary_kit::{Gateway, Scene, config, from, get, merge, navigation};
use crate::binary_service::{BOOT, WS_KEY};
use crate::proxy_kit::{Raw, soon};

/// `web`, and `other` to measure time by.
async fn sleepy(scene: &Scene, activity: Value) -> Gateway {
    let mut config = config([
        ("web", scene.service("web", &[], json!({}))),
        ("other", scene.service("other", &[], json!({}))),
    ]);
    merge(&mut config, json!({ "defaults": { "idle_after": "300ms" } }));
    if !activity.is_null() {
        config["activity"] = activity;
    }
    scene.start(&config).await
}

/// Waits until the other service has slept twice, having woken in between. `meanwhile` goes on all the time.
async fn quiet_time_passes(gateway: &Gateway, meanwhile: impl AsyncFn()) {
    let passes = async {
        for _ in 0..2 {
            gateway.get("/other/").await.is_from("other");
            gateway.phase("other", "asleep").await;
        }
    };
    tokio::select! {
        () = passes => {}
        () = async { loop { meanwhile().await; } } => {}
    }
}

async fn nothing() {
    std::future::pending().await
}

/// What opens a WebSocket.
pub(crate) fn handshake() -> String {
    format!(
        "GET /websocket HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: {WS_KEY}\r\n\r\n"
    )
}

#[tokio::test]
async fn a_response_keeps_it_awake_until_its_end() {
    let scene = Scene::new();
    let gateway = sleepy(&scene, Value::Null).await;
    let mut response = gateway.head(get("/stream/end")).await;
    let first = soon(response.body_mut().frame()).await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(first, "begin,");
    quiet_time_passes(&gateway, nothing).await;
    assert_eq!(gateway.status("web").await["phase"], "awake");
    scene.allow("end");
    assert_eq!(soon(response.into_body().collect()).await.unwrap().to_bytes(), "end");
    gateway.phase("web", "asleep").await;
    assert_eq!(scene.starts("web"), 1);
}

#[tokio::test]
async fn a_websocket_keeps_it_awake_until_it_closes() {
    let scene = Scene::new();
    let gateway = sleepy(&scene, Value::Null).await;
    let mut client = Raw::connect(gateway.address).await;
    client.write(&handshake()).await;
    assert!(client.read_to("\r\n\r\n").await.starts_with("HTTP/1.1 101 "));
    quiet_time_passes(&gateway, nothing).await;
    client.write("still there?").await;
    client.read_to("still there?").await;
    drop(client);
    gateway.phase("web", "asleep").await;
    assert_eq!(scene.starts("web"), 1);
}

#[tokio::test]
async fn a_lease_keeps_it_awake_until_it_is_given_back() {
    let scene = Scene::new();
    let gateway = sleepy(&scene, Value::Null).await;
    let lease = "/api/services/web/lease";
    assert_eq!(gateway.manage("PUT", lease, r#"{"for":"1h"}"#).await.status, 200);
    // A lease wakes too.
    gateway.phase("web", "awake").await;
    quiet_time_passes(&gateway, nothing).await;
    assert_eq!(gateway.status("web").await["phase"], "awake");
    assert_eq!(gateway.manage("DELETE", lease, "").await.status, 204);
    gateway.phase("web", "asleep").await;

    // One that runs out is as good as given back.
    assert_eq!(gateway.manage("PUT", lease, r#"{"for":"500ms"}"#).await.status, 200);
    gateway.phase("web", "awake").await;
    gateway.phase("web", "asleep").await;
}

#[tokio::test]
async fn the_waiting_page_does_not_keep_it_awake() {
    let scene = Scene::new();
    let limits = json!({ "page_after": "20ms", "idle_after": "300ms" });
    let web = scene.service("web", &[(BOOT, "web")], limits);
    let gateway = scene.start(&config([("web", web)])).await;
    // Open all the time, and never read to its end.
    let page = gateway.head(navigation("/")).await;
    assert_eq!(page.status(), 503);
    scene.allow("web");
    gateway.phase("web", "awake").await;
    gateway.phase("web", "asleep").await;
    drop(page);
    assert_eq!(scene.starts("web"), 1);
}

#[tokio::test]
async fn rules_say_what_wakes_and_what_counts() {
    let scene = Scene::new();
    let rules = json!([
        { "path": "/poll", "action": "counts" },
        { "user_agent": "*monitor*", "action": "served_if_awake" },
        { "path": "/ping", "action": "answered_while_asleep",
          "answer": { "status": 204, "headers": { "x-asleep": "yes" } } },
    ]);
    let gateway = sleepy(&scene, json!({ "rules": rules })).await;

    for (request, status) in [(get("/poll"), 503), (from("My Monitor/1", "/"), 503), (get("/ping"), 204)] {
        let answer = gateway.ask(request).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(answer.headers.contains_key("retry-after"), status == 503, "{answer:?}");
    }
    let status = gateway.status("web").await;
    assert_eq!((&status["phase"], scene.starts("web")), (&json!("asleep"), 0));

    // What counts does not wake, but keeps awake.
    gateway.get("/").await.is_from("web");
    quiet_time_passes(&gateway, async || gateway.get("/poll").await.is_from("web")).await;
    assert_eq!((&gateway.status("web").await["phase"], scene.starts("web")), (&json!("awake"), 1));

    // What is only served does not even that.
    let mut served = 0;
    let last = loop {
        let answer = gateway.ask(from("My Monitor/1", "/")).await;
        if answer.status != 200 {
            break answer;
        }
        served += 1;
    };
    assert!(served > 0);
    last.is_problem(503, "asleep");
    gateway.phase("web", "asleep").await;
    assert_eq!(scene.starts("web"), 1);
}

#[tokio::test]
async fn the_preset_lets_nobody_wake_who_is_not_meant_to() {
    let scene = Scene::new();
    let gateway = sleepy(&scene, Value::Null).await;
    let healthy = gateway.ask(from("ELB-HealthChecker/2.0", "/")).await;
    assert_eq!(healthy.status, 200, "a load balancer must not take the gateway for dead");
    let crawler = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
    for request in [
        from(crawler, "/"),
        from("Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", "/"),
        from("Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)", "/"),
        from("Mozilla/5.0 (X11; Linux x86_64)", "/.env"),
        get("/favicon.ico"),
    ] {
        let answer = gateway.ask(request).await;
        answer.is_problem(503, "asleep");
        assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
    }
    let status = gateway.status("web").await;
    assert_eq!((&status["phase"], scene.starts("web")), (&json!("asleep"), 0));
    // Awake, it serves them.
    gateway.get("/").await.is_from("web");
    gateway.ask(from(crawler, "/")).await.is_from("web");
}
