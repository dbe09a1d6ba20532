//! With real children: `sh`, `sleep`, and this test's own binary. Nothing here waits for a time to pass: each
//! step waits for the provider's nudge or for a line of output.

mod lines;
mod orphans;

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use super::*;
use crate::model::{Address, ProcessSpec};
use crate::provider::Nudged;

/// Far more than anything here takes; only a failing test gets there.
const LIMIT: Duration = Duration::from_secs(30);

/// A provider, its nudges and its children's output.
struct Bench {
    process: Process,
    nudged: Nudged,
    lines: mpsc::UnboundedReceiver<lines::Line>,
    _log: tracing::subscriber::DefaultGuard,
}

fn bench() -> Bench {
    let (nudge, nudged) = Nudge::channel();
    let (log, lines) = lines::capture();
    Bench { process: Process::new(Clock::start(), nudge), nudged, lines, _log: log }
}

fn spec(name: &str, command: &[&str]) -> Spec {
    let process = ProcessSpec {
        command: command.iter().map(ToString::to_string).collect(),
        env: BTreeMap::new(),
        directory: None,
        port: None,
        stop_timeout: LIMIT,
        job: false,
    };
    Spec::new(name, Kind::Process(process))
}

fn sh(script: &str) -> Spec {
    spec("web", &["sh", "-c", script])
}

fn set(spec: &mut Spec, change: impl FnOnce(&mut ProcessSpec)) {
    let Kind::Process(process) = &mut spec.kind else { panic!("not a process") };
    change(process);
}

impl Bench {
    async fn look(&self, spec: &Arc<Spec>) -> Observation {
        self.process.observe(std::slice::from_ref(spec)).await.remove(0).unwrap()
    }

    /// Looks again at every nudge, until it sees what it waits for.
    async fn until(&mut self, spec: &Arc<Spec>, what: impl Fn(&Observation) -> bool) -> Observation {
        let wait = async {
            loop {
                let seen = self.look(spec).await;
                if what(&seen) {
                    return seen;
                }
                self.nudged.0.recv().await.unwrap();
            }
        };
        timeout(LIMIT, wait).await.expect("it was never observed")
    }

    async fn line(&mut self) -> lines::Line {
        timeout(LIMIT, self.lines.recv()).await.expect("no line came").unwrap()
    }
}

/// Whether this process is there, and no zombie that process 1 has yet to reap.
fn exists(pid: &str) -> bool {
    let there =
        rustix::process::test_kill_process(rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap());
    let dead = std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "));
    there.is_ok() && !dead
}

#[tokio::test]
async fn it_starts_and_stops_a_child() {
    let mut bench = bench();
    let web = Arc::new(sh("echo $$; exec sleep 1000"));
    assert_eq!(bench.look(&web).await, Observation::default());

    bench.process.scale(&web, 1).await.unwrap();
    let up = bench.look(&web).await;
    assert_eq!((up.desired, up.running, up.stopping), (1, 1, 0));
    assert_eq!(up.targets, [], "it has no port");
    let pid = bench.line().await.text;
    assert!(exists(&pid));

    bench.process.scale(&web, 0).await.unwrap();
    let stopping = bench.look(&web).await;
    assert_eq!((stopping.desired, stopping.running, stopping.stopping), (0, 0, 1));
    let down = bench.until(&web, |seen| seen.stopping == 0).await;
    assert_eq!(down, Observation::default(), "to be told to stop is no fault");
    assert!(!exists(&pid));
}

#[tokio::test]
async fn asking_again_changes_nothing() {
    let mut bench = bench();
    let mut web = sh("echo started; exec sleep 1000");
    set(&mut web, |process| process.port = Some(0));
    let web = Arc::new(web);
    bench.process.scale(&web, 2).await.unwrap();
    let first = bench.look(&web).await;
    bench.process.scale(&web, 2).await.unwrap();
    assert_eq!(bench.look(&web).await, first);
    assert_eq!(first.targets.len(), 2);
    assert_ne!(first.targets[0].address, first.targets[1].address);
    assert_ne!(first.targets[0].instance, first.targets[1].instance);

    bench.process.scale(&web, 1).await.unwrap();
    let one = bench.until(&web, |seen| seen.running == 1 && seen.stopping == 0).await;
    assert_eq!(one.targets, first.targets[..1]);
    bench.process.shutdown().await;
}

