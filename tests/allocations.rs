//! What a request to an awake service costs in allocations, counted. A test binary of its own, because counting takes
//! the place of the allocator.
//!
//! That the way takes no lock cannot be counted; it can be read. `Wake::call` loads the rules from an `ArcSwap`, whose
//! `load` is wait-free; the router and the policy are plain data behind it; `Gate::enter` is one `fetch_add` on the
//! door, another load of an `ArcSwap` and one `fetch_add` on the target's count; meters are relaxed `fetch_add`s. The
//! one `Mutex` of a gate guards its queue, and is taken on this way only while somebody waits in it.
#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use allocation_counter::{AllocationInfo, measure};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Empty;
use tower_layer::Layer;
use tower_service::Service;
use wakegate::clock::Clock;
use wakegate::gate::{Bell, Budget, Gate};
use wakegate::layer::{Table, Wake, WakeLayer};
use wakegate::metrics::Metrics;
use wakegate::model::{Graph, Kind, PageSpec, Spec, Target};
use wakegate::page::Page;
use wakegate::peer::{Peer, Scheme};
use wakegate::route::{Action, HostPattern, Matcher, Policy, Rewrite, Rule};

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

fn host(index: usize) -> String {
    format!("env-{index}.demo.example.com")
}

/// An awake service behind this many routes.
fn layered(routes: usize) -> Wake<Nothing> {
    let graph = Graph::new([Spec::new("web", Kind::Fixed)]).expect("one service is a graph");
    let (bell, _rings) = Bell::channel();
    let spec = graph.spec(graph.id("web").expect("it is there")).clone();
    let gate = Gate::new(spec, Budget::new(1), bell);
    gate.open(vec![Target { instance: "1".into(), address: SocketAddr::from(([127, 0, 0, 1], 9)).into() }]);
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
    WakeLayer::new(table, page, Clock::start(), metrics.meter("")).layer(Nothing)
}

/// A browser's request for the last of the hosts, with the extension that the listener gives it.
fn request(routes: usize) -> Request<()> {
    Request::get("/carts/7?page=2")
        .header("host", host(routes - 1))
        .header("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0")
        .extension(Peer::new(([192, 0, 2, 1], 5000).into(), Scheme::Http))
        .body(())
        .expect("a plain request")
}

/// What one request allocates on its way there and back, its own parts aside.
fn allocated(service: &mut Wake<Nothing>, request: Request<()>) -> AllocationInfo {
    let mut request = Some(request);
    measure(|| {
        let calling = pin!(service.call(request.take().expect("measured once")));
        match calling.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(response)) => drop(response),
            Poll::Ready(Err(never)) => match never {},
            Poll::Pending => panic!("an awake service is not waited for"),
        }
    })
}

#[test]
fn an_awake_service_costs_two_allocations_a_request_however_many_routes_there_are() {
    let mut counts = Vec::new();
    for routes in [1, 100, 10_000] {
        let mut service = layered(routes);
        // The first fills what is made once a thread.
        allocated(&mut service, request(routes));
        for _ in 0..200 {
            counts.push(allocated(&mut service, request(routes)).count_total);
        }
    }
    println!("{counts:?}");
    // The pass, and its place among the request's extensions. One in 64 requests is timed as well, without more.
    assert_eq!(counts.iter().min(), Some(&2));
    assert_eq!(counts.iter().max(), Some(&2));
}
