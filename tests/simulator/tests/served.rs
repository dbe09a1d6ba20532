//! Containers as real servers on loopback.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::simulator::app::AppBehaviour;
use crate::simulator::fault::{Fault, FaultKind};
use crate::simulator::handle::Simulator;
use crate::simulator::loopback::{self, Loopback};
use crate::simulator::pool::Pool;
use crate::simulator::service::ServiceSetup;
use crate::simulator::task::{Status, Task};

/// A world a hundred times faster than Fargate, with its ticker running.
fn fast() -> Simulator {
    let simulator = Simulator::new(1, loopback::clock(), Arc::new(Loopback::default()));
    simulator.set_timings(|timings| timings.speed = 100.0);
    simulator.set_addresses(Pool::loopback(std::process::id()));
    let ticking = simulator.clone();
    tokio::spawn(async move { ticking.tick().await });
    simulator
}

/// A port that was free a moment ago, on all of loopback's addresses for all that this machine runs.
async fn free_port() -> u16 {
    tokio::net::TcpListener::bind(loopback::ANY_PORT).await.unwrap().local_addr().unwrap().port()
}

/// Waits for the first task of a service to be somewhere. Gives up after ten seconds.
async fn reaches(simulator: &Simulator, service: &str, status: Status) -> Task {
    for _ in 0..1_000 {
        let tasks = simulator.tasks("demo", service);
        if let Some(task) = tasks.into_iter().next().filter(|task| task.status >= status) {
            return task;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{service} never is {status:?}");
}

async fn get(address: SocketAddr) -> Option<String> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let request = "GET /a?b HTTP/1.1\r\nhost: shop\r\nx-request-id: 17\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    Some(answer)
}

async fn get_soon(address: SocketAddr) -> String {
    for _ in 0..500 {
        match get(address).await {
            Some(answer) if !answer.is_empty() => return answer,
            _ => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
    panic!("nobody listens on {address}");
}

#[tokio::test]
async fn a_task_serves_on_its_own_address_until_it_is_stopped() {
    let simulator = fast();
    let port = free_port().await;
    let app =
        AppBehaviour { boot: Duration::ZERO, farewell: Duration::from_secs(1), ..AppBehaviour::default() };
    simulator.create_service(ServiceSetup::new("demo", "web", port).desired(1).app(app)).unwrap();
    let task = reaches(&simulator, "web", Status::Running).await;
    let address = SocketAddr::from((task.ip.unwrap(), port));
    let answer = get_soon(address).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(
        answer.contains(&format!("x-task: {}\r\n", task.arn)) && answer.contains("x-service: web\r\n"),
        "{answer}"
    );
    let seen = simulator.requests().pop().unwrap();
    assert_eq!((seen.id.as_str(), seen.path.as_str(), seen.host.as_str()), ("17", "/a?b", "shop"));
    assert!(!seen.told_to_stop && seen.task_arn == task.arn);

    simulator.set_desired("demo", "web", 0);
    reaches(&simulator, "web", Status::Stopped).await;
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_black_hole_neither_takes_connections_nor_refuses_them() {
    let simulator = fast();
    let port = free_port().await;
    simulator.fault(Fault::new(FaultKind::BlackHole));
    simulator.create_service(ServiceSetup::new("demo", "hole", port).desired(1)).unwrap();
    let task = reaches(&simulator, "hole", Status::Running).await;
    let address = SocketAddr::from((task.ip.unwrap(), port));
    // Before the app has booted connections are refused, and while the queue fills some are made.
    for _ in 0..200 {
        let connected = tokio::time::timeout(Duration::from_millis(500), TcpStream::connect(address)).await;
        if connected.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("connections to {address} were taken or refused");
}
