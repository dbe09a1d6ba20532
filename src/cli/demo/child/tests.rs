//! The programs as tasks, on ports of the system's choosing.

use std::net::{SocketAddr, TcpListener};

use ::http::Method;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::*;
use crate::net::{ANY_LOOPBACK, Net, TokioNet};

/// Three free ports: the database's, the API's, the page's.
fn ports() -> [SocketAddr; 3] {
    let held = [(); 3].map(|()| TcpListener::bind(ANY_LOOPBACK).unwrap());
    held.each_ref().map(|listener| listener.local_addr().unwrap())
}

fn start(programs: &mut JoinSet<()>, role: Role, port: u16, needs: Option<(&'static str, SocketAddr)>) {
    programs.spawn(async move {
        let env = move |name: &str| match name {
            "BOOT_MS" => Some("50".to_owned()),
            "PORT" => Some(port.to_string()),
            _ => needs.filter(|(need, _)| *need == name).map(|(_, address)| address.to_string()),
        };
        run(role, env).await.unwrap();
    });
}

/// Asks again until there is an answer: the program boots.
async fn once_up(address: SocketAddr) {
    while TokioNet.connect(&address.into()).await.is_err() {
        time::sleep(Duration::from_millis(5)).await;
    }
}

async fn page(address: SocketAddr) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: demo\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn the_page_shows_what_went_through_the_api_and_the_database() {
    let [db, api, web] = ports();
    let mut programs = JoinSet::new();
    let begun = Instant::now();
    start(&mut programs, Role::Db, db.port(), None);
    start(&mut programs, Role::Api, api.port(), Some(("DB", db)));
    start(&mut programs, Role::Web, web.port(), Some(("API", api)));
    for address in [db, api, web] {
        once_up(address).await;
    }
    assert!(begun.elapsed() >= Duration::from_millis(50), "none listens before it has booted");

    let first = page(web).await;
    assert!(first.starts_with("HTTP/1.1 200 OK\r\n"), "{first}");
    assert!(first.contains("visit number <strong>1</strong>"), "{first}");
    assert!(page(web).await.contains("visit number <strong>2</strong>"));
    let known: db::Visits = http::ask(Method::GET, db, "/visits").await.unwrap();
    assert_eq!((known.count, known.ago_ms.len()), (2, 2));
}

#[tokio::test]
async fn without_the_database_the_page_says_so() {
    let [db, api, web] = ports();
    let mut programs = JoinSet::new();
    start(&mut programs, Role::Api, api.port(), Some(("DB", db)));
    start(&mut programs, Role::Web, web.port(), Some(("API", api)));
    once_up(api).await;
    once_up(web).await;
    let page = page(web).await;
    assert!(page.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{page}");
    assert!(page.contains("<h1>The API has no answer</h1>"), "{page}");
}

#[tokio::test]
async fn a_missing_variable_is_named() {
    let error = run(Role::Web, |name| (name == "BOOT_MS").then(|| "0".to_owned())).await.unwrap_err();
    assert_eq!(error.to_string(), "PORT is not set as the demo sets it");
    assert_eq!("db".parse(), Ok(Role::Db));
    let unknown = "cache".parse::<Role>().unwrap_err();
    assert_eq!(unknown.to_string(), "not a program of the demo: they are db, api, web, worker");
}
