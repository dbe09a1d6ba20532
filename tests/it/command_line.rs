//! The binary itself, against an admin API on loopback.

use std::process::Output;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::process::Command;
use wakegate::admin::{Admin, AdminOptions};
use wakegate::model::Phase;
use wakegate::net::ANY_LOOPBACK;

use crate::fake::House;

/// Serves the API until the test ends, and returns its URL.
async fn serve(admin: Admin) -> String {
    let listener = TcpListener::bind(ANY_LOOPBACK).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let admin = admin.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request| {
                    let admin = admin.clone();
                    async move { Ok::<_, std::convert::Infallible>(admin.handle(request).await) }
                });
                // How a connection ends is the client's business.
                drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
            });
        }
    });
    url
}

async fn wakegate(url: &str, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_wakegate"))
        .args(args)
        .env("WAKEGATE_ADMIN", url)
        .env("WAKEGATE_ADMIN_TOKEN", "s3cret")
        .env_remove("WAKEGATE_CONFIG_FILE")
        .env_remove("WAKEGATE_CONFIG")
        .output()
        .await
        .unwrap()
}

/// The exit code, and what was written to standard output and standard error.
async fn run(url: &str, args: &[&str]) -> (i32, String, String) {
    let output = wakegate(url, args).await;
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn a_person_wakes_keeps_and_puts_to_sleep() {
    let house = House::start();
    let url =
        serve(house.admin(AdminOptions { token: Some("s3cret".into()), ..AdminOptions::default() })).await;
    house.until("web", Phase::Asleep).await;

    let (code, out, err) = run(&url, &["wake", "web", "--wait"]).await;
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("web is awake after "), "{out}");
    house.until("web", Phase::Awake).await;

    let (code, out, _) = run(&url, &["keep", "web", "--for", "2h"]).await;
    assert_eq!((code, out.as_str()), (0, "web is kept awake for 2h\n"));
    let (code, _, err) = run(&url, &["sleep", "web"]).await;
    assert_eq!((code, err.as_str()), (70, "wakegate: web stays as it is: a lease keeps it awake\n"));

    let (code, out, _) = run(&url, &["status"]).await;
    assert_eq!(code, 0);
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines[0].starts_with("SERVICE  PHASE"), "{out}");
    assert!(lines[1].starts_with("web      awake") && lines[1].contains("kept for 1h 59m"), "{out}");
    assert!(lines[2].starts_with("db       awake") && lines[2].contains("after web"), "{out}");

    let (code, ..) = run(&url, &["keep", "web", "--end"]).await;
    assert_eq!(code, 0);
    let (code, out, err) = run(&url, &["sleep", "web"]).await;
    assert_eq!((code, out.as_str()), (0, "web is going to sleep\n"), "{err}");
    house.until("web", Phase::Asleep).await;

    let (code, out, _) = run(&url, &["status", "--json"]).await;
    assert_eq!(code, 0);
    let list: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(list["services"][0]["phase"], "asleep");
}

#[tokio::test]
async fn a_wake_that_fails_ends_with_its_reason() {
    let house = House::start();
    let url = serve(house.admin(AdminOptions::default())).await;
    house.until("broken", Phase::Asleep).await;
    let (code, _, err) = run(&url, &["wake", "broken", "--wait"]).await;
    assert_eq!((code, err.as_str()), (70, "wakegate: broken did not wake: there is no such program\n"));
    let (code, out, _) = run(&url, &["status"]).await;
    assert_eq!(code, 0);
    assert!(out.contains("\n  ! there is no such program\n"), "{out}");
}

