//! A gateway that stood still, as a frozen machine does, has seen no quiet.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;

use crate::binary_kit::{Scene, config};

#[tokio::test]
async fn a_standstill_puts_nothing_to_sleep() {
    let scene = Scene::new();
    let mut config = config([("web", scene.service("web", &[], json!({})))]);
    config["defaults"]["idle_after"] = json!("2s");
    let gateway = scene.start(&config).await;
    gateway.get("/").await.is_from("web");
    // Half of the quiet it takes passes first. It does not count afterwards.
    gateway.until("web", |status| status["idle_for_seconds"].as_f64().is_some_and(|it| it >= 1.0)).await;
    gateway.signal(Signal::STOP);
    tokio::time::sleep(Duration::from_secs(4)).await;
    gateway.signal(Signal::CONT);
    let went_on = now();
    assert_eq!(gateway.status("web").await["phase"], "awake");
    gateway.until("web", |status| status["phase"] != "awake").await;
    let stayed = went_on.elapsed();
    assert!(stayed >= Duration::from_millis(1_900), "put to sleep {stayed:?} after it went on");
}

#[expect(clippy::disallowed_methods, reason = "how long a real process takes")]
fn now() -> Instant {
    Instant::now()
}
