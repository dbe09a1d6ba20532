//! Large bodies, which the system moves from the target's connection to the client's: they arrive as they were sent.

use std::io;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::binary_kit::{Gateway, Scene, config};
use crate::proxy_kit::{Raw, raw_upstream, soon};

/// So much and more is moved by the system.
const LARGE: usize = 64 * 1024;

/// Some bytes of which no two stretches are alike.
fn body(size: usize) -> Vec<u8> {
    (0..size as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

/// A target that sends as many bytes as the path says, in the way that it says, and tells on which of its connections.
async fn sends(stream: TcpStream, number: usize) -> io::Result<()> {
    let mut client = Raw::new(stream);
    while let Some(head) = client.try_read_to("\r\n\r\n").await {
        let mut path = head.split(' ').nth(1).unwrap_or_default().split('/').skip(1);
        let (size, way) = (path.next().unwrap_or_default().parse().unwrap(), path.next().unwrap_or_default());
        let close = if way == "close" { "connection: close\r\n" } else { "" };
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-length: {size}\r\nx-connection: {number}\r\n{close}\r\n");
        let mut answer = head.into_bytes();
        answer.extend(body(size));
        let stream = client.stream();
        match way {
            "pieces" => {
                for (at, piece) in answer.chunks(7001).enumerate() {
                    stream.write_all(piece).await?;
                    if at % 3 == 0 {
                        tokio::task::yield_now().await;
                    }
                }
            }
            "half" => return stream.write_all(&answer[..answer.len() / 2]).await,
            "more" => {
                answer.extend(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nmore");
                stream.write_all(&answer).await?;
            }
            _ => stream.write_all(&answer).await?,
        }
        if way == "close" {
            return Ok(());
        }
    }
    Ok(())
}

/// A gateway before such a target, and where it lives.
async fn before_target() -> (Scene, Gateway) {
    let target = raw_upstream(|stream, number| async move {
        // Some of those who ask leave.
        drop(sends(stream, number).await);
    })
    .await;
    let scene = Scene::new();
    let web = json!({ "upstream": format!("http://{}", target.address) });
    let gateway = scene.start(&config([("web", web)])).await;
    (scene, gateway)
}

fn get(size: usize, way: &str) -> String {
    format!("GET /{size}/{way} HTTP/1.1\r\nhost: a\r\n\r\n")
}

/// A client that reads what it is answered in its own time.
struct Client(BufReader<TcpStream>);

impl Client {
    async fn new(gateway: &Gateway) -> Self {
        Self(BufReader::new(TcpStream::connect(gateway.address).await.unwrap()))
    }

    async fn write(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(soon(self.0.read_u8()).await.unwrap());
        }
        String::from_utf8(head).unwrap()
    }

    /// An answer with this body and no other. Returns its head.
    async fn gets(&mut self, size: usize) -> String {
        let head = self.head().await;
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains(&format!("content-length: {size}\r\n")), "{head}");
        let mut came = vec![0; size];
        soon(self.0.read_exact(&mut came)).await.unwrap();
        assert!(came == body(size), "{size} other bytes");
        head
    }
}

/// How many ends of pipes the gateway has open.
#[cfg(target_os = "linux")]
fn pipes(gateway: &Gateway) -> usize {
    let open = std::fs::read_dir(format!("/proc/{}/fd", gateway.id())).unwrap();
    let is_pipe = |path: std::path::PathBuf| {
        std::fs::read_link(path).is_ok_and(|link| link.to_string_lossy().starts_with("pipe:"))
    };
    open.filter(|file| is_pipe(file.as_ref().unwrap().path())).count()
}

#[tokio::test]
async fn they_arrive_as_they_were_sent_however_that_was() {
    let (_scene, gateway) = before_target().await;
    let mut client = Client::new(&gateway).await;
    for size in [LARGE - 1, LARGE, LARGE + 1, 300_000, 3_000_000] {
        for way in ["whole", "pieces", "close", "more"] {
            client.write(&get(size, way)).await;
            client.gets(size).await;
        }
    }
}

#[tokio::test]
async fn their_connections_are_used_again() {
    let (_scene, gateway) = before_target().await;
    let mut client = Client::new(&gateway).await;
    let mut used = Vec::new();
    for size in [400_000, 10, 400_000, 400_000, 10] {
        client.write(&get(size, "whole")).await;
        let head = client.gets(size).await;
        used.extend(head.lines().find(|line| line.starts_with("x-connection: ")).map(str::to_owned));
    }
    assert_eq!(used, vec![used[0].clone(); 5]);
}

#[tokio::test]
async fn answers_to_requests_that_came_together_keep_their_order() {
    let (_scene, gateway) = before_target().await;
    let mut client = Client::new(&gateway).await;
    let sizes = [1_000_000, 500_000, 10, 100_000, 700_000];
    client.write(&sizes.map(|size| get(size, "pieces")).concat()).await;
    for size in sizes {
        client.gets(size).await;
    }
}

#[tokio::test]
async fn many_at_once_are_not_mixed_up() {
    let (_scene, gateway) = before_target().await;
    // More than go by pipes.
    let mut clients = Vec::new();
    for number in 0..80 {
        let (mut client, size) = (Client::new(&gateway).await, LARGE + 5000 * number);
        client.write(&get(size, "whole")).await;
        clients.push((client, size));
    }
    for (client, size) in &mut clients {
        client.gets(*size).await;
    }
}

#[tokio::test]
async fn one_that_breaks_off_is_not_passed_on_as_a_whole_one() {
    let (_scene, gateway) = before_target().await;
    let mut client = Client::new(&gateway).await;
    client.write(&get(1_000_000, "half")).await;
    assert!(client.head().await.contains("content-length: 1000000\r\n"));
    let mut came = Vec::new();
    // Closed or reset.
    drop(soon(client.0.read_to_end(&mut came)).await);
    let sent = body(1_000_000);
    assert!(came.len() < 500_001 && sent.starts_with(&came), "{}", came.len());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_system_moves_them_even_after_many_clients_have_left_in_their_middle() {
    let (_scene, gateway) = before_target().await;
    let own = pipes(&gateway);
    for _ in 0..70 {
        let mut client = Client::new(&gateway).await;
        client.write(&get(30_000_000, "whole")).await;
        client.head().await;
        // Its pipe is given up with what is in it.
    }
    gateway.until("web", |status| status["in_flight"] == 0).await;
    let mut client = Client::new(&gateway).await;
    client.write(&get(1_000_000, "whole")).await;
    client.gets(1_000_000).await;
    assert!(pipes(&gateway) > own, "the last one's is kept");
}
