//! Gateways that are replaced, behind a load balancer: no probe is lost while one goes and another comes, and a crash
//! costs no more than what was under way on its own connections.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Request;
use http_body_util::BodyExt;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::binary_kit::{Gateway, wakegate};
use crate::proxy_kit::{TestBody, Upstream, full, soon, upstream};

const CHECK_EVERY: Duration = Duration::from_millis(50);
const CLIENTS: usize = 8;

/// A gateway in the balancer's list.
struct Member {
    address: SocketAddr,
    admin: SocketAddr,
    ready: AtomicBool,
}

/// What an application load balancer does: asks each gateway whether it is ready, hands requests to those that are, in
/// turn, over connections that it keeps, and tries nothing twice.
#[derive(Default)]
struct Balancer {
    members: Mutex<Vec<Arc<Member>>>,
    turn: AtomicUsize,
    answered: AtomicUsize,
    over: AtomicBool,
}

impl Balancer {
    async fn add(self: &Arc<Self>, gateway: &Gateway) -> Arc<Member> {
        let (address, admin) = (gateway.address, gateway.admin);
        let member = Arc::new(Member { address, admin, ready: AtomicBool::new(false) });
        self.members.lock().unwrap().push(member.clone());
        let (checked, this) = (member.clone(), self.clone());
        tokio::spawn(async move {
            while !this.over.load(Ordering::SeqCst) {
                let ready = is_ready(checked.admin).await;
                checked.ready.store(ready, Ordering::SeqCst);
                tokio::time::sleep(CHECK_EVERY).await;
            }
        });
        soon(async {
            while !member.ready.load(Ordering::SeqCst) {
                tokio::task::yield_now().await;
            }
        })
        .await;
        member
    }

    fn next(&self) -> Arc<Member> {
        let members = self.members.lock().unwrap();
        let ready: Vec<_> = members.iter().filter(|it| it.ready.load(Ordering::SeqCst)).collect();
        ready[self.turn.fetch_add(1, Ordering::SeqCst) % ready.len()].clone()
    }

    /// A client that asks without a pause. Returns what was lost: to whom, and how.
    fn client(self: &Arc<Self>, over_h2: bool) -> JoinHandle<Vec<(SocketAddr, String)>> {
        let this = self.clone();
        tokio::spawn(async move {
            let (mut lost, mut kept) = (Vec::new(), Vec::<(SocketAddr, Connection)>::new());
            while !this.over.load(Ordering::SeqCst) {
                let to = this.next().address;
                let at = kept.iter().position(|(address, _)| *address == to);
                let open = match at.map(|at| kept.swap_remove(at).1) {
                    Some(open) if open.is_open() => Some(open),
                    _ => None,
                };
                let connection = match open {
                    Some(open) => Ok(open),
                    None => Connection::open(to, over_h2).await,
                };
                // Nothing was sent where nobody listens: a balancer turns to another.
                let Ok(mut connection) = connection else { continue };
                match soon(connection.ask()).await {
                    Ok(true) => kept.push((to, connection)),
                    Ok(false) => {}
                    // HTTP/2 says which requests were never looked at (RFC 9113 section 8.7); they may be sent anew.
                    Err(error) if over_h2 && error.is_canceled() => continue,
                    Err(error) => {
                        lost.push((to, format!("{error:?}")));
                        continue;
                    }
                }
                this.answered.fetch_add(1, Ordering::SeqCst);
            }
            lost
        })
    }

    fn clients(self: &Arc<Self>) -> Vec<JoinHandle<Vec<(SocketAddr, String)>>> {
        (0..CLIENTS).map(|number| self.client(number % 4 == 3)).collect()
    }

