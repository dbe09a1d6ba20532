//! What too many do to others: as many connections as the system has files for, ten thousand requests and their bodies held by a
//! service that sleeps, and beside them a route whose service is awake. The gateway is the real program. Half of the connections
//! hold a request each over HTTP/1.1; where that makes fewer than there are to be, some over HTTP/2 hold the others.
//!
//! `cargo bench --bench overload` (about a minute). Prints the awake route's times beside the crowd and, in turns with it,
//! at a second gateway that has none, what the gateway takes of memory, what became of every held request, and what those
//! beyond the bounds are told.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustix::process::{Resource, getrlimit};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

#[path = "kit/clients.rs"]
mod clients;

use clients::connect;

/// As many as are asked for where there are files for them; the gateway wants two for each, and some.
const CONNECTIONS: usize = 20_000;
/// Requests that are held.
const HELD: usize = 10_000;
/// As many of them as one connection over HTTP/2 has, of the 100 that it may.
const STREAMS: usize = 50;
const BODY: usize = 64 * 1024;
/// Requests to the awake service in one round.
const ROUND: usize = 4_000;
/// Rounds of either gateway, by turns: what else the machine does then falls on both.
const ROUNDS: usize = 10;
/// The argument that makes this program the service that sleeps.
const SERVICE: &str = "--service";

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if let Some(at) = arguments.iter().position(|argument| argument == SERVICE) {
        let port = std::env::var("PORT")?.parse()?;
        let gate = arguments.get(at + 1).ok_or("which file?")?.clone();
        return runtime.block_on(async move {
            while !Path::new(&gate).exists() {
                sleep(Duration::from_millis(20)).await;
            }
            serve(TcpListener::bind(("127.0.0.1", port)).await?).await
        });
    }
    runtime.block_on(overload())
}

async fn overload() -> Result<(), Failure> {
    let files = getrlimit(Resource::Nofile).maximum.map_or(usize::MAX, |files| files as usize);
    let connections = CONNECTIONS.min((files - 600) / 2);
    let (held, over_http1) = (HELD, HELD.min(connections / 2));
    let over_http2 = (HELD - over_http1).div_ceil(STREAMS);
    let awake = TcpListener::bind("127.0.0.1:0").await?;
    let upstream = awake.local_addr()?;
    tokio::spawn(serve(awake));
    let directory = tempfile::tempdir()?;
    let (mut gateway, address, admin) = start(directory.path(), upstream, connections, held).await?;
    let process = gateway.id().ok_or("it has ended")?;
    println!(
        "{connections} connections, {held} requests with bodies of {BODY} bytes held, of {over_http1} and {over_http2} of them"
    );

    let elsewhere = tempfile::tempdir()?;
    let (mut other, quiet, _) = start(elsewhere.path(), upstream, connections, held).await?;
    round(address).await?;
    println!("before the crowd comes:   {} MB", megabytes(process)?);
    let idle = connect(address, connections - over_http1 - over_http2 - 64).await?;
    let mut crowd = JoinSet::new();
    for stream in connect(address, over_http1).await? {
        crowd.spawn(async move { ended(ask_on(stream, "POST", "/asleep", BODY).await, BODY) });
    }
    let mut left = held - over_http1;
    for stream in connect(address, over_http2).await? {
        let (client, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        for _ in 0..STREAMS.min(left) {
            crowd.spawn(ask_over_http2(client.clone()));
        }
        left = left.saturating_sub(STREAMS);
    }
    wait_for_held(admin, held).await?;
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        alone.extend(round(quiet).await?);
        beside.extend(round(address).await?);
    }
    let (alone, beside) = (Times::of(alone), Times::of(beside));
    println!("awake route alone:        {alone}");
    println!("beside the crowd:         {beside}   {} MB", megabytes(process)?);
    println!("p99, beside by alone:     {:.2}", beside.p99.as_secs_f64() / alone.p99.as_secs_f64());
    println!("one more held request is told:  {}", ask(address, "POST", "/asleep", 1).await);
    let more = connect(address, 64).await?;
    println!("one more connection is told:    {}", ask(address, "GET", "/", 0).await);
    drop(more);

    std::fs::write(directory.path().join("go"), "")?;
    let (began, mut ends) = (Instant::now(), BTreeMap::new());
    while let Some(end) = crowd.join_next().await {
        *ends.entry(end?).or_insert(0) += 1;
    }
    println!("held requests ended within {:.1?}: {ends:?}", began.elapsed());
    drop(idle);
    sleep(Duration::from_secs(15)).await;
    let after = Times::of(round(address).await?);
    println!("when the crowd has left:  {after}   {} MB", megabytes(process)?);
    gateway.kill().await?;
    other.kill().await?;
    Ok(())
}