#[tokio::test]
async fn a_child_that_does_not_stop_is_killed_with_all_it_started() {
    let mut bench = bench();
    let mut web = sh("trap '' TERM; sleep 1000 & echo $!; while :; do sleep 1000; done");
    set(&mut web, |process| process.stop_timeout = Duration::from_millis(50));
    let web = Arc::new(web);
    bench.process.scale(&web, 1).await.unwrap();
    let grandchild = bench.line().await.text;
    assert!(exists(&grandchild));
    bench.process.scale(&web, 0).await.unwrap();
    bench.until(&web, |seen| seen.stopping == 0).await;
    assert!(!exists(&grandchild));
}

#[tokio::test]
async fn what_a_dead_child_started_dies_too() {
    let mut bench = bench();
    let web = Arc::new(sh("sleep 1000 & echo $! >&2; exit 3"));
    bench.process.scale(&web, 1).await.unwrap();
    let line = bench.line().await;
    assert_eq!((line.service.as_str(), line.stream.as_str()), ("web", "stderr"));
    let dead = bench.until(&web, |seen| seen.fault.is_some() && seen.stopping == 0).await;
    let fault = dead.fault.unwrap();
    assert_eq!(&*fault.reason, format!("`web` exited with code 3: {}", line.text));
    assert!(!fault.terminal && fault.at.is_some());
    assert!(!exists(&line.text));
    bench.process.shutdown().await;
}

#[tokio::test]
async fn a_dead_child_is_started_again() {
    let mut bench = bench();
    let mut web = sh("echo $PORT; read -r line < /dev/null; kill -KILL $$");
    set(&mut web, |process| process.port = Some(0));
    let web = Arc::new(web);
    bench.process.scale(&web, 1).await.unwrap();
    let first = bench.line().await.text;
    let fault = bench.until(&web, |seen| seen.fault.is_some()).await.fault.unwrap();
    assert_eq!(&*fault.reason, format!("`web` was killed by signal 9 (SIGKILL): {first}"));
    bench.line().await;
    bench.process.shutdown().await;
}

#[tokio::test]
async fn an_order_ends_the_pause() {
    let mut bench = bench();
    let web = Arc::new(sh("echo dying; exit 1"));
    // By themselves these starts would take 200 ms + 400 ms + … = 102 s, far past the limit.
    let rounds = async {
        for _ in 0..10 {
            bench.process.scale(&web, 1).await.unwrap();
            assert_eq!(bench.line().await.text, "dying");
            bench.until(&web, |seen| seen.fault.is_some() && seen.running == 0).await;
        }
    };
    timeout(LIMIT, rounds).await.expect("the pauses were made");
    bench.process.scale(&web, 0).await.unwrap();
    let asleep = bench.until(&web, |seen| seen.stopping == 0).await;
    assert_eq!(asleep, Observation::default(), "asleep it has no fault");
}

#[tokio::test]
async fn what_cannot_be_started_is_told_at_once_and_harms_nobody_else() {
    let bench = bench();
    let web = Arc::new(spec("web", &["no-such-binary", "--flag"]));
    let fault = bench.process.scale(&web, 1).await.unwrap_err();
    assert!(fault.reason.starts_with("cannot start `web`: `no-such-binary`: No such file"), "{fault}");
    assert!(fault.terminal && fault.at.is_some());
    let seen = bench.look(&web).await;
    assert_eq!((seen.desired, seen.running, seen.fault), (1, 0, Some(fault)));

    let mut lost = sh("exit 0");
    set(&mut lost, |process| process.directory = Some("/no/such/directory".into()));
    let fault = bench.process.scale(&Arc::new(lost), 1).await.unwrap_err();
    assert!(fault.reason.contains("its directory `/no/such/directory`: No such file"), "{fault}");

    // The description was mended: the same name starts now.
    let web = Arc::new(sh("exec sleep 1000"));
    bench.process.scale(&web, 1).await.unwrap();
    let seen = bench.look(&web).await;
    assert_eq!((seen.running, seen.fault), (1, None));
    bench.process.shutdown().await;
}

