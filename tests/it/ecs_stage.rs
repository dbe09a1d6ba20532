//! The binary before a simulated AWS, each a process of its own, and the wire between the two in the test's hands.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{Method, Request};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::binary_kit::{Answer, Gateway, Ran, Scene, get, merge, run, wakegate};
use crate::ecs_kit::Process;
use crate::proxy_kit::{ask, full, soon};

/// How many times faster than the real one the simulated AWS is: a task runs one second after it was asked for.
const SPEED: f64 = 21.0;

/// An AWS, a wire to it, and a place for configurations.
pub(crate) struct Stage {
    pub(crate) aws: Process,
    pub(crate) wire: Wire,
    pub(crate) scene: Scene,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let aws = Process::start(SPEED).await;
        aws.set(json!({ "jitter": 0.0 })).await;
        Self { wire: Wire::to(aws.address).await, aws, scene: Scene::new() }
    }

    /// The same with asleep services of these names.
    pub(crate) async fn with(names: &[&str]) -> Self {
        let stage = Self::new().await;
        stage.create(names).await;
        stage
    }

    /// Makes services that sleep and whose apps boot fast.
    pub(crate) async fn create(&self, names: &[&str]) {
        let all =
            names.iter().map(|name| json!({ "name": name, "app": { "boot_ms": 20, "farewell_ms": 50 } }));
        self.aws.create(Value::Array(all.collect())).await;
    }

    /// A command in an environment where the simulated AWS is all there is of AWS.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = wakegate(args);
        for name in ["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION", "AWS_CONFIG_FILE"] {
            command.env_remove(name);
        }
        command.envs(self.aws.environment()).env("AWS_ENDPOINT_URL", format!("http://{}", self.wire.address));
        command.env("AWS_EC2_METADATA_DISABLED", "true").env("HOME", self.scene.path());
        command
    }

    /// Starts a gateway, and waits until it listens.
    pub(crate) async fn serve(&self, config: &Value) -> Gateway {
        let path = self.scene.write(&config.to_string());
        let mut gateway = Gateway::spawn(self.command(&["serve", "--config"]).arg(path));
        gateway.listens().await;
        gateway
    }

    /// Starts a gateway, and waits until it has seen that all its services are asleep.
    pub(crate) async fn start(&self, config: &Value) -> Gateway {
        let gateway = self.serve(config).await;
        for name in config["services"].as_object().unwrap().keys() {
            gateway.phase(name, "asleep").await;
        }
        gateway
    }

    /// Runs the binary to its end, with this configuration.
    pub(crate) async fn run(&self, args: &[&str], config: &Value) -> Ran {
        let path = self.scene.write(&config.to_string());
        run(self.command(args).arg("--config").arg(path)).await
    }

    /// A call of Application Auto Scaling's API, as an operator makes it.
    pub(crate) async fn scaling(&self, action: &str, params: Value) -> Value {
        let request = Request::post("/").header("host", self.aws.address.to_string());
        let request = request.header("content-type", "application/x-amz-json-1.1");
        // It must be signed; by whom is no matter.
        let request = request.header("authorization", "AWS4-HMAC-SHA256 Credential=operator");
        let request = request.header("x-amz-target", format!("AnyScaleFrontendService.{action}"));
        let answer = ask(self.aws.address, request.body(full(params.to_string())).unwrap()).await;
        let answer = Answer::of(answer).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        serde_json::from_str(&answer.body).unwrap()
    }

    /// Turns a fault off.
    pub(crate) async fn clear(&self, fault: u64) {
        self.aws.control(Method::DELETE, &format!("faults/{fault}"), Value::Null).await;
    }

    /// Waits until so many calls of an action have begun.
    pub(crate) async fn called(&self, action: &str, times: usize) {
        soon(async { while self.calls_of(action).await.len() < times {} }).await;
    }

    /// Milliseconds by the clock of the simulated AWS.
    pub(crate) async fn clock(&self) -> u64 {
        self.aws.control(Method::GET, "state", Value::Null).await["now_ms"].as_u64().unwrap()
    }

    /// Waits until a service of the simulated AWS is as it should be.
    pub(crate) async fn until(&self, name: &str, is: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let asking = async {
            loop {
                last = self.aws.service(name).await;
                if is(&last) {
                    break;
                }
            }
        };
        let reached = tokio::time::timeout(Duration::from_secs(20), asking).await;
        assert!(reached.is_ok(), "{name} stays {last:#}");
        last
    }

    /// The calls of one action so far.
    pub(crate) async fn calls_of(&self, action: &str) -> Vec<Value> {
        let calls = self.aws.calls().await;
        calls.into_iter().filter(|call| call["action"] == action).collect()
    }

    /// The desired counts that a service was given so far, in order, by calls that AWS carried out.
    pub(crate) async fn counts_of(&self, service: &str) -> Vec<u64> {
        let calls = self.calls_of("UpdateService").await;
        let its = calls.iter().filter(|call| call["outcome"] == "ok" && call["services"] == json!([service]));
        its.filter_map(|call| call["request"]["desiredCount"].as_u64()).collect()
    }

    /// The paths of the requests that a service's tasks saw, health checks left out.
    pub(crate) async fn seen_by(&self, service: &str) -> Vec<Value> {
        let mut seen = self.aws.requests().await;
        seen.retain(|request| request["service"] == service && request["path"] != HEALTH);
        seen
    }
}

