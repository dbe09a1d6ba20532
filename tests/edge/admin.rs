//! The admin API against what comes at it from outside: web pages in a browser, strange names, bodies without end.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body::Frame;
use serde_json::json;

use crate::binary_kit::{Answer, Gateway, Scene, config, wakegate};
use crate::proxy_kit::{Raw, TestBody, ask, feed, full, h2_client, soon};

const TOKEN: &str = "a-token-of-some-length";
const WAKE: &str = "/api/services/web/wake";

/// A gateway with a service that sleeps, and a token if it is said so.
async fn start(scene: &Scene, token: bool) -> Gateway {
    let mut config = config([("web", scene.service("web", &[], json!({})))]);
    if token {
        config["admin"]["token"] = json!(TOKEN);
    }
    let mut gateway = Gateway::spawn(wakegate(&["serve", "--config"]).arg(scene.write(&config.to_string())));
    gateway.listens().await;
    gateway
}

fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &'static str) -> Request<TestBody> {
    let request = Request::builder().method(method).uri(path);
    headers
        .iter()
        .fold(request, |request, (name, value)| request.header(*name, *value))
        .body(full(body))
        .unwrap()
}

/// A problem, in the form that all have, and without leave for any other site.
fn is_problem(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/problem+json", "{answer:?}");
    let problem: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(problem["status"], status, "{answer:?}");
    keeps_to_itself(&answer.headers);
}

fn keeps_to_itself(headers: &HeaderMap) {
    assert!(!headers.keys().any(|name| name.as_str().starts_with("access-control-")), "{headers:?}");
    for (name, value) in [
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(headers[name], value);
    }
}

