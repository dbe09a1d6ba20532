//! The middleware with a driver behind it: the first hit wakes a service and what it needs, and use keeps it awake.
//! Nothing listens and nothing is connected to; time stands still but for timers.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::BodyExt;
use tower::ServiceExt;
use tower_layer::Layer;
use tower_service::Service;
use wakegate::body::WakeBody;
use wakegate::clock::Clock;
use wakegate::driver::{self, Control, Options, Providers};
use wakegate::gate::{Activity, Pass};
use wakegate::layer::{Table, WakeLayer};
use wakegate::metrics::Metrics;
use wakegate::model::{
    Condition, Dependency, Fault, Graph, Kind, Limits, Observation, PageSpec, Phase, Spec, StartOrder, Target,
};
use wakegate::net::{BoxFuture, TokioNet};
use wakegate::page::Page;
use wakegate::provider::{Nudge, Provider};
use wakegate::route::{Action, Matcher, Policy, Rewrite, Rule};

use crate::proxy_kit::{TestBody, feed, full, soon, until};

/// A platform on which a started service is up when the test says so.
#[derive(Debug)]
struct Platform {
    state: Mutex<State>,
    nudge: Nudge,
}

#[derive(Debug, Default)]
struct State {
    counts: HashMap<Arc<str>, u32>,
    up: HashSet<Arc<str>>,
    /// Every call to scale, in its order.
    calls: Vec<(String, u32)>,
    broken: bool,
}

impl Provider for Platform {
    fn scale<'a>(&'a self, spec: &'a Arc<Spec>, count: u32) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async move {
            let mut state = self.state.lock().unwrap();
            state.calls.push((spec.name.to_string(), count));
            if state.broken {
                return Err(Fault::terminal("no such image").told_as("It cannot be started."));
            }
            state.counts.insert(spec.name.clone(), count);
            if count == 0 {
                state.up.remove(&spec.name);
            }
            drop(state);
            self.nudge.look_at(&spec.name);
            Ok(())
        })
    }

    fn observe<'a>(&'a self, specs: &'a [Arc<Spec>]) -> BoxFuture<'a, Vec<Result<Observation, Fault>>> {
        Box::pin(async move {
            let state = self.state.lock().unwrap();
            let address = SocketAddr::from(([127, 0, 0, 1], 9));
            let seen = specs.iter().map(|spec| {
                let up = state.up.contains(&spec.name);
                let target = || Target { instance: "1".into(), address: address.into() };
                Ok(Observation {
                    desired: state.counts.get(&spec.name).copied().unwrap_or(0),
                    running: u32::from(up),
                    targets: up.then(target).into_iter().collect(),
                    ..Observation::default()
                })
            });
            seen.collect()
        })
    }
}

/// `web`, which needs `db`, behind the layer.
struct House {
    platform: Arc<Platform>,
    control: Control,
    layer: WakeLayer,
}

impl House {
    async fn asleep() -> Self {
        let limits = Limits { idle_after: Duration::from_secs(60), ..Limits::default() };
        let spec = |name: &str| {
            let limits = limits.clone();
            Spec { limits, ..Spec::new(name, Kind::External("platform".into())) }
        };
        let needs_db =
            Dependency { on: "db".into(), condition: Condition::Healthy, start: StartOrder::Together };
        let web = Spec { depends_on: vec![needs_db], ..spec("web") };
        let graph = Graph::new([web, spec("db")]).unwrap();
        let (nudge, nudged) = Nudge::channel();
        let platform = Arc::new(Platform { state: Mutex::default(), nudge });
        let providers: Providers =
            HashMap::from([("platform".into(), platform.clone() as Arc<dyn Provider>)]);
        let clock = Clock::start();
        let (control, _task) =
            driver::start(graph, providers, nudged, Arc::new(TokioNet), clock, Options::default());
        let metrics = Metrics::new();
        let rule = Rule {
            name: "all".into(),
            matcher: Matcher::default(),
            action: Action::Service("web".into()),
            rewrite: Rewrite::default(),
            policy: None,
            lock: None,
        };
        let gates = control.gates();
        let gate = |id| gates.gate(id).clone();
        let table = Table::new(vec![rule], Policy::default(), &gates.graph, gate, |name| metrics.meter(name));
        let page = Page::new(&PageSpec::default()).unwrap();
        let layer = WakeLayer::new(table, page, clock, metrics.meter(""));
        let house = Self { platform, control, layer };
        house.until("web", Phase::Asleep).await;
        house.until("db", Phase::Asleep).await;
        house
    }

    async fn until(&self, name: &str, phase: Phase) {
        let gate = self.control.gates().get(name).unwrap().clone();
        gate.watch().wait_for(|view| view.phase == phase).await.unwrap();
    }

    fn phase(&self, name: &str) -> Phase {
        self.control.gates().get(name).unwrap().view().phase
    }

