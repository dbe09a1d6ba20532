//! What very many services cost while next to nothing happens: the whole gateway with its real times before the
//! simulator, in one process and in tokio's paused time, without a network in between.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use serde_json::json;
use tokio::time::sleep;
use wakegate::clock::Clock;
use wakegate::driver::Providers;
use wakegate::model::Phase;
use wakegate::net::TokioNet;
use wakegate::provider::Provider;
use wakegate::provider::ecs::{Ecs, Settings};
use wakegate::{Config, Gateway};

use crate::ecs_kit::Process;
use crate::ecs_rig::Rig;
use crate::simulator::call::Call;
use crate::simulator::handle::{Clock as Watch, Simulator};
use crate::simulator::hosts::{End, Hosts, Run};
use crate::simulator::loopback;
use crate::simulator::pool::Pool;
use crate::simulator::service::ServiceSetup;

/// The wall clock's time at the start.
const EPOCH: Duration = Duration::from_secs(1_750_000_000);
const MINUTE: Duration = Duration::from_secs(60);
/// What AWS refills the bucket of DescribeServices with each second.
const REFILL: f64 = 20.0;

// === The house ===

/// A gateway and its AWS.
struct House {
    aws: Simulator,
    gateway: Gateway,
}

impl House {
    /// So many services, the first three of which are awake, and a queue of events or none.
    async fn open(count: usize, queue: bool) -> Self {
        let watch = loopback::clock();
        let aws = Simulator::new(1, watch.clone(), Arc::new(NoHosts));
        aws.set_addresses(Pool::loopback(1));
        aws.set_epoch(EPOCH);
        for number in 0..count {
            let setup = ServiceSetup::new("demo", &name(number), 8080);
            aws.create_service(setup.desired(u32::from(number < 3))).unwrap();
        }
        let mut settings = Settings::default();
        if queue {
            let told = Full::new(Bytes::from_static(br#"{ "events": { "queue": "wakegate" } }"#));
            aws.answer(Request::put("/_simulator/settings").body(told).unwrap()).await;
            settings.queue_url = Some("http://aws.simulated/123456789012/wakegate".to_owned());
        }
        let ticking = aws.clone();
        tokio::spawn(async move { ticking.tick().await });
        // All is long quiet when the gateway comes.
        sleep(10 * MINUTE).await;

        let plan = Config::text("many", config(count)).load().unwrap_or_else(|problems| panic!("{problems}"));
        let (sdk, clock) = (sdk_config(&aws, watch), Clock::start());
        let providers = move |nudge| -> Providers {
            let ecs: Arc<dyn Provider> = Ecs::new(&sdk, settings, clock, nudge, 1);
            HashMap::from([("ecs".into(), ecs)])
        };
        let gateway = Gateway::bind(plan, Arc::new(TokioNet), clock, providers).await.unwrap();
        Self { aws, gateway }
    }

    /// Waits until every service is known, and counts them by phase.
    async fn known(&self) -> BTreeMap<&'static str, usize> {
        let gates = self.gateway.handle().control().gates();
        for gate in &gates.all {
            gate.watch()
                .wait_for(|view| !matches!(view.phase, Phase::Unknown | Phase::Waking))
                .await
                .unwrap();
        }
        let mut phases = BTreeMap::new();
        for gate in &gates.all {
            *phases.entry(gate.view().phase.as_str()).or_default() += 1;
        }
        phases
    }

    /// The calls of a time from now on, by action; fails if one was not answered well.
    async fn calls_within(&self, time: Duration) -> BTreeMap<String, usize> {
        let before = self.aws.calls().len();
        sleep(time).await;
        let mut calls = BTreeMap::new();
        for Call { action, outcome, .. } in self.aws.calls().split_off(before) {
            assert_eq!(outcome, "ok", "{action}");
            *calls.entry(action).or_default() += 1;
        }
        calls
    }
}

fn name(number: usize) -> String {
    format!("s{number:05}")
}

/// What is not said is as it is by default. Nobody goes to sleep.
fn config(count: usize) -> String {
    let mut text =
        String::from("listeners: [{ address: 127.0.0.1:0 }]\ndefaults: { idle_after: 7d }\nservices:\n");
    for name in (0..count).map(name) {
        let ecs = format!("{{ cluster: demo, service: {name}, port: 8080 }}");
        // There is no network to probe anything over.
        writeln!(text, "  {name}: {{ ecs: {ecs}, health: {{ tcp: false }} }}").unwrap();
    }
    text + "routes: [{ service: s00000 }]\n"
}

/// Containers that do nothing.
struct NoHosts;

impl Hosts for NoHosts {
    fn begin(&self, _run: Run) {}

    fn end(&self, _task_arn: &str, _how: End) {}
}

// === The SDK without a network ===

fn sdk_config(aws: &Simulator, watch: Watch) -> SdkConfig {
    let credentials = Credentials::new("AKIASIMULATION", "secret", None, None, "simulation");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url("http://aws.simulated")
        .http_client(Direct(aws.clone()))
        .time_source(SharedTimeSource::new(Wall(watch)))
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .build()
}

/// The wall clock goes as tokio's time does.
#[derive(Clone)]
struct Wall(Watch);

impl std::fmt::Debug for Wall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wall")
    }
}

