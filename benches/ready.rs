//! Ready means now: from a target's first healthy answer to the first byte of the held request at the target, and to
//! the first byte of the answer at the client. Through the whole gateway over real sockets, 200 wakes of a target
//! whose moments are known: it takes no connection until it is up, and notes when it answers what.
//!
//! `cargo bench --bench ready` (about a minute)

use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use wakegate::clock::Clock;
use wakegate::config::Config;
use wakegate::driver::Control;
use wakegate::gateway::{Gateway, Stop};
use wakegate::model::{Check, Fault, Graph, Health, HttpCheck, Kind, Observation, Phase, Spec, Target};
use wakegate::net::{ANY_LOOPBACK, BoxFuture, TokioNet};
use wakegate::provider::{Nudge, Provider};

const WAKES: usize = 200;
/// The pause between two probes, as it is by default.
const INTERVAL: Duration = Duration::from_millis(200);
/// A boot takes this long and up to one interval more, so that it ends anywhere between two probes.
const BOOT: Duration = Duration::from_millis(50);

type Failure = Box<dyn Error + Send + Sync>;

/// When what happened at the target, in one wake.
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    /// It began to take connections.
    listening: Option<Instant>,
    /// It was about to answer a health check.
    healthy: Option<Instant>,
    /// It had a request that is no health check.
    reached: Option<Instant>,
}

/// Runs one target inside this process.
#[derive(Debug)]
struct Late {
    moments: Arc<Mutex<Moments>>,
    running: Mutex<Option<(SocketAddr, JoinHandle<()>)>>,
    nudge: Nudge,
}

impl Late {
    fn start(&self) -> io::Result<(SocketAddr, JoinHandle<()>)> {
        // Bound and not listening: the port is ours, and connections to it are refused.
        let socket = TcpSocket::new_v4()?;
        socket.bind(ANY_LOOPBACK)?;
        let address = socket.local_addr()?;
        *lock(&self.moments) = Moments::default();
        let boot = BOOT + INTERVAL.mul_f64(fastrand::f64());
        Ok((address, spawn(run(socket, boot, self.moments.clone()))))
    }
}

impl Provider for Late {
    fn scale<'a>(&'a self, spec: &'a Arc<Spec>, count: u32) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async move {
            let mut running = lock(&self.running);
            if count == 0 {
                if let Some((_, target)) = running.take() {
                    target.abort();
                }
            } else if running.is_none() {
                *running = Some(self.start().map_err(|error| Fault::new(error.to_string()))?);
            }
            drop(running);
            self.nudge.look_at(&spec.name);
            Ok(())
        })
    }

    fn observe<'a>(&'a self, specs: &'a [Arc<Spec>]) -> BoxFuture<'a, Vec<Result<Observation, Fault>>> {
        Box::pin(async move {
            let address = lock(&self.running).as_ref().map(|(address, _)| *address);
            let count = u32::from(address.is_some());
            let target = |address: SocketAddr| Target {
                instance: address.to_string().into(),
                address: address.into(),
            };
            let seen = Observation {
                desired: count,
                running: count,
                targets: address.map(target).into_iter().collect(),
                ..Observation::default()
            };
            specs.iter().map(|_| Ok(seen.clone())).collect()
        })
    }
}

/// The target: boots, then answers everything with nothing. Its connections end with it.
async fn run(socket: TcpSocket, boot: Duration, moments: Arc<Mutex<Moments>>) {
    tokio::time::sleep(boot).await;
    let Ok(listener) = socket.listen(128) else { return };
    lock(&moments).listening = Some(now());
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let moments = moments.clone();
        connections.spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let mut moments = lock(&moments);
                let moment = match request.uri().path() {
                    "/healthz" => &mut moments.healthy,
                    _ => &mut moments.reached,
                };
                moment.get_or_insert_with(now);
                async { Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())) }
            });
            // Connections that the gateway breaks off are no concern of the target's.
            drop(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await,
            );
        });
    }
}