const HEALTH: &str = "/healthz";

/// A service of the cluster `demo`.
pub(crate) fn ecs(name: &str, change: Value) -> Value {
    let mut service = json!({
        "ecs": { "cluster": "demo", "service": name, "port": 8080 },
        "health": { "path": HEALTH, "interval": "40ms", "timeout": "500ms" },
    });
    merge(&mut service, change);
    service
}

/// A configuration of services of the cluster `demo`, each routed by its name as the first part of the path. The
/// gateway looks often and nobody goes to sleep, unless a test says otherwise.
pub(crate) fn config(services: &[(&str, Value)]) -> Value {
    let routes: Vec<Value> = services
        .iter()
        .map(|(name, _)| json!({ "path": format!("/{name}/*"), "service": name, "strip_prefix": format!("/{name}") }))
        .collect();
    let services: serde_json::Map<_, _> =
        services.iter().map(|(name, change)| ((*name).to_owned(), ecs(name, change.clone()))).collect();
    json!({
        "listeners": [{ "address": "127.0.0.1:0" }],
        "admin": { "address": "127.0.0.1:0" },
        "defaults": { "idle_after": "1h", "hold_timeout": "1m", "wake_timeout": "2m" },
        "shutdown": { "drain_delay": "0s", "drain_timeout": "1s" },
        "aws": {
            "poll_every": "100ms", "reconcile_every": "300ms", "settle": "300ms", "request_timeout": "1s",
            "budget_percent": 100,
        },
        "services": services,
        "routes": routes,
    })
}

/// The same for services about which nothing is special.
pub(crate) fn plain(names: &[&str]) -> Value {
    config(&names.iter().map(|name| (*name, json!({}))).collect::<Vec<_>>())
}

/// What the simulated apps answer.
pub(crate) trait FromTask {
    /// Fails unless a task of this service answered.
    fn is_served_by(&self, service: &str);
    /// Fails unless it is the gateway's own, and tells nothing of the inside.
    fn is_safe(&self, status: u16, code: &str);
}

impl FromTask for Answer {
    fn is_served_by(&self, service: &str) {
        assert_eq!(self.status, 200, "{self:?}");
        assert_eq!(self.header("x-service"), service, "{self:?}");
    }

