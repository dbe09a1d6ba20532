//! Shows the waiting page with scripted services: no service is started, nothing sleeps.
//!
//! ```text
//! cargo run --example page_preview
//! ```
//!
//! prints its address. The first visit to a path starts its script: three services get ready within about three
//! seconds, after which the path answers with an application. In the query, `detail=services`, `progress` or
//! `none`, `fail` for a wake that fails once, `slow` for one that stays half way, `first` for
//! one without experience of earlier wakes, and `text=own` for an own name.

use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::sleep;
use wakegate::clock::Clock;
use wakegate::model::{Detail, Fault, PageSpec, Phase, Stage, View};
use wakegate::page::{Member, Page};

/// Names, as a real graph has them; the last is the one that is visited.
const NAMES: [&str; 4] = ["postgres", "search-index", "orders-api", "shop-web"];
/// When each of them is ready, in milliseconds.
const READY: [u64; 4] = [900, 1600, 2300, 3000];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("http://{}/", listener.local_addr()?);
    let preview = Arc::new(Preview { clock: Clock::start(), wakes: Mutex::default() });
    loop {
        let (socket, _) = listener.accept().await?;
        let preview = preview.clone();
        tokio::spawn(async move {
            let answer = service_fn(move |request| {
                let preview = preview.clone();
                async move { Ok::<_, Infallible>(preview.answer(&request)) }
            });
            let server = auto::Builder::new(TokioExecutor::new());
            // An error here is a visitor who has left.
            drop(server.serve_connection(TokioIo::new(socket), answer).await);
        });
    }
}

type Views = Arc<Vec<watch::Sender<Arc<View>>>>;

struct Preview {
    clock: Clock,
    /// The wakes that were begun, by path and query.
    wakes: Mutex<HashMap<String, Views>>,
}

impl Preview {
    fn answer(&self, request: &Request<Incoming>) -> Response<BoxBody<Bytes, Infallible>> {
        let query = request.uri().query().unwrap_or_default();
        if request.uri().path() == "/favicon.ico" {
            let mut response = Response::new(Full::default().boxed());
            *response.status_mut() = StatusCode::NOT_FOUND;
            return response;
        }
        let views = self.wake(request.uri().to_string(), query);
        let routed = views.last().map(|view| view.borrow().phase);
        if routed == Some(Phase::Awake) {
            let html = "<!DOCTYPE html><html lang=\"en\"><title>Shop</title><h1 id=\"app\">The shop is open</h1></html>";
            let mut response = Response::new(Full::from(html).boxed());
            response.headers_mut().insert(
                http::header::CONTENT_TYPE,
                http::HeaderValue::from_static("text/html; charset=utf-8"),
            );
            return response;
        }
        let page = match Page::new(&spec(query)) {
            Ok(page) => page,
            Err(error) => return Response::new(Full::from(error.to_string()).boxed()),
        };
        let members = NAMES
            .iter()
            .zip(views.iter())
            .map(|(name, view)| Member {
                name: (*name).into(),
                view: view.subscribe(),
                needed_for_door: true,
            })
            .collect();
        page.response(members, self.clock, watch::channel(None).1).map(BodyExt::boxed)
    }

    /// The services behind an address; the first visit wakes them.
    fn wake(&self, address: String, query: &str) -> Views {
        let mut wakes = self.wakes.lock().unwrap_or_else(PoisonError::into_inner);
        let views = wakes.entry(address).or_insert_with(|| {
            let since = self.clock.now();
            let view = View {
                phase: Phase::Waking,
                since,
                stage: Stage::Starting,
                waking_since: Some(since),
                expected: (!query.contains("first"))
                    .then(|| Duration::from_secs(if query.contains("slow") { 30 } else { 3 })),
                ..View::default()
            };
            let views: Views =
                Arc::new(NAMES.iter().map(|_| watch::Sender::new(Arc::new(view.clone()))).collect());
            tokio::spawn(script(views.clone(), self.clock, query.to_owned()));
            views
        });
        views.clone()
    }
}

fn spec(query: &str) -> PageSpec {
    let has = |word: &str| query.contains(word);
    let detail = match () {
        () if has("detail=services") => Detail::Services,
        () if has("detail=none") => Detail::None,
        () => Detail::Progress,
    };
    let own = has("text=own");
    PageSpec {
        name: own.then(|| "Harbour Books & <Sons>".into()),
        text: own.then(|| "Our demo rests when nobody looks. Give it a moment to put the kettle on.".into()),
        detail,
        ..PageSpec::default()
    }
}

/// What the services go through.
async fn script(views: Views, clock: Clock, query: String) {
    let mut began = clock.now();
    let change = |member: usize, change: &dyn Fn(&mut View)| {
        if let Some(view) = views.get(member) {
            view.send_modify(|view| change(Arc::make_mut(view)));
        }
    };
    let last = NAMES.len() - 1;
    change(last, &|view| view.stage = Stage::Waiting);
    if query.contains("fail") {
        sleep(Duration::from_secs(1)).await;
        let now = clock.now();
        for member in [1, last] {
            change(member, &|view| {
                view.phase = Phase::Failed;
                view.stage = Stage::Failed;
                view.fault = Some(
                    Fault::new("/srv/inside: exit code 3").told_as("A part of it stopped while starting."),
                );
                view.retry_at = Some(now + Duration::from_secs(3));
            });
        }
        sleep(Duration::from_secs(3)).await;
        began = clock.now();
        for member in [1, last] {
            change(member, &|view| {
                view.phase = Phase::Waking;
                view.stage = Stage::Starting;
                view.waking_since = Some(began);
            });
        }
    }
    let slow = query.contains("slow");
    for (member, ready) in READY.iter().enumerate().take(if slow { 1 } else { READY.len() }) {
        let ready = Duration::from_millis(*ready);
        sleep((began + ready / 2).since(clock.now())).await;
        change(member, &|view| view.stage = Stage::Checking);
        sleep((began + ready).since(clock.now())).await;
        let now = clock.now();
        change(member, &|view| {
            view.phase = Phase::Awake;
            view.stage = Stage::Ready;
            view.since = now;
            view.last_wake = Some(ready);
        });
        if member + 1 < READY.len() {
            change(member + 1, &|view| view.stage = Stage::Checking);
        }
    }
    if slow {
        // Nobody gets any further; the senders must stay.
        std::future::pending::<()>().await;
    }
}
