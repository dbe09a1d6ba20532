//! A held request lies apart from its connection: nothing of what its client sends is lost over that.

use serde_json::json;

use crate::binary_kit::{Scene, config};
use crate::binary_service::{BOOT, weighed};
use crate::proxy_kit::Raw;

#[tokio::test]
async fn a_body_and_what_follows_it_come_in_pieces_before_and_while_the_request_is_held() {
    let body: String = ('a'..='z').cycle().take(30_000).collect();
    let head = format!("POST /upload HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n", body.len());
    let second = "POST /upload HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    let all = format!("{head}{body}{second}");
    for cut in [1, head.len() - 1, head.len(), head.len() + 100, head.len() + 9_000, all.len() - 1] {
        let scene = Scene::new();
        let gateway =
            scene.start(&config([("web", scene.service("web", &[(BOOT, "web")], json!({})))])).await;
        let (before, since) = all.split_at(cut);
        let mut client = Raw::connect(gateway.address).await;
        client.write(before).await;
        if cut >= head.len() {
            gateway.held("web", 1).await;
        }
        client.write(since).await;
        gateway.held("web", 1).await;
        client.write("5\r\nhello\r\n").await;
        scene.allow("web");
        let answer = client.read_to(&weighed(body.as_bytes())).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{cut}: {answer}");
        client.write("0\r\n\r\n").await;
        let answer = client.read_to(&weighed(b"hello")).await;
        assert!(answer.contains("HTTP/1.1 200 OK\r\n"), "{cut}: {answer}");
        assert_eq!(scene.starts("web"), 1);
    }
}

#[tokio::test]
async fn requests_on_one_connection_are_held_one_after_another() {
    let scene = Scene::new();
    let services = ["web", "api"].map(|name| (name, scene.service(name, &[(BOOT, name)], json!({}))));
    let gateway = scene.start(&config(services)).await;
    let mut client = Raw::connect(gateway.address).await;
    client.write("GET / HTTP/1.1\r\nhost: a\r\n\r\nGET /api/ HTTP/1.1\r\nhost: a\r\n\r\n").await;
    gateway.held("web", 1).await;
    gateway.held("api", 0).await;
    scene.allow("web");
    gateway.held("api", 1).await;
    scene.allow("api");
    let answers = client.read_to("api").await;
    assert_eq!(answers.matches("HTTP/1.1 200 OK\r\n").count(), 2, "{answers}");
    assert!(answers.find("web") < answers.find("api"), "{answers}");
}