async fn start(
    directory: &Path,
    upstream: SocketAddr,
    connections: usize,
    held: usize,
) -> Result<(Child, SocketAddr, SocketAddr), Failure> {
    let (program, go) = (std::env::current_exe()?, directory.join("go"));
    let config = format!(
        "listeners: [{{ address: 127.0.0.1:0 }}]
admin: {{ address: 127.0.0.1:0 }}
limits: {{ connections: {connections}, connections_per_client: {connections}, max_held: {held}, held_size: 1GiB }}
timeouts: {{ first_byte: 10m, idle: 10m }}
services:
  awake: {{ upstream: 'http://{upstream}' }}
  asleep:
    process: {{ command: ['{}', {SERVICE}, '{}'], port: 0 }}
    health: {{ path: / }}
    max_held: {held}
    hold_timeout: 10m
    wake_timeout: 10m
routes:
  - {{ path: /asleep, service: asleep }}
  - {{ service: awake }}
",
        program.display(),
        go.display()
    );
    let path = directory.join("wakegate.yaml");
    std::fs::write(&path, config)?;
    let mut gateway = Command::new(env!("CARGO_BIN_EXE_wakegate"))
        .args(["serve", "--config"])
        .arg(path)
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut lines = BufReader::new(gateway.stderr.take().ok_or("no log")?).lines();
    let mut said = async |what: &str| loop {
        let line = lines.next_line().await?.ok_or("it has ended")?;
        if let Some((_, rest)) = line.split_once(what) {
            return Ok::<SocketAddr, Failure>(rest.split('"').next().unwrap_or_default().parse()?);
        }
    };
    let (address, admin) = (said("listening on ").await?, said("the admin API is on ").await?);
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Ok((gateway, address, admin))
}

async fn serve(listener: TcpListener) -> Result<(), Failure> {
    loop {
        let (stream, _) = listener.accept().await?;
        let service = service_fn(async |request: Request<Incoming>| {
            // A body that breaks off is the gateway's to tell of.
            let read = request.into_body().collect().await.map_or(0, |body| body.to_bytes().len());
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(read.to_string())))
        });
        tokio::spawn(
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
        );
    }
}

/// Sends a request, and tells how it ended.
async fn ask(address: SocketAddr, method: &str, path: &str, body: usize) -> String {
    let asked = async { ask_on(TcpStream::connect(address).await?, method, path, body).await };
    ended(asked.await, body)
}

async fn ask_on(mut stream: TcpStream, method: &str, path: &str, body: usize) -> std::io::Result<String> {
    let head =
        format!("{method} {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {body}\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&vec![b'x'; body]).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

async fn ask_over_http2(mut client: SendRequest<Full<Bytes>>) -> String {
    let asked = async {
        let request = Request::post("http://a/asleep").body(Full::from(vec![b'x'; BODY]))?;
        let response = client.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        let cut = if status == 200 && body != BODY.to_string().as_bytes() { "CUT" } else { "" };
        Ok::<_, Failure>(format!("{} {cut}", status.as_u16()))
    };
    asked.await.unwrap_or_else(|error| error.to_string())
}

fn ended(answer: std::io::Result<String>, body: usize) -> String {
    match answer {
        Ok(answer) => {
            let retry = answer.lines().find(|line| line.starts_with("retry-after")).unwrap_or_default();
            let whole = body == 0 || answer.ends_with(&format!("\r\n\r\n{body}"));
            let status = answer.get(9..12).unwrap_or("none");
            format!("{status} {retry}{}", if status == "200" && !whole { "CUT" } else { "" })
        }
        Err(error) => error.kind().to_string(),
    }
}

/// Waits until that many are held.
async fn wait_for_held(admin: SocketAddr, held: usize) -> Result<(), Failure> {
    let all = async {
        loop {
            let io = TokioIo::new(TcpStream::connect(admin).await?);
            let (mut client, connection) = hyper::client::conn::http1::handshake(io).await?;
            tokio::spawn(connection);
            let request = Request::get("/api/services/asleep").header("host", "localhost");
            let answer = client.send_request(request.body(Full::<Bytes>::default())?).await?;
            let status: serde_json::Value =
                serde_json::from_slice(&answer.into_body().collect().await?.to_bytes())?;
            if status["held"] == held {
                return Ok(());
            }
        }
    };
    timeout(Duration::from_secs(60), all).await.map_err(|_| format!("{held} are not held"))?
}

struct Times {
    p50: Duration,
    p99: Duration,
}

impl Times {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self { p50: times[times.len() / 2], p99: times[times.len() * 99 / 100] }
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "p50 {:.0?}, p99 {:.0?}", self.p50, self.p99)
    }
}

/// The times of the awake route, on eight connections one request after the other.
async fn round(address: SocketAddr) -> Result<Vec<Duration>, Failure> {
    let mut clients = JoinSet::new();
    for _ in 0..8 {
        clients.spawn(async move {
            let io = TokioIo::new(TcpStream::connect(address).await?);
            let (mut client, connection) = hyper::client::conn::http1::handshake(io).await?;
            tokio::spawn(connection);
            let mut times = Vec::new();
            for _ in 0..ROUND / 8 {
                let began = Instant::now();
                let request = Request::get("/").header("host", "a").body(Full::<Bytes>::default())?;
                let response = client.send_request(request).await?;
                if response.status() != 200 {
                    return Err(response.status().to_string().into());
                }
                response.into_body().collect().await?;
                times.push(began.elapsed());
            }
            Ok::<_, Failure>(times)
        });
    }
    let mut times = Vec::new();
    while let Some(each) = clients.join_next().await {
        times.extend(each??);
    }
    Ok(times)
}

/// What a process has in memory.
fn megabytes(process: u32) -> Result<u64, Failure> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? / 1000)
}
