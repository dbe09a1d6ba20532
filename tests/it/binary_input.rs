//! What is wrong is said, and nothing comes of it.

use std::net::TcpListener;

use http::Request;
use serde_json::json;

use crate::binary_kit::{Answer, Scene, config, get, run, wakegate};
use crate::proxy_kit::{Raw, ask, full};

/// A service that would leave a file behind, had it been started.
const MARKER: &str = r#"
  marker: { process: { command: [touch, DIRECTORY/started], port: 0 } }
"#;

/// Has `serve` and `check` read this, and expects both to refuse it with 64 and all of these words.
async fn refused(text: &str, words: &[&str]) {
    for verb in ["serve", "check"] {
        let scene = Scene::new();
        let ran = scene.run(&[verb], &text.replace("DIRECTORY", scene.path().to_str().unwrap())).await;
        assert_eq!((ran.code, ran.out.as_str()), (64, ""), "{verb}: {}", ran.err);
        for word in words {
            assert!(ran.err.contains(word), "{verb}: no {word:?} in {}", ran.err);
        }
        assert!(!scene.path().join("started").exists());
    }
}

#[tokio::test]
async fn a_configuration_that_makes_no_sense_is_refused_whole() {
    refused("", &["wakegate.yaml"]).await;
    refused("listeners: [", &["wakegate.yaml:1:"]).await;
    refused("\u{0}\u{1}", &["wakegate.yaml"]).await;
    // Every problem at once, each with its place and the nearest right word.
    let several = format!(
        "listeners: [{{ address: localhost }}]\ndefalts: {{}}\nservices:{MARKER}\
         routes:\n  - {{ service: maker }}\n  - {{ service: marker, strip_prefx: /a }}\n"
    );
    let words =
        ["wakegate.yaml:1:", "wakegate.yaml:2:1", "`defaults`", "`marker`", "`strip_prefix`", "4 problems"];
    refused(&several, &words).await;
    let cycle = "listeners: [{ address: 127.0.0.1:0 }]\nservices:\n  \
                 a: { upstream: 'http://127.0.0.1:1', depends_on: [b] }\n  \
                 b: { upstream: 'http://127.0.0.1:1', depends_on: [c] }\n  \
                 c: { upstream: 'http://127.0.0.1:1', depends_on: [a] }\n\
                 routes: [{ service: a }]\n";
    refused(cycle, &["a -> b -> c -> a"]).await;
}

#[tokio::test]
async fn a_configuration_that_is_too_large_is_not_read() {
    let huge = format!("# {}\n", "x".repeat(1 << 20)).repeat(20);
    refused(&huge, &["wakegate.yaml", "large"]).await;
}

#[tokio::test]
async fn a_configuration_that_cannot_be_read_is_named() {
    let scene = Scene::new();
    let missing = scene.path().join("missing.yaml");
    for path in [missing.to_str().unwrap(), scene.path().to_str().unwrap()] {
        let ran = run(&mut wakegate(&["serve", "--config", path])).await;
        assert_eq!(ran.code, 64, "{}", ran.err);
        assert!(ran.err.contains(path), "{}", ran.err);
    }
    let ran = run(&mut wakegate(&["serve"])).await;
    assert_eq!(ran.code, 64, "{}", ran.err);
    assert!(ran.err.contains("--config") && ran.err.contains("WAKEGATE_CONFIG"), "{}", ran.err);
}

#[tokio::test]
async fn a_port_in_use_is_named_and_nothing_is_started() {
    let taken = TcpListener::bind(wakegate::net::ANY_LOOPBACK).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for section in ["listeners", "admin"] {
        let scene = Scene::new();
        let mut config = config([("web", scene.service("web", &[], json!({})))]);
        match section {
            "listeners" => config["listeners"][0]["address"] = json!(address),
            _ => config["admin"]["address"] = json!(address),
        }
        let ran = scene.run(&["serve"], &config.to_string()).await;
        assert_eq!(ran.code, 70, "{}", ran.err);
        assert!(ran.err.contains(&address) && ran.err.contains("another program"), "{}", ran.err);
        assert_eq!(scene.starts("web"), 0);
    }
}

