//! Connections to a service that are used again, and a service that closes them when it likes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Request;
use tokio::net::TcpListener;
use wakegate::net::ANY_LOOPBACK;

use super::client::Wire;
use super::table::before;
use crate::binary_kit::Scene;
use crate::proxy_kit::{full, h1_client, h2_client, soon, text};

/// A service that says nothing of it and closes each connection after so many answers, at that very moment.
async fn closes_after(answers: usize) -> (std::net::SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(ANY_LOOPBACK).await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = connections.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut wire = Wire::new(stream);
                for _ in 0..answers {
                    let Some(Ok(_)) = wire.head().await else { return };
                    wire.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await;
                }
            });
        }
    });
    (address, connections)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_the_service_has_just_closed_costs_no_client_anything() {
    for answers in [1, 2, 3] {
        let (service, connections) = closes_after(answers).await;
        let scene = Scene::new();
        let gateway = before(&scene, service, "http1").await;
        let request = || Request::get("http://a/").header("host", "a").body(full("")).unwrap();
        let mut one = h1_client(gateway.address).await;
        let other = h2_client(gateway.address).await;
        for _ in 0..150 {
            let response = soon(one.send_request(request())).await.unwrap();
            assert_eq!(response.status(), 200);
            assert_eq!(text(response).await, "hello");
            soon(one.ready()).await.unwrap();
        }
        let many = (0..150).map(|_| {
            let mut other = other.clone();
            tokio::spawn(async move {
                let response = soon(other.send_request(request())).await.unwrap();
                assert_eq!(response.status(), 200);
                assert_eq!(text(response).await, "hello");
            })
        });
        for one in many.collect::<Vec<_>>() {
            one.await.unwrap();
        }
        assert!(connections.load(Ordering::SeqCst) >= 300 / answers);
    }
}
