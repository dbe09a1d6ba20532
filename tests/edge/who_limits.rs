//! What a scanner cannot do: wake what sleeps by looking for holes, or wake it again and again.

use std::net::Ipv4Addr;
use std::time::Duration;

use http::Request;
use http_body_util::BodyExt;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpSocket;

use crate::binary_kit::{Answer, Gateway, Scene, config, merge};
use crate::proxy_kit::{TestBody, full, soon};

/// Where tests connect from: as a trusted proxy, and as two others.
const PROXY: Ipv4Addr = Ipv4Addr::LOCALHOST;
const ONE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const OTHER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

async fn client(from: Ipv4Addr, gateway: &Gateway) -> http1::SendRequest<TestBody> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    let stream = soon(socket.connect(gateway.address)).await.unwrap();
    let (send, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    send
}

fn get(path: &str) -> Request<TestBody> {
    Request::get(path).header("host", "shop.example").body(full("")).unwrap()
}

/// A request of a client that says it was sent by somebody else.
fn get_for(path: &str, told: &str) -> Request<TestBody> {
    let mut request = get(path);
    request.headers_mut().insert("x-forwarded-for", told.parse().unwrap());
    request
}

async fn ask(from: Ipv4Addr, gateway: &Gateway, request: Request<TestBody>) -> Answer {
    Answer::of(soon(client(from, gateway).await.send_request(request)).await.unwrap()).await
}

/// Three services that wake fast, with these limits.
async fn start(scene: &Scene, limits: Value) -> Gateway {
    let service = |name| scene.service(name, &[], json!({}));
    let mut config = config([("a", service("a")), ("b", service("b")), ("c", service("c"))]);
    merge(&mut config, json!({ "trusted_proxies": PROXY.to_string(), "wake_limits": limits }));
    scene.start(&config).await
}

async fn sleeps(gateway: &Gateway, name: &str) {
    assert_eq!(
        gateway.manage("POST", &format!("/api/services/{name}/sleep"), "").await.status.as_u16() / 100,
        2
    );
    gateway.phase(name, "asleep").await;
}

