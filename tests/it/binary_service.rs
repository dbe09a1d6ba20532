//! A small service for the tests of the binary: this test program itself, run once more by the gateway under test.

use std::io::Write;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{copy, split};
use tokio::net::TcpListener;

use crate::proxy_kit::{TestBody, feed, full};

/// Its name, which also says that it is to be run at all.
pub(crate) const NAME: &str = "WAKEGATE_TEST_SERVICE";
/// The directory that it shares with the test.
pub(crate) const SHARED: &str = "WAKEGATE_TEST_SHARED";
/// It does not listen before a file of this name is there.
pub(crate) const BOOT: &str = "BOOT";
/// It dies at its start while a file of this name is there.
pub(crate) const DIES: &str = "DIES";

/// The arguments that make this program the service.
pub(crate) const ARGUMENTS: [&str; 4] =
    ["--exact", "binary_service::a_service_of_the_gateway_under_test", "--ignored", "--nocapture"];

/// What the handshake of [RFC 6455 section 1.3](https://www.rfc-editor.org/rfc/rfc6455#section-1.3) has as its key,
/// and what is to be answered to it.
pub(crate) const WS_KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const WS_ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

#[test]
#[ignore = "what the gateway runs as its services"]
fn a_service_of_the_gateway_under_test() {
    let Ok(name) = std::env::var(NAME) else { return };
    let shared = Shared(std::env::var(SHARED).unwrap().into());
    shared.note(&format!("{name}.starts"), "start");
    if std::env::var(DIES).is_ok_and(|file| shared.has(&file)) {
        eprintln!("reading the settings");
        eprintln!("cannot open the data directory");
        std::process::exit(3);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        if let Ok(file) = std::env::var(BOOT) {
            shared.wait_for(&file).await;
        }
        match std::env::var("PORT") {
            Ok(port) => listen(App::new(name, shared), port.parse().unwrap()).await,
            Err(_) => std::future::pending().await,
        }
    });
}

/// The directory that a test shares with its services: a file in it says that something may go on.
pub(crate) struct Shared(pub(crate) PathBuf);

impl Shared {
    pub(crate) fn has(&self, file: &str) -> bool {
        self.0.join(file).exists()
    }

    /// Another process makes the file: there is nothing to be woken by.
    async fn wait_for(&self, file: &str) {
        while !self.has(file) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn note(&self, file: &str, line: &str) {
        let file = std::fs::File::options().create(true).append(true).open(self.0.join(file));
        writeln!(file.unwrap(), "{line}").unwrap();
    }
}

struct App {
    name: String,
    shared: Shared,
    in_flight: AtomicUsize,
    most: AtomicUsize,
    arrivals: Mutex<Vec<String>>,
}

impl App {
    fn new(name: String, shared: Shared) -> Arc<Self> {
        let (in_flight, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Self { name, shared, in_flight, most, arrivals: Mutex::default() })
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<TestBody> {
        let target = request.uri().path_and_query().unwrap().to_string();
        if target == "/healthz" {
            return said("ok");
        }
        let now = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        self.arrivals.lock().unwrap().push(format!("{} {target}", request.method()));
        let answer = self.of(request).await;
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
        answer
    }

    async fn of(&self, request: Request<Incoming>) -> Response<TestBody> {
        let path = request.uri().path().to_owned();
        let mut parts = path.split('/').skip(1);
        match (parts.next().unwrap(), parts.next()) {
            ("pid", None) => said(std::process::id().to_string()),
            ("exit", None) => std::process::exit(9),
            ("most", None) => said(self.most.load(Ordering::SeqCst).to_string()),
            ("arrivals", None) => said(self.arrivals.lock().unwrap().join("\n")),
            ("upload", None) => upload(request).await,
            ("websocket", None) => websocket(request),
            ("wait", Some(file)) => {
                self.shared.wait_for(file).await;
                said("waited")
            }
            ("stream", Some(file)) => {
                let (sender, body) = feed();
                let data = |text: &'static str| Ok(Frame::data(Bytes::from_static(text.as_bytes())));
                sender.send(data("begin,")).unwrap();
                let (shared, file) = (Shared(self.shared.0.clone()), file.to_owned());
                tokio::spawn(async move {
                    shared.wait_for(&file).await;
                    // The client may have gone.
                    drop(sender.send(data("end")));
                });
                Response::new(body)
            }
            _ => said(format!("{} at {path}", self.name)),
        }
    }
}

async fn listen(app: Arc<App>, port: u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let app = app.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let app = app.clone();
                async move { Ok::<_, std::convert::Infallible>(app.answer(request).await) }
            });
            let builder = hyper::server::conn::http1::Builder::new();
            // How a connection ends is the gateway's business.
            drop(builder.serve_connection(TokioIo::new(stream), service).with_upgrades().await);
        });
    }
}

fn said(text: impl Into<Bytes>) -> Response<TestBody> {
    Response::new(full(text))
}

/// Says how much came, and its sum.
async fn upload(request: Request<Incoming>) -> Response<TestBody> {
    match request.into_body().collect().await {
        Ok(body) => said(weighed(&body.to_bytes())),
        Err(_) => Response::builder().status(StatusCode::BAD_REQUEST).body(full("")).unwrap(),
    }
}

/// A length and a sum that depends on the order of the bytes.
pub(crate) fn weighed(bytes: &[u8]) -> String {
    let sum = bytes.iter().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
    format!("{} bytes, sum {sum:x}", bytes.len())
}

/// Sends back whatever comes over the tunnel; what a frame is does not matter to the gateway.
fn websocket(mut request: Request<Incoming>) -> Response<TestBody> {
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let (mut reader, mut writer) = split(TokioIo::new(upgrade.await.unwrap()));
        drop(copy(&mut reader, &mut writer).await);
    });
    let mut response = said("");
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    for (name, value) in [
        (header::CONNECTION, "upgrade"),
        (header::UPGRADE, "websocket"),
        (header::SEC_WEBSOCKET_ACCEPT, WS_ACCEPT),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