    /// Waits until so many more were answered.
    async fn answers(&self, more: usize) {
        let enough = self.answered.load(Ordering::SeqCst) + more;
        soon(async {
            while self.answered.load(Ordering::SeqCst) < enough {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    async fn end(&self, clients: Vec<JoinHandle<Vec<(SocketAddr, String)>>>) -> Vec<(SocketAddr, String)> {
        self.over.store(true, Ordering::SeqCst);
        let mut lost = Vec::new();
        for client in clients {
            lost.extend(soon(client).await.unwrap());
        }
        lost
    }
}

async fn is_ready(admin: SocketAddr) -> bool {
    let request = || Request::get("/readyz").header("host", admin.to_string()).body(full("")).unwrap();
    let asked = async {
        let stream = TcpStream::connect(admin).await.ok()?;
        let (mut send, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
        tokio::spawn(connection);
        let response = send.send_request(request()).await.ok()?;
        response.status().is_success().then_some(())
    };
    tokio::time::timeout(Duration::from_secs(5), asked).await.ok().flatten().is_some()
}

enum Connection {
    Http1(http1::SendRequest<TestBody>),
    Http2(http2::SendRequest<TestBody>),
}

impl Connection {
    async fn open(to: SocketAddr, over_h2: bool) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let stream = TcpStream::connect(to).await?;
        if stream.local_addr()? == stream.peer_addr()? {
            // Where nobody listens, a connection may find itself (RFC 9293 section 3.5).
            return Err("nobody is there".into());
        }
        stream.set_nodelay(true)?;
        let io = TokioIo::new(stream);
        if over_h2 {
            let (send, connection) = http2::handshake(TokioExecutor::new(), io).await?;
            tokio::spawn(connection);
            return Ok(Self::Http2(send));
        }
        let (send, connection) = http1::handshake(io).await?;
        tokio::spawn(connection);
        Ok(Self::Http1(send))
    }

    fn is_open(&self) -> bool {
        match self {
            Self::Http1(send) => !send.is_closed(),
            Self::Http2(send) => !send.is_closed(),
        }
    }

    /// Says whether the connection may be used again.
    async fn ask(&mut self) -> hyper::Result<bool> {
        let request = |uri| Request::post(uri).header("host", "shop.example").body(full("a body")).unwrap();
        let response = match self {
            Self::Http1(send) => send.send_request(request("/probe")).await?,
            Self::Http2(send) => {
                send.send_request(Request::post("http://shop.example/probe").body(full("a body")).unwrap())
                    .await?
            }
        };
        let goes_on = response.headers().get("connection").is_none_or(|value| value != "close");
        assert_eq!(response.status(), 200);
        assert_eq!(response.into_body().collect().await?.to_bytes(), "served");
        if let Self::Http1(send) = self {
            return Ok(goes_on && send.ready().await.is_ok());
        }
        Ok(true)
    }
}

async fn service() -> Upstream {
    upstream(|request| async move {
        let body = request.into_body().collect().await.unwrap().to_bytes();
        http::Response::new(full(if body == "a body" { "served" } else { "spoiled" }))
    })
    .await
}

fn config(service: &Upstream) -> Value {
    json!({
        "listeners": [{ "address": "127.0.0.1:0" }],
        "admin": { "address": "127.0.0.1:0" },
        // Some rounds of checks.
        "shutdown": { "drain_delay": "500ms", "drain_timeout": "10s" },
        "services": { "web": { "upstream": format!("http://{}", service.address) } },
        "routes": [{ "service": "web" }],
    })
}

async fn start(config: &Value) -> Gateway {
    let mut gateway = Gateway::spawn(wakegate(&["serve"]).env("WAKEGATE_CONFIG", config.to_string()));
    gateway.listens().await;
    gateway
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_replacement_loses_nothing() {
    let service = service().await;
    let (config, balancer) = (config(&service), Arc::new(Balancer::default()));
    let mut old = Vec::new();
    for _ in 0..2 {
        let gateway = start(&config).await;
        balancer.add(&gateway).await;
        old.push(gateway);
    }
    let clients = balancer.clients();
    balancer.answers(100).await;
    let mut new = Vec::new();
    for mut gateway in old {
        gateway.signal(Signal::TERM);
        balancer.answers(100).await;
        let fresh = start(&config).await;
        balancer.add(&fresh).await;
        new.push(fresh);
        assert_eq!(gateway.ended().await.code(), Some(0), "{:#?}", gateway.log().all());
        balancer.answers(100).await;
    }
    let lost = balancer.end(clients).await;
    let answered = balancer.answered.load(Ordering::SeqCst);
    assert!(lost.is_empty() && answered >= 400, "{} lost of {answered}: {lost:#?}", lost.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_loses_what_was_on_its_connections_alone() {
    let service = service().await;
    let (config, balancer) = (config(&service), Arc::new(Balancer::default()));
    let (mut dies, stays) = (start(&config).await, start(&config).await);
    let died = balancer.add(&dies).await.address;
    balancer.add(&stays).await;
    let clients = balancer.clients();
    balancer.answers(200).await;
    dies.signal(Signal::KILL);
    dies.ended().await;
    balancer.answers(200).await;
    let lost = balancer.end(clients).await;
    // One request of each client was under way. The system closes what the process had open one by one, so some connect
    // once more before the listener's turn comes.
    assert!(lost.len() <= 4 * CLIENTS && lost.iter().all(|(to, _)| *to == died), "{lost:#?}");
}
