//! The binary as its users have it: a configuration, a running gateway, its log, its admin API.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::watch;

use crate::binary_service::{ARGUMENTS, NAME, SHARED, Shared};
use crate::proxy_kit::{TestBody, ask, full, soon};

/// The environment as far as the binary reads it, taken away.
const VARIABLES: [&str; 5] =
    ["WAKEGATE_CONFIG", "WAKEGATE_CONFIG_FILE", "WAKEGATE_ADMIN", "WAKEGATE_ADMIN_TOKEN", "WAKEGATE_LOG"];

/// The binary, with nothing of this environment's own settings.
pub(crate) fn wakegate(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wakegate"));
    command.args(args).stdin(Stdio::null()).kill_on_drop(true);
    for variable in VARIABLES {
        command.env_remove(variable);
    }
    command
}

// === Before the start ===

/// A directory with a configuration in it, which the services of a test can see too.
pub(crate) struct Scene {
    directory: TempDir,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// A service that is this test program once more, see [`crate::binary_service`].
    pub(crate) fn service(&self, name: &str, env: &[(&str, &str)], change: Value) -> Value {
        let mut service = json!({
            "process": { "command": self.program(), "port": 0, "env": self.env(name, env) },
            "health": { "path": "/healthz", "interval": "20ms" },
        });
        merge(&mut service, change);
        service
    }

    /// The same without a port.
    pub(crate) fn worker(&self, name: &str) -> Value {
        json!({ "process": { "command": self.program(), "env": self.env(name, &[]) } })
    }

    fn program(&self) -> Vec<String> {
        let program = std::env::current_exe().unwrap().to_str().unwrap().to_owned();
        std::iter::once(program).chain(ARGUMENTS.map(str::to_owned)).collect()
    }

    fn env(&self, name: &str, env: &[(&str, &str)]) -> Value {
        let mut all = json!({ NAME: name, SHARED: self.directory.path() });
        for (name, value) in env {
            all[name] = json!(value);
        }
        all
    }

    /// Lets whoever waits for this file go on.
    pub(crate) fn allow(&self, file: &str) {
        std::fs::write(self.directory.path().join(file), "").unwrap();
    }

    pub(crate) fn forbid(&self, file: &str) {
        std::fs::remove_file(self.directory.path().join(file)).unwrap();
    }

    /// How often the service of this name was started.
    pub(crate) fn starts(&self, name: &str) -> usize {
        let file = format!("{name}.starts");
        if !Shared(self.directory.path().to_owned()).has(&file) {
            return 0;
        }
        std::fs::read_to_string(self.directory.path().join(file)).unwrap().lines().count()
    }

    /// Writes the configuration, as an editor does: the file is there whole or not at all.
    pub(crate) fn write(&self, config: &str) -> PathBuf {
        let path = self.directory.path().join("wakegate.yaml");
        let new = self.directory.path().join("wakegate.yaml.new");
        std::fs::write(&new, config).unwrap();
        std::fs::rename(new, &path).unwrap();
        path
    }

    /// Runs the binary to its end, with this configuration.
    pub(crate) async fn run(&self, args: &[&str], config: &str) -> Ran {
        let path = self.write(config);
        run(wakegate(args).arg("--config").arg(path)).await
    }

    /// Starts a gateway, and waits until it listens and has seen that everything is asleep that can be.
    pub(crate) async fn start(&self, config: &Value) -> Gateway {
        let path = self.write(&config.to_string());
        let mut gateway = Gateway::spawn(wakegate(&["serve", "--config"]).arg(path));
        gateway.listens().await;
        for (name, service) in config["services"].as_object().unwrap() {
            let sleeps = service["upstream"].is_null();
            gateway.phase(name, if sleeps { "asleep" } else { "awake" }).await;
        }
        gateway
    }
}

/// A configuration of these services; each that has a port is routed by its name as the first part of the path, and
/// everything else goes to the first of them. Nobody goes to sleep during a test that does not say so.
pub(crate) fn config<const N: usize>(services: [(&str, Value); N]) -> Value {
    let mut routes: Vec<Value> = services
        .iter()
        .filter(|(_, service)| service["process"]["port"].is_number())
        .map(|(name, _)| {
            json!({
                "path": format!("/{name}/*"), "service": name, "strip_prefix": format!("/{name}"),
            })
        })
        .collect();
    routes.push(json!({ "service": services[0].0 }));
    let services: serde_json::Map<_, _> =
        services.into_iter().map(|(name, service)| (name.to_owned(), service)).collect();
    json!({
        "listeners": [{ "address": "127.0.0.1:0" }],
        "admin": { "address": "127.0.0.1:0" },
        "defaults": { "idle_after": "1h", "hold_timeout": "1m" },
        "shutdown": { "drain_delay": "0s", "drain_timeout": "1s" },
        "services": services,
        "routes": routes,
    })
}

