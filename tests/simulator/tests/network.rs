//! Containers and the front door in a simulated network.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use turmoil::net::TcpStream;

use crate::simulator::handle::Simulator;
use crate::simulator::network::{self, Network};
use crate::simulator::pool::Pool;
use crate::simulator::service::ServiceSetup;

const AWS: Ipv4Addr = Ipv4Addr::new(192, 168, 7, 1);

/// Where tasks run.
const PLACES: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 168, 8, 1), Ipv4Addr::new(192, 168, 8, 2)];

async fn send(ip: Ipv4Addr, port: u16, request: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect((ip, port)).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

async fn update(desired: u32) -> String {
    let body = format!("{{\"cluster\":\"demo\",\"service\":\"web\",\"desiredCount\":{desired}}}");
    let head = "POST / HTTP/1.1\r\nhost: ecs\r\nconnection: close\r\n\
                x-amz-target: AmazonEC2ContainerServiceV20141113.UpdateService\r\n\
                authorization: AWS4-HMAC-SHA256 Credential=x\r\n";
    send(AWS, 443, &format!("{head}content-length: {}\r\n\r\n{body}", body.len())).await.unwrap()
}

/// A history of one service that is woken, asked and put to sleep, with its times.
fn history(seed: u64) -> String {
    let network = Network::default();
    let simulator = Simulator::new(seed, network::clock(), Arc::new(network.clone()));
    simulator.set_addresses(Pool::list(PLACES));
    simulator.create_service(ServiceSetup::new("demo", "web", 80)).unwrap();
    let mut sim = turmoil::Builder::new()
        .rng_seed(seed)
        .simulation_duration(Duration::from_secs(300))
        .tick_duration(Duration::from_millis(5))
        .build();
    for ip in PLACES {
        let network = network.clone();
        sim.host(ip, move || network.clone().run(ip));
    }
    let aws = simulator.clone();
    sim.host(AWS, move || network::serve_api(aws.clone(), 443));
    let seen = simulator.clone();
    sim.client("visitor", async move {
        assert!(update(1).await.starts_with("HTTP/1.1 200 OK"));
        let get = "GET /x HTTP/1.1\r\nhost: shop\r\nx-request-id: 1\r\nconnection: close\r\n\r\n";
        let answer = loop {
            match send(PLACES[0], 80, get).await {
                Ok(answer) => break answer,
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        };
        assert!(answer.contains("x-service: web"), "{answer}");
        update(0).await;
        while send(PLACES[0], 80, get).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    });
    sim.run().unwrap();
    let requests = seen.requests();
    assert!(!requests.is_empty() && requests.iter().all(|request| request.id == "1"));
    format!("{requests:?} {:?} {:?}", seen.calls(), seen.tasks("demo", "web"))
}

#[test]
fn a_task_serves_in_a_simulated_network_and_a_seed_is_a_history() {
    let first = history(3);
    assert_eq!(first, history(3));
    assert_ne!(first, history(4));
}