#[tokio::test]
async fn a_job_runs_once_each_time_it_is_woken() {
    let mut bench = bench();
    let mut job = sh("echo ran");
    set(&mut job, |process| process.job = true);
    let job = Arc::new(job);
    for _ in 0..2 {
        bench.process.scale(&job, 1).await.unwrap();
        let done = bench.until(&job, |seen| seen.completed).await;
        assert_eq!((done.desired, done.running, done.fault), (1, 0, None));
        bench.process.scale(&job, 1).await.unwrap();
        bench.process.scale(&job, 0).await.unwrap();
        assert_eq!(bench.until(&job, |seen| !seen.completed).await, Observation::default());
    }
    bench.process.shutdown().await;
    assert_eq!(bench.line().await.text, "ran");
    assert_eq!(bench.line().await.text, "ran");
    assert!(bench.lines.try_recv().is_err(), "asking again does not run it again");

    let mut service = sh("exit 0");
    set(&mut service, |process| process.job = false);
    let (service, mut bench) = (Arc::new(service), self::bench());
    bench.process.scale(&service, 1).await.unwrap();
    let fault = bench.until(&service, |seen| seen.fault.is_some()).await.fault.unwrap();
    assert_eq!(&*fault.reason, "`web` exited with code 0");
    bench.process.shutdown().await;
}

#[tokio::test]
async fn a_child_gets_its_port_environment_and_directory() {
    let mut bench = bench();
    let directory = tempfile::tempdir().unwrap();
    let mut web = sh("echo \"$PORT $GREETING $(pwd -P) ${HOME:+home}\"; exec sleep 1000");
    set(&mut web, |process| {
        process.port = Some(7000);
        process.env.insert("GREETING".into(), "hello there".into());
        process.directory = Some(directory.path().to_owned());
    });
    let web = Arc::new(web);
    bench.process.scale(&web, 2).await.unwrap();
    let place = directory.path().canonicalize().unwrap();
    let home = std::env::var_os("HOME").map_or("", |_| "home");
    let mut lines = [bench.line().await.text, bench.line().await.text];
    lines.sort();
    assert_eq!(lines, [7000, 7001].map(|port| format!("{port} hello there {} {home}", place.display())));
    let targets = bench.look(&web).await.targets;
    let addresses: Vec<&Address> = targets.iter().map(|target| &target.address).collect();
    assert_eq!(addresses, [7000, 7001].map(|port| Address::Socket(([127, 0, 0, 1], port).into())).each_ref());
    bench.process.shutdown().await;
}

#[tokio::test]
async fn demand_while_it_stops_starts_it_anew_once_the_old_one_is_gone() {
    let mut bench = bench();
    let web = Arc::new(sh("echo $$; exec sleep 1000"));
    bench.process.scale(&web, 1).await.unwrap();
    let old = bench.line().await.text;
    bench.process.scale(&web, 0).await.unwrap();
    bench.process.scale(&web, 1).await.unwrap();
    assert_eq!(bench.look(&web).await.desired, 1);
    let new = bench.line().await.text;
    assert_ne!(old, new);
    assert!(!exists(&old), "both ran at once");
    bench.until(&web, |seen| seen.running == 1).await;
    bench.process.shutdown().await;
}

#[tokio::test]
async fn after_a_shutdown_nothing_is_left_and_nothing_starts() {
    let mut bench = bench();
    let web = Arc::new(sh("echo $$; exec sleep 1000"));
    let api = Arc::new(Spec { name: "api".into(), ..sh("echo $$; exec sleep 1000") });
    bench.process.scale(&web, 1).await.unwrap();
    bench.process.scale(&api, 1).await.unwrap();
    let pids = [bench.line().await.text, bench.line().await.text];
    bench.process.shutdown().await;
    assert!(pids.iter().all(|pid| !exists(pid)));
    bench.process.scale(&web, 1).await.unwrap_err();
    assert_eq!(bench.look(&web).await, Observation::default());
}

#[tokio::test]
async fn what_is_not_a_process_is_refused() {
    let bench = bench();
    let fixed = Arc::new(Spec::new("cdn", Kind::Fixed));
    assert!(bench.process.scale(&fixed, 1).await.unwrap_err().terminal);
    bench.process.observe(&[fixed]).await.remove(0).unwrap_err();
}