/// One wake: from asleep to the first byte of the answer, and back to sleep.
async fn wake(
    gateway: SocketAddr,
    control: &Control,
    moments: &Mutex<Moments>,
) -> Result<[Duration; 4], Failure> {
    let stream = TcpStream::connect(gateway).await?;
    let (mut client, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = spawn(async { drop(connection.await) });
    let request = Request::get("/held").header("host", "shop.example").body(Empty::<Bytes>::new())?;
    let response = client.send_request(request).await?;
    let answered = now();
    if !response.status().is_success() {
        return Err(format!("answered with {}", response.status()).into());
    }
    response.into_body().collect().await?;
    drop(client);
    connection.await?;
    let Moments { listening: Some(listening), healthy: Some(healthy), reached: Some(reached) } =
        *lock(moments)
    else {
        return Err("a moment is missing".into());
    };
    while control.sleep("web").await.is_err() {
        tokio::task::yield_now().await;
    }
    asleep(control).await?;
    Ok([healthy - listening, reached - healthy, answered - healthy, reached - listening])
}

async fn asleep(control: &Control) -> Result<(), Failure> {
    let gate = control.gates().get("web").cloned().ok_or("there is no such service")?;
    gate.watch().wait_for(|view| view.phase == Phase::Asleep).await?;
    Ok(())
}

/// A gateway whose one service is the target.
async fn measure(wakes: usize) -> Result<Vec<[Duration; 4]>, Failure> {
    let text = "listeners: [{ address: '127.0.0.1:0' }]\n\
                wake_limits: { per_client: { wakes: 1000, per: 1h } }\n\
                services: { web: { upstream: 'http://127.0.0.1:9' } }\n\
                routes: [{ path: '/*', service: web }]\n";
    let mut plan = Config::text("bench", text).load().map_err(|problems| problems.to_string())?;
    let check = Check::Http(HttpCheck { path: "/healthz".to_owned(), status: vec![(200, 399)], host: None });
    let health = Health { check, interval: INTERVAL, timeout: Duration::from_secs(2) };
    let web = Spec { health: Some(health), ..Spec::new("web", Kind::External("late".into())) };
    plan.graph = Graph::new([web]).map_err(|_| "one service is a graph")?;

    let moments = Arc::new(Mutex::new(Moments::default()));
    let at = moments.clone();
    let providers = move |nudge| {
        let late: Arc<dyn Provider> = Arc::new(Late { moments: at, running: Mutex::default(), nudge });
        HashMap::from([("late".into(), late)])
    };
    let gateway = Gateway::bind(plan, Arc::new(TokioNet), Clock::start(), providers).await?;
    let control = gateway.handle().control().clone();
    let address = *gateway.addresses().first().ok_or("no listener")?;
    let (stop, stopped) = oneshot::channel::<Stop>();
    let running = spawn(gateway.run(async { stopped.await.unwrap_or(Stop::Now) }));
    asleep(&control).await?;
    let mut seen = Vec::new();
    for _ in 0..wakes {
        seen.push(wake(address, &control, &moments).await?);
    }
    drop(stop);
    running.await??;
    Ok(seen)
}

fn print(seen: &[[Duration; 4]]) {
    let rows = [
        "target listens -> its first healthy answer",
        "healthy answer -> held request at the target",
        "healthy answer -> first byte at the client",
        "target listens -> held request at the target",
    ];
    println!("{:<46}{:>10}{:>10}{:>10}   ({} wakes, ms)", "", "p50", "p99", "max", seen.len());
    for (row, name) in rows.into_iter().enumerate() {
        let mut times: Vec<Duration> = seen.iter().map(|times| times[row]).collect();
        times.sort_unstable();
        let at =
            |permille: usize| times[(times.len() * permille).div_ceil(1000).max(1) - 1].as_secs_f64() * 1e3;
        println!("{name:<46}{:>10.2}{:>10.2}{:>10.2}", at(500), at(990), at(1000));
    }
}

fn main() -> Result<(), Failure> {
    // Cargo gives this only when it is to be measured; tests of all targets merely see that it runs.
    let wakes = if std::env::args().any(|argument| argument == "--bench") { WAKES } else { 2 };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    print(&runtime.block_on(measure(wakes))?);
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(clippy::disallowed_methods, reason = "measures real time")]
fn now() -> Instant {
    Instant::now()
}

fn spawn<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(work)
}
