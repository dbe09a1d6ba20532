//! A gateway before a simulated AWS, both in processes of their own: what the tests of the whole on ECS share.

use std::collections::BTreeMap;
use std::time::Duration;

use http::{Method, Request, header};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::binary_kit::{Answer, Gateway, Scene, get, merge, wakegate};
use crate::ecs_kit::Process;
use crate::proxy_kit::{TestBody, ask, full, soon, text};

/// So much faster than the real ECS that a wake takes a little more than a second.
pub(crate) const SPEED: f64 = 20.0;

/// The account that the simulator plays.
const ACCOUNT: &str = "123456789012";

/// A simulated AWS with services, and a gateway that knows them by the same names.
pub(crate) struct Rig {
    pub(crate) aws: Process,
    pub(crate) gateway: Gateway,
    _scene: Scene,
}

/// A service on ECS, as the gateway's configuration has it.
pub(crate) fn on_ecs(name: &str, change: Value) -> Value {
    let mut service = json!({
        "ecs": { "cluster": "demo", "service": name, "port": 8080 },
        "health": { "path": "/healthz", "interval": "20ms" },
    });
    merge(&mut service, change);
    service
}

/// A configuration of these services: each is routed by its name as the first part of the path. Nobody goes to sleep
/// during a test that does not say so.
pub(crate) fn config(services: &[(&str, Value)], change: Value) -> Value {
    let routes: Vec<Value> = services
        .iter()
        .map(|(name, _)| json!({ "path": format!("/{name}/*"), "service": name }))
        .chain([json!({ "service": services[0].0 })])
        .collect();
    let services: BTreeMap<&str, &Value> = services.iter().map(|(name, service)| (*name, service)).collect();
    let mut config = json!({
        "listeners": [{ "address": "127.0.0.1:0" }],
        "admin": { "address": "127.0.0.1:0" },
        "defaults": { "idle_after": "1h", "hold_timeout": "1m" },
        "shutdown": { "drain_delay": "0s", "drain_timeout": "1s" },
        "aws": { "budget_percent": 100, "poll_every": "100ms", "reconcile_every": "250ms", "settle": "400ms" },
        "services": services,
        "routes": routes,
    });
    merge(&mut config, change);
    config
}

/// A simulated AWS whose times are the same each time, and whose buckets never run dry.
pub(crate) async fn aws() -> Process {
    let aws = Process::start(SPEED).await;
    aws.set(json!({ "jitter": 0.0, "buckets": false })).await;
    aws
}

impl Rig {
    /// Makes the services in ECS, with apps that boot in no time, starts the gateway, and waits until it knows all.
    pub(crate) async fn start(services: &[Value], config: &Value) -> Self {
        let aws = aws().await;
        Self::before(aws, services, config).await
    }

    /// The same before an AWS that was prepared.
    pub(crate) async fn before(aws: Process, services: &[Value], config: &Value) -> Self {
        aws.create(services.iter().map(with_app).collect()).await;
        let rig = Self::unprepared(aws, config).await;
        for name in config["services"].as_object().unwrap().keys() {
            rig.gateway.until(name, |status| status["phase"] != "unknown").await;
        }
        rig
    }

    /// Starts the gateway before this AWS; nothing is waited for but that it listens.
    pub(crate) async fn unprepared(aws: Process, config: &Value) -> Self {
        let scene = Scene::new();
        let path = scene.write(&config.to_string());
        let mut command = wakegate(&["serve", "--config"]);
        let mut gateway = Gateway::spawn(command.arg(path).envs(aws.environment()));
        gateway.listens().await;
        Self { aws, gateway, _scene: scene }
    }

    /// Asks the service until it is awake, and fails unless it answers.
    pub(crate) async fn wake(&self, name: &str) {
        let path = format!("/{name}/");
        match tokio::time::timeout(Duration::from_secs(15), self.gateway.get(&path)).await {
            Ok(answer) => answered_by(&answer, name),
            Err(_) => panic!("{name} was not woken\n{}", self.story(name).await),
        }
    }

    /// What there is to know when a test fails: the status, the log, the calls.
    async fn story(&self, name: &str) -> String {
        let calls = self.aws.calls().await;
        let line = |call: &Value| {
            format!("{} {} {} {}", call["at_ms"], call["action"], call["services"], call["outcome"])
        };
        let calls: Vec<String> = calls.iter().map(line).collect();
        let (status, log) = (self.gateway.status(name).await, self.gateway.log().all());
        format!("{status:#}\n{}\n{}\n{:#}", log.join("\n"), calls.join("\n"), self.aws.service(name).await)
    }

