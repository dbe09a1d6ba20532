//! Tables of what a client sends and what comes of it.

use std::net::SocketAddr;

use serde_json::json;

use super::client::Wire;
use super::frames::{Ended, H2};
use super::notation::bytes;
use super::witness::{CUT, Witness};
use crate::binary_kit::{Gateway, Scene, wakegate};

/// What is to come of what a client sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Want {
    /// The statuses of the answers, in order.
    answers: &'static [u16],
    /// Over HTTP/2, the code of the stream's or the connection's error.
    error: Option<u32>,
    /// All that reaches the service.
    seen: &'static str,
}

/// It is answered by the service, which has seen this.
pub(super) const fn passes(seen: &'static str) -> Want {
    Want { answers: &[200], error: None, seen }
}

/// It is answered in these ways, and the service has seen this.
pub(super) const fn answered(answers: &'static [u16], seen: &'static str) -> Want {
    Want { answers, error: None, seen }
}

/// It is answered so, and the service has seen nothing.
pub(super) const fn refused(answers: &'static [u16]) -> Want {
    Want { answers, error: None, seen: "" }
}

/// It ends with an error of HTTP/2 (RFC 9113 section 7), and the service has seen nothing.
pub(super) const fn reset(code: u32) -> Want {
    Want { answers: &[], error: Some(code), seen: "" }
}

/// A name, what a client sends, what comes of it.
pub(super) type Row = (&'static str, &'static str, Want);

/// Stands in an input where the rest is sent only once the service has seen the first of it.
const PAUSE: char = '…';

const FENCE: &str = "GET /fence HTTP/1.1|host: fence||";

/// The gateway before a witness.
pub(super) struct Stage {
    pub(super) gateway: Gateway,
    pub(super) witness: Witness,
    _scene: Scene,
}

impl Stage {
    pub(super) async fn new() -> Self {
        let witness = Witness::new().await;
        let scene = Scene::new();
        let gateway = before(&scene, witness.address, "http1").await;
        Self { gateway, witness, _scene: scene }
    }
}

/// A running gateway before a service at this address.
pub(super) async fn before(scene: &Scene, service: SocketAddr, protocol: &str) -> Gateway {
    let config = json!({
        "listeners": [{ "address": "127.0.0.1:0" }],
        "trace_headers": "keep",
        "admin": { "address": "127.0.0.1:0" },
        "services": { "web": { "upstream": format!("http://{service}"), "protocol": protocol } },
        "routes": [{ "service": "web" }],
    });
    let path = scene.write(&config.to_string());
    let mut gateway = Gateway::spawn(wakegate(&["serve", "--config"]).arg(path));
    gateway.listens().await;
    gateway.phase("web", "awake").await;
    gateway
}

/// Sends each row over a connection of its own, and says of all at once which did not come out as expected.
pub(super) async fn http1(rows: &[Row]) {
    let stage = Stage::new().await;
    let mut wrong = Vec::new();
    for &(name, input, want) in rows {
        let (answers, seen) = send(&stage, input, want).await;
        if answers != want.answers || seen != want.seen {
            wrong.push(format!(
                "{name}: {input:?}\n   wanted {want:?}\n   but    {answers:?}\n   seen   {seen}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

async fn send(stage: &Stage, input: &str, want: Want) -> (Vec<u16>, String) {
    let mut client = Wire::connect(stage.gateway.address).await;
    for (at, part) in input.split(PAUSE).enumerate() {
        if at > 0 {
            stage.witness.sees_something().await;
        }
        client.write(&bytes(part)).await;
    }
    let mut answers = Vec::new();
    let mut open = true;
    // Whatever came before the fence on its connection has been dealt with when the fence is answered.
    let mut fenced = false;
    while open {
        let bodyless = answers.is_empty() && input.starts_with("HEAD ");
        let Some(answer) = client.response(bodyless).await else { break };
        if fenced && answer.body == "/fence" {
            return (answers, seen_to_fence(stage).await);
        }
        answers.push(answer.status());
        assert!(answer.whole, "{input:?}: {answer:?}");
        open = !answer.closes();
        if !fenced && open && answer.status() >= 200 {
            fenced = true;
            open = client.write(&bytes(FENCE)).await;
        }
    }
    let after = client.rest().await;
    assert!(after.is_empty(), "{input:?}: {after:?}");
    if want.seen.contains(CUT) {
        stage.witness.sees_a_cut().await;
    }
    let mut other = Wire::connect(stage.gateway.address).await;
    other.write(&bytes(FENCE)).await;
    let answer = other.response(false).await.unwrap();
    assert_eq!(answer.body, "/fence", "{input:?}: {answer:?}");
    (answers, seen_to_fence(stage).await)
}

async fn seen_to_fence(stage: &Stage) -> String {
    let seen = stage.witness.take_to(FENCE).await;
    seen.strip_suffix(FENCE).unwrap().to_owned()
}

/// The same over HTTP/2, where a row is fields, or fields, data and trailers with an empty line between them.
pub(super) async fn http2(rows: &[Row]) {
    let stage = Stage::new().await;
    let mut wrong = Vec::new();
    for &(name, input, want) in rows {
        let mut client = H2::connect(stage.gateway.address).await;
        let stream = client.send(input).await;
        let (answers, error) = match client.ended(stream).await {
            Ended::Answered { status, .. } => (vec![status], None),
            Ended::Reset { code, .. } | Ended::GoneAway(code) => (vec![], Some(code)),
        };
        let mut other = Wire::connect(stage.gateway.address).await;
        other.write(&bytes(FENCE)).await;
        other.response(false).await.unwrap();
        let seen = seen_to_fence(&stage).await;
        if answers != want.answers || error != want.error || seen != want.seen {
            wrong.push(format!(
                "{name}: {input:?}\n   wanted {want:?}\n   but    {answers:?} {error:?}\n   seen   {seen}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}