#[tokio::test]
async fn a_request_that_cannot_be_served_is_told_so_and_not_repeated() {
    let scene = Scene::new();
    let mut config = config([("web", scene.service("web", &[], json!({})))]);
    config["routes"] = json!([{ "path": "/app/*", "service": "web" }]);
    let gateway = scene.start(&config).await;

    let answer = gateway.get("/secret-path?and=query").await;
    answer.is_problem(404, "no_route");
    assert!(!answer.body.contains("secret"), "{}", answer.body);

    for wrong in [
        "GET /app/\u{7f} HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET /app/ HTTP/1.1\r\nhost: a\r\nx-bad: \u{1}\r\n\r\n",
        "GET /app/ HTTP/1.1\r\nhost: a\r\nbad name: x\r\n\r\n",
        "GET /app/ HTTP/1.1\r\nhost: a b\r\n\r\n",
        "GET /app/ HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        "GET /app/ HTTP/1.1\r\n\r\n",
        "POST /app/ HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "get /app/ HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
        "hello\r\n\r\n",
    ] {
        let mut client = Raw::connect(gateway.address).await;
        client.write(wrong).await;
        let answer = client.read_to("\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{wrong:?}: {answer}");
    }
    assert_eq!(scene.starts("web"), 0, "none of these woke anything");
}

#[tokio::test]
async fn the_admin_api_says_what_it_does_not_take() {
    let scene = Scene::new();
    let mut config = config([("web", scene.service("web", &[], json!({})))]);
    let token = "a-token-of-some-length";
    config["admin"]["token"] = json!(token);
    let mut gateway = crate::binary_kit::Gateway::spawn(
        wakegate(&["serve", "--config"]).arg(scene.write(&config.to_string())),
    );
    gateway.listens().await;
    let call = async |method: &str, path: &str, shown: Option<&str>, kind: &str, body: &'static str| {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header("host", gateway.admin.to_string());
        if let Some(token) = shown {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if !kind.is_empty() {
            request = request.header("content-type", kind);
        }
        if kind.starts_with("application/x-www") {
            request = request.header("origin", "https://evil.example").header("sec-fetch-site", "cross-site");
        }
        Answer::of(ask(gateway.admin, request.body(full(body)).unwrap()).await).await
    };
    let (wake, lease) = ("/api/services/web/wake", "/api/services/web/lease");
    let json = "application/json";
    for (status, answer) in [
        (401, call("POST", wake, None, "", "").await),
        (401, call("POST", wake, Some("another-token-of-length"), "", "").await),
        (401, call("GET", "/metrics", None, "", "").await),
        (404, call("POST", "/api/services/nobody/wake", Some(token), "", "").await),
        (404, call("GET", "/api/nothing", Some(token), "", "").await),
        (405, call("DELETE", wake, Some(token), "", "").await),
        (400, call("PUT", lease, Some(token), json, "for 2h").await),
        (400, call("PUT", lease, Some(token), json, r#"{"for":"2 parsecs"}"#).await),
        (400, call("PUT", lease, Some(token), json, r#"{"how_long":"2h"}"#).await),
        (403, call("POST", wake, Some(token), "application/x-www-form-urlencoded", "a=b").await),
        (403, call("POST", wake, None, "application/x-www-form-urlencoded", "a=b").await),
    ] {
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(answer.header("content-type"), "application/problem+json", "{answer:?}");
        assert!(!answer.body.contains(token), "{answer:?}");
    }
    // These two are for everybody.
    for path in ["/healthz", "/readyz"] {
        assert_eq!(call("GET", path, None, "", "").await.status, 200);
    }
    let answer = call("GET", "/api/services/web", Some(token), "", "").await;
    assert!(answer.body.contains("\"asleep\""), "{answer:?}");
    assert_eq!(scene.starts("web"), 0, "none of these woke anything");
    assert_eq!(gateway.ask(get("/")).await.status, 200);
}