/// Puts the second over the first, key by key.
pub(crate) fn merge(value: &mut Value, over: Value) {
    match over {
        Value::Object(over) if value.is_object() => {
            for (key, over) in over {
                merge(&mut value[key], over);
            }
        }
        Value::Null => {}
        over => *value = over,
    }
}

/// What a run of the binary came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) async fn run(command: &mut Command) -> Ran {
    let output = soon(command.output()).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

// === The running gateway ===

/// A gateway in a process of its own. It is killed with this; its guard then ends what it ran.
pub(crate) struct Gateway {
    process: Child,
    log: Lines,
    out: Lines,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
}

/// The lines that a program has written so far.
#[derive(Clone)]
pub(crate) struct Lines(watch::Receiver<Vec<String>>);

impl Lines {
    fn of(stream: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let (sender, lines) = watch::channel(Vec::new());
        tokio::spawn(async move {
            let mut stream = BufReader::new(stream).lines();
            while let Ok(Some(line)) = stream.next_line().await {
                sender.send_modify(|lines| lines.push(line));
            }
        });
        Self(lines)
    }

    /// Waits until they have what is looked for.
    pub(crate) async fn find<T>(&self, mut look: impl FnMut(&[String]) -> Option<T>) -> T {
        let mut lines = self.0.clone();
        let mut found = None;
        let waited = tokio::time::timeout(
            Duration::from_secs(20),
            lines.wait_for(|lines| {
                found = look(lines);
                found.is_some()
            }),
        );
        let ended = !matches!(waited.await, Ok(Ok(_)));
        found.unwrap_or_else(|| panic!("not told (ended: {ended}): {:#?}", self.0.borrow()))
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.borrow().clone()
    }
}

impl Gateway {
    /// Runs this command; nothing is waited for.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (out, log) = (process.stdout.take().unwrap(), process.stderr.take().unwrap());
        let nowhere = wakegate::net::ANY_LOOPBACK;
        Self { process, log: Lines::of(log), out: Lines::of(out), address: nowhere, admin: nowhere }
    }

    /// Waits until it takes requests, and learns where.
    pub(crate) async fn listens(&mut self) {
        let address = |prefix: &'static str| {
            self.log.find(move |lines| {
                lines.iter().find_map(|line| message(line)?.strip_prefix(prefix)?.parse().ok())
            })
        };
        (self.address, self.admin) = (address("listening on ").await, address("the admin API is on ").await);
    }

    pub(crate) fn log(&self) -> &Lines {
        &self.log
    }

    pub(crate) fn out(&self) -> &Lines {
        &self.out
    }

    /// Waits until a message of the log has this in it, and returns its line.
    pub(crate) async fn logs(&self, text: &str) -> String {
        let has = |line: &&String| message(line).is_some_and(|message| message.contains(text));
        self.log.find(|lines| lines.iter().find(has).cloned()).await
    }

    /// How many messages of the log have this in them so far.
    pub(crate) fn count(&self, text: &str) -> usize {
        self.log.all().iter().filter(|line| message(line).is_some_and(|it| it.contains(text))).count()
    }

    /// Waits until that many have.
    pub(crate) async fn counts(&self, text: &str, count: usize) {
        self.log.find(|_| (self.count(text) >= count).then_some(())).await;
    }

    // === Requests ===

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(get(path)).await
    }

    pub(crate) async fn ask(&self, request: Request<TestBody>) -> Answer {
        Answer::of(ask(self.address, request).await).await
    }

    /// The same in a task of its own.
    pub(crate) fn asking(&self, request: Request<TestBody>) -> tokio::task::JoinHandle<Answer> {
        let address = self.address;
        tokio::spawn(async move { Answer::of(ask(address, request).await).await })
    }

    /// The head of an answer whose body may take a while.
    pub(crate) async fn head(&self, request: Request<TestBody>) -> http::Response<Incoming> {
        ask(self.address, request).await
    }

    // === The admin API ===

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.admin)
    }

    pub(crate) async fn manage(&self, method: &str, path: &str, body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("host", self.admin.to_string());
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        Answer::of(ask(self.admin, request.body(full(body.to_owned())).unwrap()).await).await
    }

    pub(crate) async fn status(&self, name: &str) -> Value {
        let answer = self.manage("GET", &format!("/api/services/{name}"), "").await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    /// Asks for the service's status until it is as it should be.
    pub(crate) async fn until(&self, name: &str, is: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let asking = async {
            loop {
                last = self.status(name).await;
                if is(&last) {
                    break;
                }
            }
        };
        let reached = tokio::time::timeout(Duration::from_secs(20), asking).await;
        assert!(reached.is_ok(), "{name} stays {last:#}\n{:#?}", self.log.all());
        last
    }

    pub(crate) async fn phase(&self, name: &str, phase: &str) -> Value {
        self.until(name, |status| status["phase"] == phase).await
    }

    pub(crate) async fn held(&self, name: &str, held: u64) {
        self.until(name, |status| status["held"] == held).await;
    }

    /// The only address that the service serves at.
    pub(crate) async fn target(&self, name: &str) -> SocketAddr {
        let status = self.status(name).await;
        status["targets"][0]["address"].as_str().unwrap().parse().unwrap()
    }

    /// Connections to these services, past the gateway: each ends when its service does.
    pub(crate) async fn lifelines(&self, names: &[&str]) -> Vec<TcpStream> {
        let mut all = Vec::new();
        for name in names {
            all.push(TcpStream::connect(self.target(name).await).await.unwrap());
        }
        all
    }

    /// What it has allocated that is in memory now, in megabytes.
    #[cfg(target_os = "linux")]
    pub(crate) fn heap_megabytes(&self) -> u64 {
        let path = format!("/proc/{}/status", self.id());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() / 1_000
    }

    /// Of its process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id().unwrap()
    }

    // === The end ===

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.id().cast_signed()).unwrap(), signal).unwrap();
    }

    pub(crate) async fn ended(&mut self) -> ExitStatus {
        soon(self.process.wait()).await.unwrap()
    }

    /// Fails if the gateway is no longer there.
    pub(crate) fn still_runs(&mut self) {
        assert!(self.process.try_wait().unwrap().is_none(), "{:#?}", self.log.all());
    }
}

