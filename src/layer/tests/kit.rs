use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tower_layer::Layer;
use tower_service::Service;
use tower_test::mock::{self, Handle, Mock};

use super::super::{Table, Wake, WakeLayer};
use crate::body::WakeBody;
use crate::clock::Clock;
use crate::gate::{Bell, Budget, Gate, Rings};
use crate::meter::Outcome;
use crate::metrics::Metrics;
use crate::model::{Fault, Graph, Kind, Limits, PageSpec, Spec, Target};
use crate::page::Page;
use crate::route::{Action, Matcher, Policy, PolicyRule, Rewrite, Rule, Verdict};

pub(super) type Inner = Mock<Request<()>, Response<Fed>>;
pub(super) type Answered = Result<Response<WakeBody<Fed>>, Box<dyn std::error::Error + Send + Sync>>;

/// One service, `web`, with everything around it.
pub(super) struct House {
    pub(super) gate: Arc<Gate>,
    pub(super) rings: Rings,
    pub(super) inner: Handle<Request<()>, Response<Fed>>,
    pub(super) layer: WakeLayer,
    pub(super) wake: Wake<Inner>,
    pub(super) metrics: Arc<Metrics>,
    graph: Graph,
}

/// Every request goes to `web`.
pub(super) fn rule() -> Rule {
    Rule {
        name: "route".into(),
        matcher: Matcher::default(),
        action: Action::Service("web".into()),
        rewrite: Rewrite::default(),
        policy: None,
        lock: None,
    }
}

/// A policy by which every request gets this verdict.
pub(super) fn policy(verdict: Verdict) -> Policy {
    let rule =
        PolicyRule { matcher: Matcher::default(), user_agents: Vec::new(), user_agent_regex: None, verdict };
    Policy::new([rule], false)
}

impl House {
    pub(super) fn new() -> Self {
        Self::with(Limits::default(), rule())
    }

    pub(super) fn with(limits: Limits, rule: Rule) -> Self {
        let graph = Graph::new([Spec { limits, ..Spec::new("web", Kind::Fixed) }]).unwrap();
        let (bell, rings) = Bell::channel();
        let spec = graph.spec(graph.id("web").unwrap()).clone();
        let gate = Gate::new(spec, Budget::new(1000), bell);
        let metrics = Metrics::new();
        let page = Page::new(&PageSpec::default()).unwrap();
        let table = table(rule, &graph, &gate, &metrics);
        let layer = WakeLayer::new(table, page, Clock::start(), metrics.meter(""));
        let (mock, inner) = mock::pair();
        let wake = layer.layer(mock);
        Self { gate, rings, inner, layer, wake, metrics, graph }
    }

    /// Another rule in place of the one there is.
    pub(super) fn set(&self, rule: Rule) {
        let page = Page::new(&PageSpec::default()).unwrap();
        self.layer.set(table(rule, &self.graph, &self.gate, &self.metrics), page);
    }

    pub(super) fn open(&self) {
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], 9)).into();
        self.gate.open(vec![Target { instance: "1".into(), address }]);
    }

    /// Fails the wake for a reason that nobody outside may know.
    pub(super) fn fail(&self) {
        self.gate.fail(&Fault::new("secret").told_as("It does not start."));
    }

    /// A request on its way, in a task of its own.
    pub(super) fn send(&mut self, request: Request<()>) -> JoinHandle<Answered> {
        tokio::spawn(self.wake.call(request))
    }

    /// Sends a request and waits until it is held.
    pub(super) async fn held(&mut self, request: Request<()>) -> JoinHandle<Answered> {
        let before = self.gate.activity().held;
        let sent = self.send(request);
        self.until(|house| house.gate.activity().held > before).await;
        sent
    }

    pub(super) async fn until(&self, done: impl Fn(&Self) -> bool) {
        while !done(self) {
            tokio::task::yield_now().await;
        }
    }

    /// What the route has counted, without what never happened.
    pub(super) fn counted(&self) -> Vec<(Outcome, u64)> {
        let meter = self.metrics.meter("route");
        let counts = Outcome::ALL.into_iter().map(|outcome| (outcome, meter.counted(outcome)));
        counts.filter(|(_, count)| *count > 0).collect()
    }

    pub(super) fn unmatched(&self, outcome: Outcome) -> u64 {
        self.metrics.meter("").counted(outcome)
    }

    /// How many requests were recorded as held.
    pub(super) fn holds(&self) -> u64 {
        let text = self.metrics.render(
            &crate::driver::Gates { graph: Arc::new(self.graph.clone()), all: vec![self.gate.clone()] },
            Clock::start().now(),
        );
        let line =
            text.lines().find_map(|line| line.strip_prefix("wakegate_hold_seconds_count{route=\"route\"} "));
        line.map_or(0, |count| count.parse().unwrap())
    }
}

fn table(rule: Rule, graph: &Graph, gate: &Arc<Gate>, metrics: &Metrics) -> Table {
    Table::new(vec![rule], Policy::new([], false), graph, |_| gate.clone(), |name| metrics.meter(name))
}

/// A body that is fed frame by frame, ends when its feeder is dropped, and fails when fed an error.
#[derive(Debug)]
pub(crate) struct Fed(mpsc::UnboundedReceiver<Result<Bytes, &'static str>>);

pub(crate) type Feeder = mpsc::UnboundedSender<Result<Bytes, &'static str>>;

pub(crate) fn fed() -> (Feeder, Fed) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (sender, Fed(receiver))
}

impl Body for Fed {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        self.0.poll_recv(cx).map(|fed| fed.map(|data| data.map(Frame::data)))
    }
}

/// A program's request.
pub(super) fn call(path: &str) -> Request<()> {
    Request::get(path).header("host", "shop.example").body(()).unwrap()
}

/// A browser's.
pub(super) fn visit(method: &str) -> Request<()> {
    Request::builder().method(method).uri("/").header("accept", "text/html").body(()).unwrap()
}

/// A gRPC client's.
pub(super) fn grpc() -> Request<()> {
    let request = Request::post("/shop.Carts/Get").header("content-type", "application/grpc");
    request.header("grpc-timeout", "500m").body(()).unwrap()
}

pub(super) async fn text(response: Response<WakeBody<Fed>>) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}