    fn calls(&self) -> Vec<(String, u32)> {
        self.platform.state.lock().unwrap().calls.clone()
    }

    /// A started service is up from now on.
    fn up(&self, name: &str) {
        self.platform.state.lock().unwrap().up.insert(name.into());
        self.platform.nudge.look_at(&name.into());
    }

    /// Sends a request through the layer to a service that answers with this body.
    fn ask(
        &self,
        request: Request<()>,
        body: TestBody,
    ) -> impl Future<Output = Response<WakeBody<TestBody>>> + Send + 'static {
        let app = App(Arc::new(Mutex::new(Some(body))));
        let answer = self.layer.layer(app).oneshot(request);
        async { answer.await.unwrap() }
    }
}

/// A service that answers once.
#[derive(Clone)]
struct App(Arc<Mutex<Option<TestBody>>>);

impl Service<Request<()>> for App {
    type Response = Response<TestBody>;
    type Error = Infallible;
    type Future = Ready<Result<Response<TestBody>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        let pass = request.extensions().get::<Arc<Pass>>().unwrap();
        assert_eq!(&**pass.gate().name(), "web");
        let body = self.0.lock().unwrap().take().expect("asked twice");
        ready(Ok(Response::new(body)))
    }
}

fn call() -> Request<()> {
    Request::get("/carts").body(()).unwrap()
}

fn visit() -> Request<()> {
    Request::get("/").header("accept", "text/html").body(()).unwrap()
}

async fn text(response: Response<WakeBody<TestBody>>) -> String {
    let bytes = soon(response.into_body().collect()).await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_first_hit_wakes_the_service_and_what_it_needs() {
    let house = House::asleep().await;
    let sent = tokio::spawn(house.ask(call(), full("carts")));
    house.until("web", Phase::Waking).await;
    until(|| house.calls().len() == 2).await;
    assert_eq!(house.calls(), [("db".to_owned(), 1), ("web".to_owned(), 1)]);
    house.up("web");
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(!sent.is_finished(), "its database is not there yet");
    house.up("db");
    let response = sent.await.unwrap();
    assert_eq!((response.status(), &*text(response).await), (StatusCode::OK, "carts"));
    assert_eq!(house.phase("web"), Phase::Awake);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_goes_on_keeps_the_service_awake_and_its_end_lets_it_sleep() {
    let house = House::asleep().await;
    let (feeder, film) = feed();
    let sent = tokio::spawn(house.ask(call(), film));
    house.until("web", Phase::Waking).await;
    house.up("db");
    house.up("web");
    let mut body = sent.await.unwrap().into_body();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!((house.phase("web"), house.phase("db")), (Phase::Awake, Phase::Awake));
    feeder.send(Ok(Frame::data(Bytes::from_static(b"the end")))).unwrap();
    drop(feeder);
    assert!(body.frame().await.unwrap().is_ok());
    assert!(body.frame().await.is_none());
    house.until("web", Phase::Asleep).await;
    house.until("db", Phase::Asleep).await;
    assert_eq!(house.calls()[2..], [("web".to_owned(), 0), ("db".to_owned(), 0)]);
}

#[tokio::test(start_paused = true)]
async fn the_page_ends_when_the_service_is_there() {
    let house = House::asleep().await;
    let page = house.ask(visit(), full("never sent")).await;
    assert_eq!(page.status(), StatusCode::SERVICE_UNAVAILABLE);
    let page = tokio::spawn(text(page));
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(!page.is_finished());
    house.up("db");
    house.up("web");
    let page = page.await.unwrap();
    assert!(page.contains("web") && page.trim_end().ends_with("</html>"), "{page}");
    assert_eq!(text(house.ask(visit(), full("the shop")).await).await, "the shop");
}

#[tokio::test(start_paused = true)]
async fn a_wake_that_fails_is_told_in_its_public_words() {
    let house = House::asleep().await;
    house.platform.state.lock().unwrap().broken = true;
    let response = soon(house.ask(call(), full("never sent"))).await;
    assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
    let text = text(response).await;
    assert!(!text.contains("no such image"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn who_must_not_wake_it_does_not() {
    let house = House::asleep().await;
    let mut crawler = call();
    crawler.headers_mut().insert("user-agent", "Googlebot/2.1".parse().unwrap());
    let response = house.ask(crawler, full("never sent")).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(house.phase("web"), Phase::Asleep);
    assert_eq!(house.calls(), []);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_does_not_stop_the_wake() {
    let house = House::asleep().await;
    let sent = tokio::spawn(house.ask(call(), full("never sent")));
    house.until("web", Phase::Waking).await;
    sent.abort();
    assert!(sent.await.is_err());
    house.up("db");
    house.up("web");
    house.until("web", Phase::Awake).await;
    assert_eq!(house.control.gates().get("web").unwrap().activity(), Activity::default());
}
