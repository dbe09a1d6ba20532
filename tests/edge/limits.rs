//! How long clients are waited for, and how much there may be of everything.

mod abuse;
mod files;
mod frames;
mod sizes;
mod times;

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::binary_kit::{Gateway, Scene, merge, wakegate};

/// A gateway before one upstream that is always there, with these settings over its own.
async fn before(upstream: SocketAddr, settings: Value) -> (Scene, Gateway) {
    let mut config = json!({
        "listeners": [{ "address": "127.0.0.1:0" }],
        "admin": { "address": "127.0.0.1:0" },
        "services": { "web": { "upstream": format!("http://{upstream}") } },
        "routes": [{ "service": "web" }],
        "shutdown": { "drain_timeout": "1s" },
        "timeouts": {
            "handshake": "1h", "first_byte": "1h", "head": "1h", "body": "1h", "write": "1h", "idle": "1h",
        },
    });
    merge(&mut config, settings);
    let scene = Scene::new();
    let mut gateway = Gateway::spawn(wakegate(&["serve", "--config"]).arg(scene.write(&config.to_string())));
    gateway.listens().await;
    (scene, gateway)
}