#[tokio::test]
async fn wrong_use_is_64_and_anything_else_is_70() {
    let house = House::start();
    let url =
        serve(house.admin(AdminOptions { token: Some("other".into()), ..AdminOptions::default() })).await;
    let (code, _, err) = run(&url, &["status"]).await;
    assert_eq!(code, 64);
    assert!(err.contains("this is not the token") && err.contains("WAKEGATE_ADMIN_TOKEN"), "{err}");
    assert!(!err.contains("s3cret"), "{err}");

    let (code, _, err) = run(&url, &["wake", "nobody", "--token", "other"]).await;
    assert_eq!(code, 64);
    assert!(err.contains("there is no service of this name"), "{err}");

    let free = TcpListener::bind(ANY_LOOPBACK).await.unwrap().local_addr().unwrap();
    let (code, _, err) = run(&format!("http://{free}"), &["status"]).await;
    assert_eq!(code, 70);
    assert!(err.contains(&free.to_string()) && err.contains("wakegate serve"), "{err}");

    assert_eq!(run(&url, &["status", "--admin", "https://x"]).await.0, 64);
    assert_eq!(run(&url, &["sing"]).await.0, 64);
    assert_eq!(run(&url, &["--help"]).await.0, 0);
}

const CONFIGURATION: &str = r#"
listeners: [{ address: 127.0.0.1:8080 }]
services:
  web: { process: { command: [web], port: 3000 }, depends_on: { db: { start: after } } }
  db: { process: { command: [db], port: 3001 } }
routes:
  - { host: "*.example.com", path: /api/*, service: web, strip_prefix: /api }
"#;

#[tokio::test]
async fn the_configuration_is_checked_drawn_and_explained() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("wakegate.yaml");
    std::fs::write(&path, CONFIGURATION).unwrap();
    let path = path.to_str().unwrap();
    let with = async |args: &[&str]| run("", &[args, &["--config", path]].concat()).await;

    let (code, out, err) = with(&["check"]).await;
    assert_eq!(code, 0, "{err}");
    assert!(out.ends_with("1 listener, 2 services, 1 route: no problem found\n"), "{out}");

    let (code, out, _) = with(&["graph"]).await;
    assert_eq!((code, out.as_str()), (0, "web (process)\n└── db: healthy, before its start\n"));
    let (code, out, _) = with(&["graph", "--format", "dot"]).await;
    assert!(code == 0 && out.starts_with("digraph wakegate {\n"), "{out}");

    let (code, out, _) = with(&["explain", "GET", "http://shop.example.com/api/cart"]).await;
    assert_eq!(code, 0);
    assert!(out.contains("\nsent as   GET /cart to shop.example.com\n"), "{out}");
    assert!(out.contains("\nwakes     db\n          web  needs db healthy, before its start\n"), "{out}");

    let (code, out, _) = run("", &["schema"]).await;
    assert_eq!(code, 0);
    assert!(serde_json::from_str::<serde_json::Value>(&out).unwrap()["properties"]["services"].is_object());

    // Nothing to call, by this configuration.
    let (code, _, err) = with(&["status"]).await;
    assert!(code == 64 && err.contains("no `admin` section"), "{err}");
}

#[tokio::test]
async fn every_problem_of_a_configuration_is_told_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("wakegate.yaml");
    std::fs::write(
        &path,
        CONFIGURATION.replace("service: web", "service: wbe").replace("depends_on", "needs"),
    )
    .unwrap();
    for verb in [&["check"][..], &["graph"], &["explain", "GET", "/"], &["status"]] {
        let (code, out, err) = run("", &[verb, &["--config", path.to_str().unwrap()]].concat()).await;
        assert_eq!((code, out.as_str()), (64, ""), "{verb:?}");
        assert!(err.contains("`wbe`") && err.contains("needs") && err.contains("2 problems"), "{err}");
    }
}

#[tokio::test]
async fn the_configuration_says_where_the_admin_api_is() {
    let token = "a-token-of-some-length";
    let house = House::start();
    let url =
        serve(house.admin(AdminOptions { token: Some(token.to_owned()), ..AdminOptions::default() })).await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("wakegate.yaml");
    let admin = format!("admin: {{ address: {}, token: {token} }}", url.strip_prefix("http://").unwrap());
    std::fs::write(&path, format!("{CONFIGURATION}{admin}\n")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_wakegate"))
        .args(["status", "--config", path.to_str().unwrap()])
        .env_remove("WAKEGATE_ADMIN")
        .env_remove("WAKEGATE_ADMIN_TOKEN")
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stdout.starts_with(b"SERVICE"));
}
