//! Containers as real HTTP servers on loopback, each on its task's own address.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use super::handle::{Clock, Simulator};
use super::hosts::{End, Hosts, Run};
use super::serve;

/// Runs containers on loopback. To be used within a tokio runtime.
#[derive(Debug, Default)]
pub(crate) struct Loopback {
    servers: Mutex<HashMap<String, Server>>,
}

#[derive(Debug)]
struct Server {
    /// True: no new connections.
    terminated: watch::Sender<bool>,
    task: AbortHandle,
}

impl Hosts for Loopback {
    fn begin(&self, run: Run) {
        let (terminated, told) = watch::channel(false);
        let arn = run.task_arn.clone();
        let task = tokio::spawn(contain(run, told)).abort_handle();
        self.lock().insert(arn, Server { terminated, task });
    }

    fn end(&self, task_arn: &str, how: End) {
        let mut servers = self.lock();
        match how {
            End::Terminate => {
                if let Some(server) = servers.get(task_arn) {
                    server.terminated.send_replace(true);
                }
            }
            // Its connections are tasks of its own set, and end with it.
            End::Kill => {
                if let Some(server) = servers.remove(task_arn) {
                    server.task.abort();
                }
            }
        }
    }
}

impl Loopback {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Server>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn contain(run: Run, mut told: watch::Receiver<bool>) {
    tokio::time::sleep(run.listens_after).await;
    let address = SocketAddr::from((run.ip, run.port));
    if run.black_hole {
        return swallow(address).await;
    }
    let Some(listener) = bind(address).await else { return };
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => continue,
            },
            _ = told.changed() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
        };
        connections.spawn(serve::app(stream, run.clone(), told.clone()));
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Takes an address; tries for a moment where the one before it is still letting go.
async fn bind(address: SocketAddr) -> Option<TcpListener> {
    for _ in 0..50 {
        match TcpListener::bind(address).await {
            Ok(listener) => return Some(listener),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    eprintln!("the simulator could not listen on {address}; this task will refuse connections");
    None
}

/// An address where connections are neither taken nor refused: the listener's short queue is filled by its own
/// connections and never emptied, so that Linux drops every further SYN. (Other systems may refuse instead.)
async fn swallow(address: SocketAddr) {
    let Ok(socket) = tokio::net::TcpSocket::new_v4() else { return };
    let listener =
        socket.set_reuseaddr(true).and_then(|()| socket.bind(address)).and_then(|()| socket.listen(1));
    let Ok(_listener) = listener else { return };
    let mut filling = Vec::new();
    for _ in 0..8 {
        let connecting = tokio::time::timeout(Duration::from_millis(100), TcpStream::connect(address)).await;
        match connecting {
            Ok(Ok(stream)) => filling.push(stream),
            _ => break,
        }
    }
    std::future::pending::<()>().await;
}

/// Answers API calls on a listener until the future is dropped.
pub(crate) async fn serve_api(simulator: Simulator, listener: TcpListener) {
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => continue,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
        };
        let simulator = simulator.clone();
        connections.spawn(serve::api(stream, simulator));
    }
}

/// A clock that starts now and follows tokio's time.
pub(crate) fn clock() -> Clock {
    let start = tokio::time::Instant::now();
    Arc::new(move || start.elapsed())
}

/// An address of a listener on loopback, with a port from the system.
pub(crate) const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