    fn is_safe(&self, status: u16, code: &str) {
        self.is_problem(status, code);
        let said = format!("{:?} {}", self.headers, self.body).to_lowercase();
        for secret in INSIDE {
            assert!(!said.contains(secret), "a visitor was told `{secret}`: {said}");
        }
    }
}

/// Nothing that a visitor is to learn: names of ARNs, the account, actions, clusters, images, tasks, addresses, keys.
const INSIDE: [&str; 13] = [
    "arn:",
    "111122223333",
    "123456789012",
    "ecs:",
    "demo",
    "amazonaws",
    "registry",
    "task ",
    "127.",
    "simulated",
    "cannotpull",
    "role",
    "asm",
];

// === The wire ===

/// The way to AWS, which can be made to fail without anything else of AWS's failing.
pub(crate) struct Wire {
    pub(crate) address: SocketAddr,
    mood: Arc<watch::Sender<Mood>>,
}

/// What becomes of what is sent over the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// It arrives.
    Passes,
    /// Connections are cut, and new ones are cut at once.
    Refuses,
    /// Nothing arrives any more, and nothing is said about it.
    Swallows,
}

impl Wire {
    async fn to(aws: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mood = Arc::new(watch::Sender::new(Mood::Passes));
        let moods = mood.subscribe();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(carry(stream, aws, moods.clone()));
            }
        });
        Self { address, mood }
    }

    pub(crate) fn set(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }
}

async fn carry(mut near: TcpStream, aws: SocketAddr, mut moods: watch::Receiver<Mood>) {
    if *moods.borrow() == Mood::Passes {
        let Ok(mut far) = TcpStream::connect(aws).await else { return };
        tokio::select! {
            _ = tokio::io::copy_bidirectional(&mut near, &mut far) => return,
            _ = moods.wait_for(|mood| *mood != Mood::Passes) => {}
        }
    }
    // Open and silent as long as the wire swallows; then it is cut.
    drop(moods.wait_for(|mood| *mood != Mood::Swallows).await);
}

/// A request that may take a minute, in a task of its own; none where the connection is cut before it is answered.
pub(crate) fn probe(gateway: &Gateway, path: &str) -> JoinHandle<Option<Answer>> {
    let (address, request) = (gateway.address, get(path));
    tokio::spawn(async move {
        let stream = TcpStream::connect(address).await.ok()?;
        let (mut client, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
        tokio::spawn(connection);
        let response = tokio::time::timeout(Duration::from_secs(60), client.send_request(request)).await;
        Some(Answer::of(response.expect("a minute is enough").ok()?).await)
    })
}

/// Asks for a path again and again, each time on a connection of its own.
pub(crate) struct Steady {
    answered: watch::Receiver<u64>,
    ends: Arc<AtomicBool>,
    answers: JoinHandle<Vec<Answer>>,
}

impl Steady {
    pub(crate) fn begin(gateway: &Gateway, path: &str) -> Self {
        let (address, path) = (gateway.address, path.to_owned());
        let ends = Arc::new(AtomicBool::new(false));
        let (count, answered) = watch::channel(0);
        let end = ends.clone();
        let answers = tokio::spawn(async move {
            let mut answers = Vec::new();
            while !end.load(Ordering::Relaxed) {
                answers.push(Answer::of(ask(address, get(&path)).await).await);
                count.send_modify(|count| *count += 1);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            answers
        });
        Self { answered, ends, answers }
    }

    /// Waits for so many answers more.
    pub(crate) async fn more(&self, count: u64) {
        let mut answered = self.answered.clone();
        let enough = *answered.borrow() + count;
        soon(answered.wait_for(|count| *count >= enough)).await.unwrap();
    }

    /// Ends it, and fails unless every answer came from this service.
    pub(crate) async fn all_served_by(self, service: &str) -> usize {
        self.ends.store(true, Ordering::Relaxed);
        let answers = soon(self.answers).await.unwrap();
        for answer in &answers {
            answer.is_served_by(service);
        }
        answers.len()
    }
}