/// Waits until whoever is at the other end is gone.
pub(crate) async fn gone(lifelines: Vec<TcpStream>) {
    for mut lifeline in lifelines {
        // A reset says as much as an end.
        let ended = matches!(soon(lifeline.read(&mut [0])).await, Ok(0) | Err(_));
        assert!(ended, "it spoke");
    }
}

fn message(line: &str) -> Option<String> {
    serde_json::from_str::<Value>(line).ok()?["message"].as_str().map(str::to_owned)
}

/// An answer with its whole body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) async fn of(response: http::Response<Incoming>) -> Self {
        let (head, body) = response.into_parts();
        let body = soon(body.collect()).await.unwrap().to_bytes();
        Self { status: head.status, headers: head.headers, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Fails unless the service of this name answered.
    pub(crate) fn is_from(&self, name: &str) {
        assert_eq!(self.status, 200, "{self:?}");
        assert!(self.body.starts_with(&format!("{name} at ")), "{self:?}");
    }

    /// Fails unless this is the gateway's own answer, in RFC 9457's form.
    pub(crate) fn is_problem(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        assert_eq!(self.header("cache-control"), "no-store", "{self:?}");
        let body: Value = serde_json::from_str(&self.body).unwrap();
        assert_eq!(body["code"], code, "{self:?}");
    }
}

// === What clients send ===

pub(crate) fn get(path: &str) -> Request<TestBody> {
    Request::get(path).header("host", "shop.example").body(full("")).unwrap()
}

/// A browser that goes to a page.
pub(crate) fn navigation(path: &str) -> Request<TestBody> {
    let accepts = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let request = Request::get(path).header("host", "shop.example").header("accept", accepts);
    request.header("sec-fetch-mode", "navigate").header("sec-fetch-dest", "document").body(full("")).unwrap()
}

/// A program that calls itself this.
pub(crate) fn from(user_agent: &str, path: &str) -> Request<TestBody> {
    let request = Request::get(path).header("host", "shop.example").header("user-agent", user_agent);
    request.body(full("")).unwrap()
}

/// What the log says of phases, in order: the service and what it went over to.
pub(crate) fn phases(lines: &[String]) -> Vec<(String, String)> {
    let change = |line: &String| {
        let line: Value = serde_json::from_str(line).ok()?;
        line["from"].as_str()?;
        Some((line["service"].as_str()?.to_owned(), line["to"].as_str()?.to_owned()))
    };
    lines.iter().filter_map(change).collect()
}