    /// Waits until the service in ECS is as it should be.
    pub(crate) async fn until(&self, name: &str, is: impl Fn(&Value) -> bool) -> Value {
        until(&self.aws, name, is).await
    }

    /// The calls so far of this action that name this service.
    pub(crate) async fn calls_of(&self, action: &str, service: &str) -> Vec<Value> {
        let named = |call: &Value| call["services"].as_array().unwrap().iter().any(|name| name == service);
        let calls = self.aws.calls().await.into_iter();
        calls.filter(|call| call["action"] == action && named(call)).collect()
    }

    /// The desired counts that the gateway asked for, in their order.
    pub(crate) async fn counts_asked(&self, service: &str) -> Vec<u64> {
        let calls = self.calls_of("UpdateService", service).await;
        calls.iter().map(|call| call["request"]["desiredCount"].as_u64().unwrap()).collect()
    }

    /// Asks a service again and again, one request after the other, until told to stop.
    pub(crate) fn load(&self, path: &str) -> Load {
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let (address, path) = (self.gateway.address, path.to_owned());
        let task = tokio::spawn(async move {
            let mut answers = Vec::new();
            while !*stopped.borrow() {
                let id = answers.len().to_string();
                let request = Request::get(&path).header(header::HOST, "shop.example");
                let request = request.header("x-request-id", id).body(full("")).unwrap();
                answers.push(Answer::of(ask(address, request).await).await);
                // One in a while is enough, and leaves the processor to the others.
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            answers
        });
        Load { stop, task }
    }
}

/// Somebody who asks all the time.
pub(crate) struct Load {
    stop: tokio::sync::watch::Sender<bool>,
    task: JoinHandle<Vec<Answer>>,
}

impl Load {
    /// Ends it. Gives back all answers.
    pub(crate) async fn end(self) -> Vec<Answer> {
        self.stop.send_replace(true);
        soon(self.task).await.unwrap()
    }
}

/// Waits until a service in ECS is as it should be.
pub(crate) async fn until(aws: &Process, name: &str, is: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    let asking = async {
        loop {
            last = aws.service(name).await;
            if is(&last) {
                break;
            }
            // As good as an event: nothing tells of one here.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let reached = tokio::time::timeout(Duration::from_secs(20), asking).await;
    assert!(reached.is_ok(), "{name} stays {last:#}");
    last
}

/// Fails unless a task of this service has answered.
pub(crate) fn answered_by(answer: &Answer, service: &str) {
    assert_eq!((answer.status.as_u16(), answer.header("x-service")), (200, service), "{answer:?}");
}

/// A request that can be found again in what the apps saw.
pub(crate) fn numbered(path: &str, id: &str) -> Request<TestBody> {
    let mut request = get(path);
    request.headers_mut().insert("x-request-id", id.parse().unwrap());
    request
}

/// What the apps saw of requests with an id: none of the probes.
pub(crate) async fn visits(aws: &Process) -> Vec<Value> {
    aws.requests().await.into_iter().filter(|seen| seen["id"] != "").collect()
}

/// A call of one of AWS's JSON APIs, as any other user makes it.
pub(crate) async fn call(aws: &Process, target: &str, body: &Value) -> Value {
    let scope = match target.split_once('.').unwrap().0 {
        "AnyScaleFrontendService" => "application-autoscaling",
        _ => "ecs",
    };
    let credentials = format!("AWS4-HMAC-SHA256 Credential=A/20260101/eu-central-1/{scope}/aws4_request");
    let request = Request::builder()
        .method(Method::POST)
        .uri("/")
        .header(header::HOST, aws.address.to_string())
        .header(header::AUTHORIZATION, credentials)
        .header(header::CONTENT_TYPE, "application/x-amz-json-1.1")
        .header("x-amz-target", target)
        .body(full(body.to_string()))
        .unwrap();
    let response = ask(aws.address, request).await;
    let status = response.status();
    let said = text(response).await;
    assert!(status.is_success(), "{target}: {status}: {said}");
    serde_json::from_str(&said).unwrap()
}

/// The ARN of a target group that was made with this name.
pub(crate) async fn target_group(aws: &Process, group: &Value) -> String {
    let made = aws.control(Method::POST, "target-groups", group.clone()).await;
    made["arn"].as_str().unwrap().to_owned()
}

/// The URL of a queue of this name.
pub(crate) fn queue_url(aws: &Process, name: &str) -> String {
    format!("http://{}/{ACCOUNT}/{name}", aws.address)
}

/// Its app boots in no time, unless it says otherwise.
fn with_app(service: &Value) -> Value {
    let mut plain = json!({ "app": { "boot_ms": 20, "farewell_ms": 20 } });
    merge(&mut plain, service.clone());
    plain
}
