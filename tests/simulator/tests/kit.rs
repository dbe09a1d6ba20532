//! A world with a clock that is moved by hand, and hosts that only take note.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::Value;

use crate::simulator::handle::Simulator;
use crate::simulator::hosts::{End, Hosts, Run};
use crate::simulator::service::{Service, ServiceSetup};
use crate::simulator::task::{Status, Task};

/// What hosts were told: `begin ID IP` and `end ID How`.
#[derive(Debug, Default)]
pub(super) struct Notes(pub(super) Mutex<Vec<String>>);

impl Hosts for Notes {
    fn begin(&self, run: Run) {
        self.0.lock().unwrap().push(format!("begin {} {}", run.task_arn, run.ip));
    }

    fn end(&self, task_arn: &str, how: End) {
        self.0.lock().unwrap().push(format!("end {task_arn} {how:?}"));
    }
}

/// A world on the bench.
pub(super) struct Bench {
    pub(super) simulator: Simulator,
    pub(super) notes: Arc<Notes>,
    millis: Arc<AtomicU64>,
}

impl Bench {
    pub(super) fn new(seed: u64) -> Self {
        let millis = Arc::new(AtomicU64::new(0));
        let clock = {
            let millis = millis.clone();
            Arc::new(move || Duration::from_millis(millis.load(Ordering::SeqCst)))
        };
        let notes = Arc::new(Notes::default());
        Self { simulator: Simulator::new(seed, clock, notes.clone()), notes, millis }
    }

    /// A world with one service, `web` in the cluster `demo`, of this desired count.
    pub(super) fn with_web(seed: u64, desired: u32) -> Self {
        let bench = Self::new(seed);
        bench.simulator.create_service(ServiceSetup::new("demo", "web", 8080).desired(desired)).unwrap();
        bench
    }

    pub(super) fn pass(&self, millis: u64) {
        self.millis.fetch_add(millis, Ordering::SeqCst);
        self.simulator.with(|_| {});
    }

    /// Lets time pass in tenths of seconds until something is so; says how long it took, in milliseconds.
    pub(super) fn until(&self, what: &str, so: impl Fn(&Self) -> bool) -> u64 {
        let began = self.millis.load(Ordering::SeqCst);
        for _ in 0..40_000 {
            if so(self) {
                return self.millis.load(Ordering::SeqCst) - began;
            }
            self.pass(100);
        }
        panic!("never: {what}; {:#?}", self.web().events);
    }

    pub(super) fn web(&self) -> Service {
        self.simulator.service("demo", "web").unwrap()
    }

    pub(super) fn tasks(&self) -> Vec<Task> {
        self.simulator.tasks("demo", "web")
    }

    /// How many tasks run and were not told to stop.
    pub(super) fn running(&self) -> usize {
        self.tasks().iter().filter(|task| task.status == Status::Running && task.wanted()).count()
    }

    /// The messages of the service's events, the newest first.
    pub(super) fn said(&self) -> Vec<String> {
        self.web().events.into_iter().map(|event| event.message).collect()
    }

    /// Calls ECS over HTTP.
    pub(super) async fn call(&self, action: &str, params: Value) -> (StatusCode, Value) {
        let request = Request::post("/")
            .header("x-amz-target", format!("AmazonEC2ContainerServiceV20141113.{action}"))
            .header("authorization", "AWS4-HMAC-SHA256 Credential=test")
            .body(Full::new(Bytes::from(params.to_string())))
            .unwrap();
        let response = self.simulator.answer(request).await;
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }

    /// The same, for a call that has to succeed.
    pub(super) async fn ask(&self, action: &str, params: Value) -> Value {
        let (status, answer) = self.call(action, params).await;
        assert_eq!(status, 200, "{action}: {answer}");
        answer
    }
}
