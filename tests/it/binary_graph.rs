//! A graph of four behind one address: it wakes at the first hit, sleeps when left alone, and ends with the gateway.

use http_body_util::BodyExt;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::binary_kit::{Answer, Gateway, Scene, config, get, gone, navigation, phases, wakegate};
use crate::binary_service::BOOT;
use crate::proxy_kit::{ask, soon};

/// `web` needs `api`, which needs `db`; `worker` is started along. Those with a port wait for a file before they boot.
fn four(scene: &Scene) -> Value {
    config([
        (
            "web",
            scene.service(
                "web",
                &[(BOOT, "web")],
                json!({
                    "depends_on": { "api": {}, "worker": { "condition": "started" } },
                    "page_after": "50ms",
                }),
            ),
        ),
        ("api", scene.service("api", &[(BOOT, "api")], json!({ "depends_on": ["db"] }))),
        ("db", scene.service("db", &[(BOOT, "db")], json!({}))),
        ("worker", scene.worker("worker")),
    ])
}

#[tokio::test]
async fn the_first_hit_wakes_all_and_the_page_gives_way_to_the_application() {
    let scene = Scene::new();
    let gateway = scene.start(&four(&scene)).await;

    let mut page = gateway.head(navigation("/")).await;
    assert_eq!(page.status(), 503);
    let header = |name: &str| page.headers()[name].to_str().unwrap().to_owned();
    assert!(header("retry-after").parse::<u32>().unwrap() >= 1);
    assert_eq!(header("cache-control"), "no-store");
    assert!(header("content-type").starts_with("text/html"));
    // It streams: this much is there while nothing has booted.
    let beginning = soon(page.body_mut().frame()).await.unwrap().unwrap().into_data().unwrap();
    assert!(std::str::from_utf8(&beginning).unwrap().contains("<html"));

    let held = gateway.asking(get("/data"));
    gateway.held("web", 1).await;
    for name in ["web", "api", "db"] {
        gateway.phase(name, "waking").await;
    }
    gateway.phase("worker", "awake").await;
    scene.allow("web");
    scene.allow("api");
    // Both boot now, but neither may be opened to: their dependency is not healthy.
    gateway.until("api", |status| status["healthy"] == 1).await;
    gateway.until("web", |status| status["healthy"] == 1).await;
    gateway.held("web", 1).await;
    assert_eq!(gateway.status("web").await["phase"], "waking");
    scene.allow("db");

    soon(held).await.unwrap().is_from("web");
    let rest = soon(page.into_body().collect()).await.expect("the page ends as it should").to_bytes();
    assert!(!rest.is_empty());
    gateway.ask(navigation("/")).await.is_from("web");
    for name in ["web", "api", "db", "worker"] {
        assert_eq!(scene.starts(name), 1, "{name}");
    }
}

#[tokio::test]
async fn left_alone_all_sleep_dependents_first_and_wake_again() {
    let scene = Scene::new();
    let mut config = four(&scene);
    config["defaults"]["idle_after"] = json!("300ms");
    let gateway = scene.start(&config).await;
    for name in ["web", "api", "db"] {
        scene.allow(name);
    }
    gateway.get("/").await.is_from("web");
    for name in ["web", "api", "db", "worker"] {
        gateway.phase(name, "asleep").await;
    }
    let all_asleep = |lines: &[String]| {
        let phases = phases(lines);
        let at = |name: &str, phase: &str| {
            phases.iter().rposition(|(whose, to)| (whose.as_str(), to.as_str()) == (name, phase))
        };
        // In the log only what came after the start matters: each has been stopped.
        for name in ["web", "api", "db", "worker"] {
            at(name, "stopping").filter(|stopping| at(name, "asleep").is_some_and(|at| at > *stopping))?;
        }
        let order = |first: &str, second: &str| at(first, "asleep") < at(second, "draining");
        Some(order("web", "api") && order("api", "db") && order("web", "worker"))
    };
    assert!(gateway.log().find(all_asleep).await, "{:?}", phases(&gateway.log().all()));

    gateway.get("/").await.is_from("web");
    for name in ["web", "api", "db", "worker"] {
        assert_eq!(scene.starts(name), 2, "{name}");
    }
}

/// A gateway with `web` and `db` awake, and a connection to each of them.
async fn two_awake(scene: &Scene) -> (Gateway, Vec<TcpStream>) {
    let config = config([
        ("web", scene.service("web", &[], json!({ "depends_on": ["db"] }))),
        ("db", scene.service("db", &[], json!({}))),
    ]);
    let gateway = scene.start(&config).await;
    gateway.get("/").await.is_from("web");
    let lifelines = gateway.lifelines(&["web", "db"]).await;
    (gateway, lifelines)
}

#[tokio::test]
async fn a_signal_ends_it_well_and_leaves_no_child() {
    for signal in [Signal::TERM, Signal::INT] {
        let scene = Scene::new();
        let (mut gateway, lifelines) = two_awake(&scene).await;
        gateway.signal(signal);
        assert_eq!(gateway.ended().await.code(), Some(0), "{:#?}", gateway.log().all());
        gone(lifelines).await;
    }
}

#[tokio::test]
async fn what_is_in_flight_at_the_signal_is_answered() {
    let scene = Scene::new();
    let mut config = config([("web", scene.service("web", &[], json!({})))]);
    config["shutdown"]["drain_timeout"] = json!("1m");
    let mut gateway = scene.start(&config).await;
    let slow = gateway.asking(get("/wait/slow"));
    gateway.until("web", |status| status["in_flight"] == 1).await;
    gateway.signal(Signal::TERM);
    gateway.logs("SIGTERM").await;
    gateway.still_runs();
    scene.allow("slow");
    assert_eq!(soon(slow).await.unwrap().body, "waited");
    assert_eq!(gateway.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_kill_leaves_no_child_either() {
    let scene = Scene::new();
    let (mut gateway, lifelines) = two_awake(&scene).await;
    gateway.signal(Signal::KILL);
    assert_eq!(gateway.ended().await.code(), None);
    gone(lifelines).await;
}

#[tokio::test]
async fn the_demo_wakes_shows_what_passed_through_and_leaves_no_child() {
    let args = ["demo", "--address", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
    let mut gateway = Gateway::spawn(&mut wakegate(&args));
    let told = |before: &'static str| {
        gateway.out().find(move |lines| {
            let after = lines.iter().find_map(|line| line.split_once(before))?.1;
            after.split('/').next()?.trim().parse().ok()
        })
    };
    (gateway.address, gateway.admin) = (told("Open  http://").await, told("--admin http://").await);
    gateway.phase("web", "asleep").await;
    let page = Answer::of(ask(gateway.address, get("/")).await).await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(page.body.contains("visit number <strong>1</strong>"), "{}", page.body);
    let lifelines = gateway.lifelines(&["web", "api", "db"]).await;
    gateway.signal(Signal::INT);
    assert_eq!(gateway.ended().await.code(), Some(0));
    gone(lifelines).await;
}

#[tokio::test]
async fn who_is_held_at_the_signal_is_told_before_the_end() {
    let scene = Scene::new();
    let mut config = config([("web", scene.service("web", &[(BOOT, "never")], json!({})))]);
    config["shutdown"]["drain_timeout"] = json!("600ms");
    let mut gateway = scene.start(&config).await;
    let held = gateway.asking(get("/"));
    gateway.held("web", 1).await;
    gateway.signal(Signal::TERM);
    let answer = soon(held).await.unwrap();
    answer.is_problem(503, "going_down");
    assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
    assert_eq!(gateway.ended().await.code(), Some(0));
}
