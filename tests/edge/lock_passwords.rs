//! Passwords of locks by the real binary: many wrong ones at once, and users that change.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::binary_kit::{Gateway, Scene, wakegate};
use crate::lock::{PASSWORD, TOKEN, authorized, basic, bearer, hash, mirror, mirrored, seen, with};
use crate::proxy_kit::{h1_client, soon, text};

#[tokio::test]
async fn a_check_of_a_password_stalls_no_request() {
    let (scene, mirror) = (Scene::new(), mirror().await);
    let (gateway, mut config) = mirrored(&scene, &mirror).await;
    drop(gateway);
    // Dear, so that what waits for the check is told from what waits for a processor.
    config["locks"]["team"]["basic"]["users"]["alice"] = json!(bcrypt::hash(PASSWORD, 13).unwrap());
    let mut command = wakegate(&["serve", "--config"]);
    // With one thread for all requests, a check on it would stall each of them.
    command.arg(scene.write(&config.to_string())).env("TOKIO_WORKER_THREADS", "1");
    let mut gateway = Gateway::spawn(&mut command);
    gateway.listens().await;
    let mut open = h1_client(gateway.address).await;
    let began = Instant::now();
    let check = gateway.asking(authorized("/", &basic("alice", PASSWORD)));
    let mut longest = Duration::ZERO;
    while !check.is_finished() {
        let began = Instant::now();
        let response = soon(open.send_request(with("/open", &[]))).await.unwrap();
        assert_eq!(response.status(), 200);
        text(response).await;
        longest = longest.max(began.elapsed());
    }
    let checked = began.elapsed();
    seen(&check.await.unwrap());
    assert!(longest < checked / 2, "one waited for {longest:?} while a password was checked for {checked:?}");
}

#[tokio::test]
async fn wrong_passwords_in_numbers_are_no_longer_listened_to() {
    let (scene, mirror) = (Scene::new(), mirror().await);
    let (gateway, _) = mirrored(&scene, &mirror).await;
    seen(&gateway.ask(authorized("/", &basic("alice", PASSWORD))).await);
    let wrong = |index: usize| authorized("/", &basic(["alice", "bob"][index % 2], &index.to_string()));
    let flood: Vec<_> = (0..200).map(|index| gateway.asking(wrong(index))).collect();
    let (mut refused, mut told_off) = (0, 0);
    for asked in flood {
        let answer = soon(asked).await.unwrap();
        match answer.status.as_u16() {
            401 => refused += 1,
            429 => {
                told_off += 1;
                answer.is_problem(429, "too_many_tries");
                let seconds: u64 = answer.header("retry-after").parse().unwrap();
                assert!((1..=60).contains(&seconds), "{answer:?}");
            }
            _ => answer.is_problem(503, "busy"),
        }
    }
    assert!((20..30).contains(&refused), "{refused} were checked");
    assert!(told_off > 0);
    gateway.ask(authorized("/", &basic("alice", "once more"))).await.is_problem(429, "too_many_tries");
    // What is known need not be checked, and what is no password cannot be guessed.
    seen(&gateway.ask(authorized("/", &basic("alice", PASSWORD))).await);
    seen(&gateway.ask(authorized("/", &bearer(TOKEN))).await);
}

#[tokio::test]
async fn changed_users_are_taken_over_and_old_passwords_forgotten() {
    let (scene, mirror) = (Scene::new(), mirror().await);
    let users = |lines: &[(&str, &str)]| {
        let text: String =
            lines.iter().map(|(name, password)| format!("{name}:{}\n", hash(password))).collect();
        let new = scene.path().join("users.new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, scene.path().join("users")).unwrap();
    };
    users(&[("alice", "one"), ("bob", "two")]);
    let (gateway, mut config) = mirrored(&scene, &mirror).await;
    drop(gateway);
    config["locks"]["team"] = json!({ "basic": { "users_file": "users" } });
    let mut gateway = Gateway::spawn(wakegate(&["serve", "--config"]).arg(scene.write(&config.to_string())));
    gateway.listens().await;
    for (user, password) in [("alice", "one"), ("bob", "two")] {
        seen(&gateway.ask(authorized("/", &basic(user, password))).await);
    }
    users(&[("alice", "three"), ("carol", "two")]);
    gateway.logs("the new configuration is in force").await;
    for (user, password, status) in
        [("alice", "one", 401), ("bob", "two", 401), ("alice", "three", 200), ("carol", "two", 200)]
    {
        let answer = gateway.ask(authorized("/", &basic(user, password))).await;
        assert_eq!(answer.status, status, "{user} {password}");
    }
    std::fs::write(scene.path().join("users"), "alice:a password, not its hash\n").unwrap();
    let line = gateway.logs("line 1 of `users`").await;
    assert!(!line.contains("a password, not"), "{line}");
    seen(&gateway.ask(authorized("/", &basic("alice", "three"))).await);
}