impl TimeSource for Wall {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + EPOCH + (self.0)()
    }
}

/// Hands each request to the simulator.
#[derive(Clone, Debug)]
struct Direct(Simulator);

impl HttpClient for Direct {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Direct {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let aws = self.0.clone();
        HttpConnectorFuture::new(async move {
            let request =
                request.try_into_http1x().map_err(|error| ConnectorError::other(error.into(), None))?;
            let (head, body) = aws.answer(request).await.into_parts();
            let body = body.collect().await.map(|body| SdkBody::from(body.to_bytes()));
            let Ok(body) = body;
            HttpResponse::try_from(http::Response::from_parts(head, body))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

// === What it costs ===

#[tokio::test(start_paused = true)]
async fn a_thousand_quiet_services_cost_a_twelfth_of_one_bucket_and_nothing_of_any_other() {
    let house = House::open(1_000, false).await;
    assert_eq!(house.known().await, BTreeMap::from([("asleep", 997), ("awake", 3)]));
    sleep(MINUTE).await;
    let calls = house.calls_within(10 * MINUTE).await;
    assert_eq!(calls, BTreeMap::from([("DescribeServices".to_owned(), 10 * 100)]), "a hundred each minute");
    let share = 100.0 / (REFILL * 60.0);
    assert!(share < 0.1, "{share}");
}

#[tokio::test(start_paused = true)]
async fn with_events_a_thousand_quiet_services_cost_less() {
    let house = House::open(1_000, true).await;
    assert_eq!(house.known().await, BTreeMap::from([("asleep", 997), ("awake", 3)]));
    // That the queue tells of the cluster is believed once it has.
    house.aws.set_desired("demo", &name(0), 2);
    sleep(10 * MINUTE).await;
    let calls = house.calls_within(10 * MINUTE).await;
    // What changed is described in another rhythm than the others.
    let fifth = 10 * 100 / 5;
    assert!(
        (fifth..fifth + 10).contains(&calls["DescribeServices"]),
        "a fifth of what polling costs: {calls:?}"
    );
    let others: Vec<_> = calls.keys().filter(|action| *action != "DescribeServices").collect();
    assert_eq!(others, ["ReceiveMessage"], "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_services_are_known_and_looked_after_within_a_tenth_of_the_bucket() {
    let began = tokio::time::Instant::now();
    let house = House::open(10_000, false).await;
    assert_eq!(house.known().await, BTreeMap::from([("asleep", 9_997), ("awake", 3)]));
    println!("ten thousand are known after {:?}", began.elapsed() - 10 * MINUTE);
    // A round takes 500 seconds: two of its thousand calls each second.
    sleep(Duration::from_secs(500)).await;
    let calls = house.calls_within(Duration::from_secs(500)).await;
    assert_eq!(calls, BTreeMap::from([("DescribeServices".to_owned(), 1_000)]));
    house.aws.set_desired("demo", &name(7_777), 2);
    let gates = house.gateway.handle().control().gates();
    let gate = gates.get(&name(7_777)).unwrap();
    gate.watch().wait_for(|view| view.phase == Phase::Awake).await.unwrap();
}

/// The whole program, with its real times. What the program's own pages take is not counted: it is not built here as it
/// is shipped.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn ten_thousand_services_take_less_than_a_hundred_megabytes() {
    let names: Vec<String> = (0..10_000).map(name).collect();
    let aws = Process::start(1.0).await;
    for names in names.chunks(1_000) {
        aws.create(names.iter().map(|name| json!({ "name": name })).collect()).await;
    }
    let service = |name: &String| {
        let ecs = json!({ "cluster": "demo", "service": name, "port": 8080 });
        (name.clone(), json!({ "ecs": ecs, "health": { "path": "/healthz" } }))
    };
    let route = |name: &String| json!({ "host": format!("{name}.example"), "service": name });
    let config = json!({
        "listeners": [{ "address": "127.0.0.1:0" }],
        "admin": { "address": "127.0.0.1:0" },
        "aws": { "budget_percent": 100 },
        "services": names.iter().map(service).collect::<BTreeMap<_, _>>(),
        "routes": names.iter().map(route).collect::<Vec<_>>(),
    });
    let rig = Rig::unprepared(aws, &config).await;
    let known = async {
        for name in &names {
            while rig.gateway.status(name).await["phase"] == "unknown" {
                sleep(Duration::from_secs(1)).await;
            }
        }
    };
    tokio::time::timeout(5 * MINUTE, known).await.expect("they are known after a minute or two");
    let megabytes = rig.gateway.heap_megabytes();
    println!("ten thousand services take {megabytes} MB");
    assert!(megabytes < 100, "{megabytes} MB");
}
