//! A gateway that the system allows few open files.

use hyper::Response;
use serde_json::json;
use tokio::process::Command;

use crate::binary_kit::{Gateway, Scene, wakegate};
use crate::proxy_kit::{Raw, full, upstream};

/// How much time of a processor this process has taken, in hundredths of a second.
fn processor_time(process: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // The name may have blanks in it, and ends with the last bracket.
    let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn with_few_open_files_it_neither_spins_nor_dies() {
    let upstream = upstream(|_| async { Response::new(full("hello")) }).await;
    let scene = Scene::new();
    let config = json!({
        "listeners": [{ "address": "127.0.0.1:0" }],
        "admin": { "address": "127.0.0.1:0" },
        "services": { "web": { "upstream": format!("http://{}", upstream.address) } },
        "routes": [{ "service": "web" }],
    });
    let serve = wakegate(&["serve", "--config"]);
    let mut command = Command::new("sh");
    command.arg("-c").arg("ulimit -n 48; exec \"$@\"").arg("sh").arg(serve.as_std().get_program());
    command.args(serve.as_std().get_args()).arg(scene.write(&config.to_string())).kill_on_drop(true);
    let mut gateway = Gateway::spawn(&mut command);
    gateway.listens().await;
    gateway.logs("the system allows 48 open files").await;
    let before = processor_time(gateway.id());
    let mut clients = Vec::new();
    for _ in 0..200 {
        clients.push(Raw::connect(gateway.address).await);
    }
    // Whoever is not among the few is told so or let go.
    for client in &mut clients[100..] {
        let said = client.read_all().await;
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 503 "), "{said}");
    }
    for _ in 0..20 {
        assert_eq!(gateway.manage("GET", "/healthz", "").await.status, 200);
    }
    gateway.still_runs();
    let taken = processor_time(gateway.id()) - before;
    assert!(taken < 100, "{taken} hundredths of a second");
    drop(clients);
    let mut client = Raw::connect(gateway.address).await;
    let mut served = false;
    // Those that have just closed are still being let go.
    for _ in 0..1000 {
        client.write("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
        served = client.read_all().await.starts_with("HTTP/1.1 200 ");
        if served {
            break;
        }
        client = Raw::connect(gateway.address).await;
    }
    assert!(served);
}