#[tokio::test]
async fn what_a_web_page_can_make_a_browser_send_changes_nothing() {
    let scene = Scene::new();
    // Without a token: on loopback, whatever runs there may call. A browser runs there too.
    let gateway = start(&scene, false).await;
    gateway.phase("web", "asleep").await;
    let host = gateway.admin.to_string();
    let rebound = format!("rebind.example:{}", gateway.admin.port());
    let page = ("origin", "https://evil.example");
    let json = ("content-type", "application/json");
    for (headers, body) in [
        (vec![("host", &*host), ("content-type", "application/x-www-form-urlencoded")], "a=b"),
        (vec![("host", &*host), ("content-type", "multipart/form-data; boundary=x")], "--x--"),
        (vec![("host", &*host), ("content-type", "text/plain")], "{}"),
        (vec![("host", &*host), ("content-type", "Text/Plain;charset=utf-8")], "{}"),
        (vec![("host", &*host), page], ""),
        (vec![("host", &*host), page, json], "{}"),
        (vec![("host", &*host), ("origin", "null"), json], "{}"),
        (vec![("host", &*host), ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")], ""),
        (vec![("host", &*host), ("sec-fetch-site", "same-site"), ("sec-fetch-mode", "no-cors")], ""),
        // By a name that the page's owner has pointed at this address, with which it is of one origin then.
        (vec![("host", &*rebound), ("origin", "http://rebind.example"), json], "{}"),
        (vec![("host", "127.0.0.1.rebind.example"), json], "{}"),
        (vec![("host", "localhost.rebind.example"), json], "{}"),
    ] {
        is_problem(&Answer::of(ask(gateway.admin, request("POST", WAKE, &headers, body)).await).await, 403);
    }
    for headers in [
        vec![("host", &*rebound)],
        vec![("host", &*host), ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")],
    ] {
        for path in ["/api/services", "/metrics", "/api/events"] {
            is_problem(&Answer::of(ask(gateway.admin, request("GET", path, &headers, "")).await).await, 403);
        }
    }
    // A preflight is no method of any path, so that the request after it is never sent.
    for path in [WAKE, "/api/services/web/lease", "/api/services"] {
        let asks = [("host", &*host), page, ("access-control-request-method", "POST")];
        let answer = Answer::of(ask(gateway.admin, request("OPTIONS", path, &asks, "")).await).await;
        is_problem(&answer, 403);
        let plain = Answer::of(ask(gateway.admin, request("OPTIONS", path, &asks[..1], "")).await).await;
        is_problem(&plain, 405);
        assert!(!plain.header("allow").is_empty());
    }
    assert_eq!(scene.starts("web"), 0);
    assert_eq!(gateway.status("web").await["phase"], "asleep");
    keeps_to_itself(&gateway.manage("GET", "/api/services", "").await.headers);
}

#[tokio::test]
async fn the_token_is_needed_and_no_other_is_taken() {
    let scene = Scene::new();
    let gateway = start(&scene, true).await;
    let host = gateway.admin.to_string();
    let call = async |method: &str, path: &str, authorization: &str| {
        let headers = [("host", &*host), ("authorization", authorization)];
        let headers = if authorization.is_empty() { &headers[..1] } else { &headers[..] };
        Answer::of(ask(gateway.admin, request(method, path, headers, "")).await).await
    };
    let right = format!("Bearer {TOKEN}");
    for wrong in [
        "",
        "Bearer",
        "Bearer ",
        "Bearer a-token-of-some-lengtH",
        "Bearer a-token",
        TOKEN,
        "Basic eDp5",
        &format!("{right}, {right}"),
    ] {
        for (method, path) in
            [("POST", WAKE), ("GET", "/metrics"), ("GET", "/api/events"), ("GET", "/api/services/nobody")]
        {
            let answer = call(method, path, wrong).await;
            is_problem(&answer, 401);
            assert!(answer.header("www-authenticate").starts_with("Bearer"), "{answer:?}");
            assert!(!answer.body.contains(TOKEN));
        }
    }
    for path in ["/healthz", "/readyz", "/openapi.json"] {
        assert_eq!(call("GET", path, "").await.status, 200, "{path}");
    }
    assert_eq!(scene.starts("web"), 0);
    assert_eq!(call("POST", WAKE, &right).await.status, 202);
}

#[tokio::test]
async fn names_and_times_that_make_no_sense_are_refused_whole() {
    let scene = Scene::new();
    let gateway = start(&scene, false).await;
    for name in [
        "%0d%0aset-cookie:%20a=b",
        "web%0d%0a",
        "web%00",
        "..%2f..%2fhealthz",
        "%2e%2e",
        "%ff%fe",
        "web%2fwake",
        "%zz",
        "WEB",
        &"a".repeat(8_000),
    ] {
        for (method, rest) in [("GET", ""), ("POST", "/wake"), ("POST", "/sleep"), ("DELETE", "/lease")] {
            let answer = gateway.manage(method, &format!("/api/services/{name}{rest}"), "").await;
            is_problem(&answer, 404);
            assert!(!answer.headers.contains_key("set-cookie"), "{answer:?}");
            assert!(answer.body.len() < 500, "{answer:?}");
        }
    }
    for time in
        ["0s", "-1h", "1e9d", "367d", "99999999999d", "99999999999999999999999d", "Infinity", "2h\\u0000", ""]
    {
        let body = format!("{{\"for\":\"{time}\"}}");
        is_problem(&gateway.manage("PUT", "/api/services/web/lease", &body).await, 400);
    }
    for body in [
        "{\"for\":1e400}",
        "{\"for\":null}",
        "[]",
        "[\"2h\"]",
        "nonsense",
        "{\"for\":\"2h\",\"for\":\"3h\"}",
        &"[".repeat(60_000),
    ] {
        is_problem(&gateway.manage("PUT", "/api/services/web/lease", body).await, 400);
    }
    for body in ["[]", "null", "{\"now\":true}"] {
        is_problem(&gateway.manage("POST", WAKE, body).await, 400);
    }
    assert_eq!(scene.starts("web"), 0);
    assert_eq!(gateway.manage("PUT", "/api/services/web/lease", "{\"for\":\"366d\"}").await.status, 200);
}

#[tokio::test]
async fn a_body_without_end_is_not_read_to_it() {
    let scene = Scene::new();
    let gateway = start(&scene, false).await;
    let head = format!(
        "PUT /api/services/web/lease HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n",
        gateway.admin
    );
    // What is announced is refused before it comes.
    let mut announced = Raw::connect(gateway.admin).await;
    announced.write(&format!("{head}content-length: 10000000000\r\n\r\n")).await;
    assert!(announced.read_to("\r\n\r\n").await.starts_with("HTTP/1.1 413 "));
    // What is not announced is read until it is too much, which is before its end.
    let (sender, body) = feed();
    sender.send(Ok(Frame::data(Bytes::from(vec![b' '; 64 * 1024 + 1])))).unwrap();
    let request = Request::put("/api/services/web/lease").header("host", gateway.admin.to_string());
    let request = request.header("content-type", "application/json").body(body).unwrap();
    let response = soon(ask(gateway.admin, request)).await;
    assert_eq!(response.status(), 413);
    // What does not come is waited for, but not for ever; others are answered meanwhile.
    let mut slow = Raw::connect(gateway.admin).await;
    slow.write(&format!("{head}content-length: 12\r\n\r\n{{\"for\":")).await;
    gateway.phase("web", "asleep").await;
    let waited = tokio::time::timeout(Duration::from_secs(18), slow.read_to("\r\n\r\n")).await.unwrap();
    assert!(waited.starts_with("HTTP/1.1 408 "), "{waited}");
    assert_eq!(scene.starts("web"), 0);
}

#[tokio::test]
async fn http2_with_prior_knowledge_is_guarded_alike() {
    let scene = Scene::new();
    let gateway = start(&scene, true).await;
    let mut client = h2_client(gateway.admin).await;
    let right = format!("Bearer {TOKEN}");
    let own = gateway.admin.to_string();
    for (authority, headers, status) in [
        (&*own, vec![], 401),
        (&*own, vec![("authorization", "Bearer a-token-of-some-lengtH")], 401),
        ("rebind.example", vec![("authorization", &*right)], 403),
        // The authority counts, whatever a `host` beside it says.
        ("rebind.example", vec![("authorization", &*right), ("host", &*own)], 403),
        (&*own, vec![("authorization", &*right), ("content-type", "text/plain")], 403),
        (&*own, vec![("authorization", &*right), ("origin", "https://evil.example")], 403),
    ] {
        let request = request("POST", &format!("http://{authority}{WAKE}"), &headers, "");
        let response = soon(client.send_request(request)).await.unwrap();
        is_problem(&Answer::of(response).await, status);
    }
    assert_eq!(scene.starts("web"), 0);
    let request = request("POST", &format!("http://{own}{WAKE}"), &[("authorization", &right)], "");
    assert_eq!(soon(client.send_request(request)).await.unwrap().status(), 202);
}

#[tokio::test]
async fn a_request_that_names_two_hosts_is_answered_for_neither() {
    let scene = Scene::new();
    let gateway = start(&scene, false).await;
    let own = gateway.admin;
    for (head, status) in [
        (format!("GET /api/services HTTP/1.1\r\nhost: {own}\r\nhost: {own}\r\n"), 400),
        ("GET /api/services HTTP/1.1\r\nhost: a b\r\n".to_owned(), 400),
        ("GET /api/services HTTP/1.0\r\n".to_owned(), 400),
        // The target goes before the header (RFC 9112 section 3.2.2).
        (format!("GET http://rebind.example/api/services HTTP/1.1\r\nhost: {own}\r\n"), 403),
        (format!("CONNECT {own} HTTP/1.1\r\nhost: {own}\r\n"), 404),
        (format!("TRACE /api/services HTTP/1.1\r\nhost: {own}\r\n"), 405),
    ] {
        let mut client = Raw::connect(own).await;
        client.write(&format!("{head}\r\n")).await;
        let answer = client.read_to("\r\n\r\n").await;
        let version = &head[head.find("HTTP/").unwrap()..][..8];
        assert!(answer.starts_with(&format!("{version} {status} ")), "{head}: {answer}");
    }
}
