use std::collections::VecDeque;
use std::io;
use std::sync::Mutex;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::*;
use crate::model::{Address, HttpCheck, Kind};
use crate::net::{ANY_LOOPBACK, BoxFuture, Io, TokioNet};

const LONG: Duration = Duration::from_secs(30);

fn checked_by(check: Check) -> Spec {
    let mut spec = Spec::new("web", Kind::Fixed);
    spec.health = Some(Health { check, interval: Duration::from_millis(500), timeout: LONG });
    spec
}

fn over_http() -> HttpCheck {
    HttpCheck { path: "/healthz?deep=1".into(), status: vec![(200, 299), (401, 401)], host: None }
}

fn target(address: std::net::SocketAddr) -> Target {
    Target { instance: "process 1 #1".into(), address: address.into() }
}

/// Reads a request's head.
async fn head(stream: &mut (impl Io + ?Sized)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// What a server that answers with this makes of one HTTP check, and the request that it got.
async fn one_http_check(check: HttpCheck, answer: &'static str) -> (Result<(), ProbeError>, String, String) {
    let listener = TcpListener::bind(ANY_LOOPBACK).await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let request = head(&mut stream).await;
        stream.write_all(answer.as_bytes()).await.unwrap();
        request
    });
    let result = probe(&TokioNet, &checked_by(Check::Http(check)), &target(address)).await;
    (result, server.await.unwrap(), address.to_string())
}

#[tokio::test]
async fn an_http_check_asks_for_its_path_and_takes_its_statuses() {
    let (result, request, address) = one_http_check(over_http(), "HTTP/1.1 204 No Content\r\n\r\n").await;
    result.unwrap();
    assert!(request.starts_with("GET /healthz?deep=1 HTTP/1.1\r\n"), "{request}");
    assert!(request.contains(&format!("host: {address}\r\n")), "{request}");

    let named = HttpCheck { host: Some("shop.example".into()), ..over_http() };
    let (result, request, _) =
        one_http_check(named, "HTTP/1.1 401 Who\r\ncontent-length: 3\r\n\r\nyou").await;
    result.unwrap();
    assert!(request.contains("host: shop.example\r\n"), "{request}");

    let (result, ..) =
        one_http_check(over_http(), "HTTP/1.1 503 Warming up\r\ncontent-length: 0\r\n\r\n").await;
    assert!(matches!(result, Err(ProbeError::Status(503))), "{result:?}");
    let (result, ..) = one_http_check(over_http(), "SSH-2.0-OpenSSH\r\n\r\n").await;
    assert!(matches!(result, Err(ProbeError::Http(_))), "{result:?}");
    let (result, ..) = one_http_check(over_http(), "").await;
    assert!(matches!(result, Err(ProbeError::Http(_))), "{result:?}");
}

#[tokio::test]
async fn a_tcp_check_connects_and_no_more() {
    let listener = TcpListener::bind(ANY_LOOPBACK).await.unwrap();
    let target = target(listener.local_addr().unwrap());
    probe(&TokioNet, &checked_by(Check::Tcp), &target).await.unwrap();
    assert_eq!(listener.accept().await.unwrap().0.read(&mut [0]).await.unwrap(), 0);
    drop(listener);
    let refused = probe(&TokioNet, &checked_by(Check::Tcp), &target).await;
    assert!(matches!(refused, Err(ProbeError::Connect(_))), "{refused:?}");
}

#[tokio::test]
async fn without_a_check_a_target_passes() {
    let spec = Spec::new("web", Kind::Fixed);
    let net = Arc::new(Scripted::new([]));
    probe(&*net, &spec, &target(ANY_LOOPBACK)).await.unwrap();
    let mut reports = 0;
    run(net, spec.into(), target(ANY_LOOPBACK), watch::channel(Pace::Waking).1, |report| {
        report.unwrap();
        reports += 1;
    })
    .await;
    assert_eq!(reports, 1);
}