#[tokio::test]
async fn a_client_over_its_limit_wakes_nothing_and_another_does() {
    let scene = Scene::new();
    let gateway = start(&scene, json!({ "per_client": { "wakes": 2, "per": "1h" } })).await;
    ask(ONE, &gateway, get("/a/x")).await.is_from("a");
    // Neither who finds it awake nor who joins a wake begins one.
    for _ in 0..10 {
        ask(ONE, &gateway, get("/a/x")).await.is_from("a");
    }
    ask(ONE, &gateway, get("/b/x")).await.is_from("b");
    for told in ["192.0.2.1", "192.0.2.2"] {
        let refused = ask(ONE, &gateway, get_for("/c/x", told)).await;
        refused.is_problem(429, "too_many_wakes");
        let wait: u64 = refused.header("retry-after").parse().unwrap();
        assert!((1_700..=1_800).contains(&wait), "{wait} s");
    }
    assert_eq!(scene.starts("c"), 0);
    assert_eq!(gateway.status("c").await["phase"], "asleep");
    ask(ONE, &gateway, get("/a/x")).await.is_from("a");
    assert_eq!(gateway.count("over the limit of wakes"), 1, "once in a while, not for each");
    let metrics = gateway.manage("GET", "/metrics", "").await.body;
    let counted = |line: &&str| line.contains("\"wake_limited\"") && line.contains("\"/c/*\"");
    assert!(metrics.lines().find(counted).unwrap().ends_with(" 2"), "{metrics}");

    ask(OTHER, &gateway, get("/c/x")).await.is_from("c");
    sleeps(&gateway, "a").await;
    ask(ONE, &gateway, get("/a/x")).await.is_problem(429, "too_many_wakes");
    ask(OTHER, &gateway, get("/a/x")).await.is_from("a");
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_limit_is_the_clients() {
    let scene = Scene::new();
    let gateway = start(&scene, json!({ "per_client": { "wakes": 1, "per": "1h" } })).await;
    ask(PROXY, &gateway, get_for("/a/x", "192.0.2.1")).await.is_from("a");
    // What stands further left in the list is the client's own word.
    ask(PROXY, &gateway, get_for("/b/x", "6.6.6.6, 192.0.2.1")).await.is_problem(429, "too_many_wakes");
    ask(PROXY, &gateway, get_for("/b/x", "2001:db8::1")).await.is_from("b");
    ask(PROXY, &gateway, get_for("/c/x", "2001:db8::ffff:2")).await.is_problem(429, "too_many_wakes");
    ask(PROXY, &gateway, get_for("/c/x", "2001:db8:0:1::1")).await.is_from("c");
}

#[tokio::test]
async fn all_clients_together_have_a_limit() {
    let scene = Scene::new();
    let gateway = start(&scene, json!({ "total": { "wakes": 1, "per": "1h" } })).await;
    ask(ONE, &gateway, get("/a/x")).await.is_from("a");
    let refused = ask(OTHER, &gateway, get("/b/x")).await;
    refused.is_problem(503, "wakes_used_up");
    assert!(refused.header("retry-after").parse::<u64>().unwrap() > 3_000);
    assert_eq!(scene.starts("b"), 0);
}

#[tokio::test]
async fn who_joins_a_wake_begins_none() {
    let scene = Scene::new();
    let service = scene.service("a", &[(crate::binary_service::BOOT, "go")], json!({}));
    let mut config = config([("a", service)]);
    merge(&mut config, json!({ "wake_limits": { "per_client": { "wakes": 1, "per": "1h" } } }));
    let gateway = scene.start(&config).await;
    let mut asked = vec![gateway.asking(get("/a/x"))];
    gateway.held("a", 1).await;
    asked.extend((0..20).map(|_| gateway.asking(get("/a/x"))));
    gateway.held("a", 21).await;
    scene.allow("go");
    for answer in asked {
        soon(answer).await.unwrap().is_from("a");
    }
}

#[tokio::test]
async fn limits_are_taken_over_while_it_runs() {
    let scene = Scene::new();
    let service = |name| scene.service(name, &[], json!({}));
    let mut config = config([("a", service("a")), ("b", service("b"))]);
    merge(&mut config, json!({ "wake_limits": { "per_client": { "wakes": 1, "per": "1h" } } }));
    let gateway = scene.start(&config).await;
    gateway.get("/a/x").await.is_from("a");
    gateway.get("/b/x").await.is_problem(429, "too_many_wakes");
    merge(&mut config, json!({ "wake_limits": { "per_client": { "wakes": 5 } } }));
    scene.write(&config.to_string());
    gateway.logs("the new configuration is in force").await;
    gateway.get("/b/x").await.is_from("b");
}

#[tokio::test]
async fn ten_thousand_looks_for_holes_wake_nothing() {
    const HOLES: [&str; 25] = [
        "/.env",
        "/.env.production",
        "/app/.env",
        "/%2eenv",
        "/.git/config",
        "/.git/HEAD",
        "/api/.git/index",
        "/.aws/credentials",
        "/.ssh/id_rsa",
        "/.DS_Store",
        "/.svn/entries",
        "/wp-login.php",
        "/wp-admin/setup-config.php",
        "/wp-includes/wlwmanifest.xml",
        "/wp-config.php.bak",
        "/xmlrpc.php",
        "/phpMyAdmin/index.php",
        "/phpinfo.php",
        "/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php",
        "/cgi-bin/luci/;stok=/locale",
        "/actuator/heapdump",
        "/server-status",
        "/solr/admin/info/system",
        "/boaform/admin/formLogin",
        "/HNAP1/",
    ];
    let scene = Scene::new();
    let gateway = start(&scene, json!({})).await;
    let series = async || {
        let text = gateway.manage("GET", "/metrics", "").await.body;
        text.lines().filter(|line| !line.starts_with('#')).count()
    };
    ask(ONE, &gateway, get("/.env")).await.is_problem(503, "asleep");
    let before = series().await;
    let scan = async |worker: usize| {
        let mut send = client(ONE, &gateway).await;
        for number in 0..1_250 {
            let hole = HOLES[number % HOLES.len()];
            let mut request = get(&format!("{hole}?{worker}x{number}"));
            request.headers_mut().insert("host", format!("h{worker}-{number}.example").parse().unwrap());
            let answer = soon(send.send_request(request)).await.unwrap();
            assert_eq!(answer.status(), 503, "{hole}");
            drop(soon(answer.into_body().collect()).await.unwrap());
            soon(send.ready()).await.unwrap();
        }
    };
    let scans = async {
        tokio::join!(scan(0), scan(1), scan(2), scan(3), scan(4), scan(5), scan(6), scan(7));
    };
    tokio::time::timeout(Duration::from_secs(60), scans).await.unwrap();
    for name in ["a", "b", "c"] {
        assert_eq!(scene.starts(name), 0, "{name}");
        assert_eq!(gateway.status(name).await["phase"], "asleep");
    }
    assert_eq!(series().await, before, "no path and no host makes a series of its own");
    ask(ONE, &gateway, get("/a/x")).await.is_from("a");
}
