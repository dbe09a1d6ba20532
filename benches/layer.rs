//! What `WakeLayer` adds to a request for an awake service: the same no-op service bare and behind it, with 1, 100
//! and 10,000 routes. And what it takes to release 10,000 requests that were held.
//!
//! `cargo bench --bench layer`
#![expect(clippy::expect_used, reason = "a bench that cannot be set up ends")]

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use http::{Request, Response};
use http_body_util::Empty;
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tower_layer::Layer;
use tower_service::Service;
use wakegate::clock::Clock;
use wakegate::gate::{Bell, Budget, Gate};
use wakegate::layer::{Table, Wake, WakeLayer};
use wakegate::metrics::Metrics;
use wakegate::model::{Graph, Kind, Limits, PageSpec, Spec, Target};
use wakegate::page::Page;
use wakegate::route::{Action, HostPattern, Matcher, Policy, Rewrite, Rule};

/// How many are held before the door opens.
const HELD: usize = 10_000;

/// Answers at once with nothing.
#[derive(Clone)]
struct Nothing;

impl Service<Request<()>> for Nothing {
    type Response = Response<Empty<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        ready(Ok(Response::new(Empty::new())))
    }
}

/// A layer with this many routes, each for a host of its own, that all lead to one gate.
fn layered(routes: usize) -> (Wake<Nothing>, Arc<Gate>) {
    let limits = Limits { max_held: HELD, hold_timeout: Duration::from_secs(600), ..Limits::default() };
    let graph = Graph::new([Spec { limits, ..Spec::new("web", Kind::Fixed) }]);
    let graph = graph.expect("one service is a graph");
    let (bell, rings) = Bell::channel();
    // Nobody listens; the door is opened by hand.
    drop(rings);
    let specs: Vec<_> = graph.ids().map(|id| graph.spec(id).clone()).collect();
    let gate = Gate::new(specs[0].clone(), Budget::new(HELD), bell);
    let rule = |index: usize| Rule {
        name: format!("env-{index}").into(),
        matcher: Matcher {
            hosts: HostPattern::new(&host(index)).into_iter().collect(),
            ..Matcher::default()
        },
        action: Action::Service("web".into()),
        rewrite: Rewrite::default(),
        policy: None,
        lock: None,
    };
    let metrics = Metrics::new();
    let rules = (0..routes).map(rule);
    let table = Table::new(rules, Policy::default(), &graph, |_| gate.clone(), |name| metrics.meter(name));
    let page = Page::new(&PageSpec::default()).expect("the built-in page");
    let layer = WakeLayer::new(table, page, Clock::start(), metrics.meter(""));
    (layer.layer(Nothing), gate)
}

fn host(index: usize) -> String {
    format!("env-{index}.demo.example.com")
}

fn open(gate: &Arc<Gate>) {
    gate.open(vec![Target { instance: "1".into(), address: SocketAddr::from(([127, 0, 0, 1], 9)).into() }]);
}

/// What a browser sends, about.
fn request(host: &str) -> Request<()> {
    Request::get("/carts/7?page=2")
        .header("host", host)
        .header("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
        .header("accept-encoding", "gzip, deflate, br, zstd")
        .header("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0")
        .body(())
        .expect("a plain request")
}

/// Requests are made 64 at a time, outside of what is measured: few enough to stay in the cache.
const BATCH: BatchSize = BatchSize::NumIterations(64);

fn awake(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("awake");
    group.bench_function("bare", |bencher| {
        bencher.iter_batched(|| request(&host(0)), |request| at_once(Nothing.call(request)), BATCH);
    });
    for routes in [1, 100, 10_000] {
        let (mut service, gate) = layered(routes);
        open(&gate);
        let last = host(routes - 1);
        group.bench_function(BenchmarkId::new("layered", routes), |bencher| {
            bencher.iter_batched(|| request(&last), |request| at_once(service.call(request)), BATCH);
        });
    }
    group.finish();
}

/// Polls a response future that has nothing to wait for.
fn at_once<T>(future: impl Future<Output = Result<T, Infallible>>) {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(response)) => drop(black_box(response)),
        Poll::Ready(Err(never)) => match never {},
        Poll::Pending => unreachable!("the service is awake"),
    }
}

fn release(criterion: &mut Criterion) {
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    let mut group = criterion.benchmark_group("release");
    group.sample_size(10);
    group.bench_function(BenchmarkId::from_parameter(HELD), |bencher| {
        bencher.iter_custom(|rounds| (0..rounds).map(|_| runtime.block_on(release_all())).sum());
    });
    group.finish();
}

/// From the door's opening to the last of the answers.
#[expect(clippy::disallowed_methods, reason = "measures real time")]
async fn release_all() -> Duration {
    let (mut service, gate) = layered(1);
    let mut waiting = JoinSet::new();
    for _ in 0..HELD {
        let mut request = request(&host(0));
        request.headers_mut().remove("accept");
        waiting.spawn(service.call(request));
    }
    while gate.activity().held < HELD as u64 {
        tokio::task::yield_now().await;
    }
    let began = Instant::now();
    open(&gate);
    while waiting.join_next().await.is_some() {}
    began.elapsed()
}

criterion_group!(benches, awake, release);
criterion_main!(benches);