#[cfg(feature = "server")]
#[tokio::test]
async fn an_http_check_speaks_http_2_where_the_service_does() {
    use http_body_util::Full;
    use hyper::service::service_fn;
    use hyper_util::rt::{TokioExecutor, TokioIo};

    let listener = TcpListener::bind(ANY_LOOPBACK).await.unwrap();
    let target = target(listener.local_addr().unwrap());
    let (seen, mut requests) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let answer = service_fn(|request: ::http::Request<_>| {
            let _: &hyper::body::Incoming = request.body();
            seen.send((request.version(), request.uri().to_string())).unwrap();
            async { Ok::<_, io::Error>(::http::Response::new(Full::new(bytes::Bytes::from_static(b"ok")))) }
        });
        let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        server.serve_connection(TokioIo::new(stream), answer).await
    });
    let mut spec = checked_by(Check::Http(over_http()));
    spec.protocol = crate::model::Protocol::H2;
    probe(&TokioNet, &spec, &target).await.unwrap();
    let (version, uri) = requests.recv().await.unwrap();
    assert_eq!(version, ::http::Version::HTTP_2);
    assert_eq!(uri, format!("http://{}/healthz?deep=1", target.address));
}

#[cfg(feature = "process")]
mod exec {
    use super::*;

    fn command(script: &str) -> Spec {
        checked_by(Check::Exec(["sh", "-c", script].map(str::to_owned).into()))
    }

    async fn check(spec: &Spec) -> Result<(), ProbeError> {
        let target = Target { instance: "1".into(), address: Address::Name("db.internal".into(), 5432) };
        probe(&TokioNet, spec, &target).await
    }

    #[tokio::test]
    async fn a_command_passes_by_its_exit_code() {
        check(&command("test \"$HOST:$PORT\" = db.internal:5432")).await.unwrap();
        let error = check(&command("echo 1 >&2; echo not yet >&2; exit 7")).await.unwrap_err();
        assert_eq!(error.to_string(), "`sh` exit status: 7: not yet");
        let error = check(&checked_by(Check::Exec(vec!["no-such-check".into()]))).await.unwrap_err();
        assert!(error.to_string().starts_with("`no-such-check` cannot be run: No such file"), "{error}");
    }

    #[tokio::test]
    async fn a_command_that_talks_a_lot_is_not_stuck() {
        check(&command(
            "i=0; while [ $i -lt 3000 ]; do echo a line that fills the pipe >&2; i=$((i+1)); done",
        ))
        .await
        .unwrap();
    }

    #[tokio::test]
    async fn a_command_that_hangs_is_killed_with_what_it_started() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("pid");
        let spec = command(&format!("sleep 1000 & echo $! > {0}.new; mv {0}.new {0}; wait", file.display()));
        let pid = tokio::select! {
            result = check(&spec) => panic!("it ended: {result:?}"),
            pid = async {
                loop {
                    match std::fs::read_to_string(&file) {
                        Ok(pid) => return pid,
                        Err(_) => time::sleep(Duration::from_millis(5)).await,
                    }
                }
            } => pid,
        };
        // The check was dropped, as it is when its time is over.
        let stat = format!("/proc/{}/stat", pid.trim());
        let pid = rustix::process::Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
        let zombie = || std::fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") Z "));
        while rustix::process::test_kill_process(pid).is_ok() && !zombie() {
            time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// What happens to a connection, in turn.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Refused,
    Silence,
    Status(u16),
}
use Fate::{Refused, Silence, Status};

/// A network on which every connection has its fate; the last one repeats.
#[derive(Debug)]
struct Scripted {
    fates: Mutex<VecDeque<Fate>>,
    tries: mpsc::UnboundedSender<Instant>,
    tried: Mutex<mpsc::UnboundedReceiver<Instant>>,
}

impl Scripted {
    fn new(fates: impl IntoIterator<Item = Fate>) -> Self {
        let (tries, tried) = mpsc::unbounded_channel();
        Self { fates: Mutex::new(fates.into_iter().collect()), tries, tried: Mutex::new(tried) }
    }

    /// The milliseconds from one try to the next.
    fn gaps(&self) -> Vec<u128> {
        let mut tried = self.tried.lock().unwrap();
        let times: Vec<Instant> = std::iter::from_fn(|| tried.try_recv().ok()).collect();
        times.windows(2).map(|pair| (pair[1] - pair[0]).as_millis()).collect()
    }
}

impl Net for Scripted {
    fn connect<'a>(&'a self, _: &'a Address) -> BoxFuture<'a, io::Result<Box<dyn Io>>> {
        let mut fates = self.fates.lock().unwrap();
        let fate = if fates.len() > 1 { fates.pop_front().unwrap() } else { fates[0] };
        self.tries.send(Instant::now()).unwrap();
        Box::pin(async move {
            let (ours, mut theirs) = tokio::io::duplex(4096);
            match fate {
                Refused => return Err(io::ErrorKind::ConnectionRefused.into()),
                Silence => {
                    tokio::spawn(async move { theirs.read_to_end(&mut Vec::new()).await });
                }
                Status(status) => {
                    tokio::spawn(async move {
                        head(&mut theirs).await;
                        let answer = format!("HTTP/1.1 {status} So\r\ncontent-length: 0\r\n\r\n");
                        theirs.write_all(answer.as_bytes()).await
                    });
                }
            }
            Ok(Box::new(ours) as Box<dyn Io>)
        })
    }
}

