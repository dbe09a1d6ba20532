//! `WakeLayer` inside another server: an axum application whose oracle sleeps until somebody asks.
//!
//! ```text
//! cargo run --example embed
//! ```
//!
//! prints its address. A browser gets the waiting page, everything else waits until the oracle has started, which
//! takes it three seconds. Left alone for ten, it goes back to sleep. The oracle is this same program, run with
//! the argument `oracle`; it could be any that listens on the port that `PORT` names.
//!
//! Needs the feature `process` alone: the library without listeners, configuration or command line.

use std::collections::BTreeMap;
use std::error::Error;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Extension;
use axum::http::StatusCode;
use axum::routing::get;
use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use wakegate::clock::Clock;
use wakegate::driver::{self, Control, Options, Providers};
use wakegate::gate::Pass;
use wakegate::layer::{Table, WakeLayer};
use wakegate::metrics::Metrics;
use wakegate::model::{Check, Graph, Health, HttpCheck, Kind, Limits, PageSpec, ProcessSpec, Spec};
use wakegate::net::{Net, TokioNet};
use wakegate::page::Page;
use wakegate::provider::{Nudge, process::Process};
use wakegate::route::{Action, Matcher, Policy, Rewrite, Rule};

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

#[tokio::main]
async fn main() -> Result<()> {
    if std::env::args().nth(1).as_deref() == Some("oracle") {
        return oracle().await;
    }
    let clock = Clock::start();
    let (nudge, nudged) = Nudge::channel();
    let processes = Arc::new(Process::new(clock, nudge));
    let providers = Providers::from([("process".into(), processes.clone() as _)]);
    let graph = Graph::new([oracle_spec()?]).map_err(|errors| format!("{errors:?}"))?;
    // The driver wakes the oracle, watches it, and puts it to sleep; it runs as long as `control` lives.
    let (control, _driver) =
        driver::start(graph, providers, nudged, Arc::new(TokioNet), clock, Options::default());

    let app = axum::Router::new()
        .route("/", get(ask))
        // Only what stands above this line sleeps.
        .layer(wake_layer(&control)?)
        .route("/about", get(|| async { "This page needs nobody else, and wakes nobody.\n" }));

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("http://{}/", listener.local_addr()?);
    tokio::select! {
        ended = axum::serve(listener, app) => ended?,
        pressed = tokio::signal::ctrl_c() => pressed?,
    }
    processes.shutdown().await;
    Ok(())
}

/// What sleeps, and how to tell that it is up.
fn oracle_spec() -> Result<Spec> {
    let exe = std::env::current_exe()?.into_os_string().into_string().map_err(|_| "the path is not UTF-8")?;
    let process = ProcessSpec {
        command: vec![exe, "oracle".into()],
        env: BTreeMap::new(),
        directory: None,
        port: Some(0),
        stop_timeout: Duration::from_secs(5),
        job: false,
    };
    let check = HttpCheck { path: "/".into(), status: vec![(200, 200)], host: None };
    let mut spec = Spec::new("oracle", Kind::Process(process));
    spec.health = Some(Health {
        check: Check::Http(check),
        interval: Duration::from_millis(100),
        timeout: Duration::from_secs(1),
    });
    spec.limits = Limits { idle_after: Duration::from_secs(10), ..Limits::default() };
    Ok(spec)
}

/// Every request that passes this layer needs the oracle.
fn wake_layer(control: &Control) -> Result<WakeLayer> {
    let everything = Rule {
        name: "oracle".into(),
        matcher: Matcher::default(),
        action: Action::Service("oracle".into()),
        rewrite: Rewrite::default(),
        policy: None,
        lock: None,
    };
    let gates = control.gates();
    let metrics = Metrics::new();
    let gate = |id| gates.gate(id).clone();
    let table =
        Table::new(vec![everything], Policy::default(), &gates.graph, gate, |name| metrics.meter(name));
    let page = Page::new(&PageSpec::default())?;
    Ok(WakeLayer::new(table, page, control.clock(), metrics.meter("")))
}

/// Runs only while the oracle is awake. The pass says where it is, and keeps it awake until the answer has been
/// sent.
async fn ask(Extension(pass): Extension<Arc<Pass>>) -> Result<String, (StatusCode, String)> {
    let saying = fetch(&pass).await.map_err(|error| (StatusCode::BAD_GATEWAY, error.to_string()))?;
    Ok(format!("The oracle says: {saying}\n"))
}

async fn fetch(pass: &Pass) -> Result<String> {
    let address = &pass.target().address;
    let socket = TokioNet.connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
    tokio::spawn(connection);
    let request = Request::get("/").header(header::HOST, address.to_string()).body(Empty::<Bytes>::new())?;
    let answer = sender.send_request(request).await?.into_body().collect().await?;
    Ok(String::from_utf8(answer.to_bytes().into())?)
}

/// The other program: slow to start.
async fn oracle() -> Result<()> {
    tokio::time::sleep(Duration::from_secs(3)).await;
    let port: u16 = std::env::var("PORT")?.parse()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let app = axum::Router::new().route("/", get(|| async { "What sleeps is not lost." }));
    Ok(axum::serve(listener, app).await?)
}
