//! The ECS simulator as a process of its own: this test program, run once more. It is what `examples/ecs_simulator.rs`
//! is, but never older than the tests.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{Method, Request, header};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

use crate::proxy_kit::{ask, full, soon, text};
use crate::simulator::handle::Simulator;
use crate::simulator::loopback::{self, Loopback};
use crate::simulator::pool::Pool;

/// How many times faster than the real one it is. It also says that it is to be run at all.
const SPEED: &str = "ECS_SIMULATOR_SPEED";
const ARGUMENTS: [&str; 4] = ["--exact", "ecs_kit::a_simulator_for_a_test", "--ignored", "--nocapture"];
const AT: &str = "the simulated AWS is at ";

#[test]
#[ignore = "what other tests run as their AWS"]
fn a_simulator_for_a_test() {
    let Ok(speed) = std::env::var(SPEED) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let simulator = Simulator::new(1, loopback::clock(), Arc::new(Loopback::default()));
        simulator.set_addresses(Pool::loopback(std::process::id()));
        // Events are believed by their age: by the clock that the gateway has.
        simulator.set_epoch(SystemTime::now().duration_since(UNIX_EPOCH).unwrap());
        simulator.set_timings(|timings| timings.speed = speed.parse().unwrap());
        let listener = TcpListener::bind(loopback::ANY_PORT).await.unwrap();
        println!("\n{AT}{}", listener.local_addr().unwrap());
        let ticking = simulator.clone();
        tokio::spawn(async move { ticking.tick().await });
        loopback::serve_api(simulator, listener).await;
    });
}

/// A simulated AWS. It ends with this.
pub(crate) struct Process {
    pub(crate) address: SocketAddr,
    _process: Child,
}

impl Process {
    /// Starts one that is so many times faster than the real one.
    pub(crate) async fn start(speed: f64) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(ARGUMENTS).env(SPEED, speed.to_string()).kill_on_drop(true);
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let address = soon(async {
            loop {
                let line = lines.next_line().await.unwrap().expect("it says where it is before it ends");
                if let Some(address) = line.strip_prefix(AT) {
                    break address.parse().unwrap();
                }
            }
        });
        let address = address.await;
        // It is read to its end: a test that runs for a minute says so, and would break off where nobody listens.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { address, _process: process }
    }

    /// What a program needs in its environment to take this for AWS.
    pub(crate) fn environment(&self) -> [(&'static str, String); 4] {
        [
            ("AWS_ENDPOINT_URL", format!("http://{}", self.address)),
            ("AWS_REGION", "eu-central-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "simulated".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "simulated".to_owned()),
        ]
    }

    /// A call of the control API; null is no body. Fails the test unless it succeeds.
    pub(crate) async fn control(&self, method: Method, path: &str, body: Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = Request::builder().method(method).uri(format!("/_simulator/{path}"));
        let request = request.header(header::HOST, self.address.to_string()).body(full(body)).unwrap();
        let response = ask(self.address, request).await;
        let status = response.status();
        let said = text(response).await;
        assert!(status.is_success(), "{path}: {status}: {said}");
        serde_json::from_str(&said).unwrap()
    }

    /// Makes services; what can be said of them is in `tests/simulator/setup.rs`.
    pub(crate) async fn create(&self, services: Value) -> Value {
        self.control(Method::POST, "services", services).await
    }

    /// Turns a fault on, and says by which number it can be turned off.
    pub(crate) async fn fault(&self, fault: Value) -> u64 {
        self.control(Method::POST, "faults", fault).await["fault"].as_u64().unwrap()
    }

    /// Changes settings.
    pub(crate) async fn set(&self, settings: Value) {
        self.control(Method::PUT, "settings", settings).await;
    }

    /// Sets a desired count of a service of the cluster `demo`, as somebody else would.
    pub(crate) async fn set_desired(&self, service: &str, count: u32) {
        self.control(Method::POST, &format!("services/demo/{service}/desired"), json!({ "count": count }))
            .await;
    }

    /// A service of the cluster `demo`, with its tasks.
    pub(crate) async fn service(&self, name: &str) -> Value {
        self.control(Method::GET, &format!("services/demo/{name}"), Value::Null).await
    }

    /// Every API call so far.
    pub(crate) async fn calls(&self) -> Vec<Value> {
        serde_json::from_value(self.control(Method::GET, "calls", Value::Null).await).unwrap()
    }

    /// Every request that any app saw so far.
    pub(crate) async fn requests(&self) -> Vec<Value> {
        serde_json::from_value(self.control(Method::GET, "requests", Value::Null).await).unwrap()
    }
}

#[tokio::test]
async fn the_simulator_runs_as_a_process_and_can_be_steered() {
    let aws = Process::start(200.0).await;
    assert!(aws.environment().contains(&("AWS_ENDPOINT_URL", format!("http://{}", aws.address))));
    aws.set(json!({ "jitter": 0.0 })).await;
    aws.create(json!({ "name": "web", "port": 8080, "app": { "boot_ms": 10 } })).await;
    let fault = aws.fault(json!({ "kind": "throttle", "times": 1 })).await;
    aws.control(Method::DELETE, &format!("faults/{fault}"), Value::Null).await;
    aws.set_desired("web", 1).await;
    let task = soon(async {
        loop {
            let service = aws.service("web").await;
            if service["running"] == 1 {
                break service["tasks"][0].clone();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    let task = task.await;
    let address: SocketAddr = format!("{}:8080", task["ip"].as_str().unwrap()).parse().unwrap();
    // It boots on while it runs already.
    soon(async {
        while TcpStream::connect(address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let request = Request::get("/a?b").header(header::HOST, "shop").header("x-request-id", "17");
    let answer = ask(address, request.body(full("")).unwrap()).await;
    assert_eq!(answer.headers()["x-task"], task["arn"].as_str().unwrap());
    let seen = aws.requests().await;
    assert_eq!(
        (&seen[0]["id"], &seen[0]["path"], &seen[0]["service"]),
        (&json!("17"), &json!("/a?b"), &json!("web"))
    );
    assert!(aws.calls().await.is_empty(), "steering it is no call of AWS's");
}