/// A prober on a scripted network, with paused time.
struct Bench {
    net: Arc<Scripted>,
    pace: watch::Sender<Pace>,
    reports: mpsc::UnboundedReceiver<Result<(), ProbeError>>,
}

fn prober(pace: Pace, fates: impl IntoIterator<Item = Fate>) -> Bench {
    let net = Arc::new(Scripted::new(fates));
    let (pace, paces) = watch::channel(pace);
    let (sender, reports) = mpsc::unbounded_channel();
    let spec = Arc::new(checked_by(Check::Http(over_http())));
    tokio::spawn(run(net.clone(), spec, target(ANY_LOOPBACK), paces, move |report| {
        sender.send(report).unwrap()
    }));
    Bench { net, pace, reports }
}

impl Bench {
    async fn reported(&mut self) -> String {
        match self.reports.recv().await.unwrap() {
            Ok(()) => "healthy".into(),
            Err(error) => error.to_string(),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn while_waking_it_tries_often_and_the_first_success_counts() {
    let start = Instant::now();
    let fates = [Refused, Refused, Status(503), Status(503), Silence, Status(200)];
    let mut bench = prober(Pace::Waking, fates);
    assert_eq!(bench.reported().await, "cannot connect: connection refused");
    assert_eq!(start.elapsed(), Duration::ZERO, "the first try comes at once");
    assert_eq!(bench.reported().await, "answered with status 503");
    assert_eq!(bench.reported().await, "no answer within 30s");
    assert_eq!(bench.reported().await, "healthy");
    // Refused: 200 ms at most. Answered: the interval. Unanswered: the timeout comes on top.
    assert_eq!(bench.net.gaps(), [200, 200, 500, 500, 30_500]);
    assert_eq!(start.elapsed().as_millis(), 31_900, "it is reported at once");
}

#[tokio::test(start_paused = true)]
async fn while_awake_one_failure_is_doubted_and_three_are_believed() {
    let fates = [200, 500, 500, 200, 200, 500, 500, 500, 500, 200].map(Status);
    let mut bench = prober(Pace::Awake, fates);
    assert_eq!(bench.reported().await, "healthy");
    assert_eq!(bench.reported().await, "answered with status 500");
    assert_eq!(bench.reported().await, "healthy");
    let gaps = bench.net.gaps();
    for slow in [0, 3, 4] {
        assert!((4500..=5500).contains(&gaps[slow]), "{gaps:?}");
    }
    // In doubt the interval; once sick a second.
    assert_eq!([&gaps[1..3], &gaps[5..]].concat(), [500, 500, 500, 500, 1000, 1000]);
}

#[tokio::test(start_paused = true)]
async fn while_awake_two_refusals_are_believed() {
    let mut bench = prober(Pace::Awake, [Status(200), Refused, Status(200), Refused, Refused, Status(200)]);
    assert_eq!(bench.reported().await, "healthy");
    assert_eq!(bench.reported().await, "cannot connect: connection refused");
    assert_eq!(bench.net.gaps().len(), 4);
    assert_eq!(bench.reported().await, "healthy");
}

#[tokio::test(start_paused = true)]
async fn a_word_about_the_pace_brings_the_next_try_forward() {
    let mut bench = prober(Pace::Awake, [Status(200), Status(200), Refused]);
    assert_eq!(bench.reported().await, "healthy");
    bench.pace.send(Pace::Awake).unwrap();
    tokio::task::yield_now().await;
    bench.pace.send(Pace::Waking).unwrap();
    assert_eq!(bench.reported().await, "cannot connect: connection refused");
    assert!(bench.net.gaps().iter().sum::<u128>() < 1000, "it did not wait its slow turn");
}

#[tokio::test(start_paused = true)]
async fn it_ends_with_its_owner() {
    let Bench { pace, mut reports, .. } = prober(Pace::Awake, [Status(200)]);
    reports.recv().await.unwrap().unwrap();
    drop(pace);
    assert!(reports.recv().await.is_none());
}
