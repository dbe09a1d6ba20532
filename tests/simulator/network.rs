//! Containers on the hosts of a turmoil simulation: each host has an address, and runs what is given that address.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::{AbortHandle, JoinSet};
use turmoil::net::TcpListener;

use super::handle::{Clock, Simulator};
use super::hosts::{End, Hosts, Run};
use super::serve;

/// What is to be run where. Clones are handles to the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Network {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    places: HashMap<Ipv4Addr, Place>,
    /// Where each task is.
    tasks: HashMap<String, Ipv4Addr>,
}

/// The orders to one host that it has not carried out.
#[derive(Debug, Default)]
struct Place {
    orders: Vec<Order>,
    bell: Arc<Notify>,
}

#[derive(Debug)]
enum Order {
    Begin(Box<Run>),
    End(String, End),
}

impl Hosts for Network {
    fn begin(&self, run: Run) {
        let ip = run.ip;
        self.with(|state| state.tasks.insert(run.task_arn.clone(), ip));
        self.order(ip, Order::Begin(Box::new(run)));
    }

    fn end(&self, task_arn: &str, how: End) {
        let place = self.with(|state| state.tasks.get(task_arn).copied());
        if let Some(ip) = place {
            self.order(ip, Order::End(task_arn.to_owned(), how));
        }
    }
}

impl Network {
    /// The software of the host with this address; never ends.
    pub(crate) async fn run(self, ip: Ipv4Addr) -> turmoil::Result {
        // One at a time but for those that are ending.
        let mut running: HashMap<String, (watch::Sender<bool>, AbortHandle)> = HashMap::new();
        let bell = self.with(|state| state.places.entry(ip).or_default().bell.clone());
        loop {
            let orders = self.with(|state| std::mem::take(&mut state.places.entry(ip).or_default().orders));
            for order in orders {
                match order {
                    Order::Begin(run) => {
                        let (terminated, told) = watch::channel(false);
                        let arn = run.task_arn.clone();
                        let task = tokio::spawn(contain(*run, told)).abort_handle();
                        running.insert(arn, (terminated, task));
                    }
                    Order::End(arn, End::Terminate) => {
                        if let Some((terminated, _)) = running.get(&arn) {
                            terminated.send_replace(true);
                        }
                    }
                    Order::End(arn, End::Kill) => {
                        if let Some((_, task)) = running.remove(&arn) {
                            task.abort();
                        }
                    }
                }
            }
            bell.notified().await;
        }
    }

    fn order(&self, ip: Ipv4Addr, order: Order) {
        self.with(|state| {
            let place = state.places.entry(ip).or_default();
            place.orders.push(order);
            place.bell.notify_one();
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn contain(run: Run, mut told: watch::Receiver<bool>) {
    tokio::time::sleep(run.listens_after).await;
    let Some(listener) = bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, run.port))).await else { return };
    if run.black_hole {
        // A connection is made when it is accepted: until then nothing comes back.
        let _listener = listener;
        return std::future::pending().await;
    }
    let mut connections = JoinSet::new();
    loop {
        // In a fixed order, so that a seed is a history.
        let stream = tokio::select! {
            biased;
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

/// Takes a port; waits where the one before is still letting go.
async fn bind(address: SocketAddr) -> Option<TcpListener> {
    for _ in 0..100 {
        match TcpListener::bind(address).await {
            Ok(listener) => return Some(listener),
            Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    }
    None
}

/// The software of the host that is AWS: lets time pass, and answers API calls on a port. Never ends.
pub(crate) async fn serve_api(simulator: Simulator, port: u16) -> turmoil::Result {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await?;
    let ticking = simulator.clone();
    let mut all = JoinSet::new();
    all.spawn(async move { ticking.tick().await });
    loop {
        let (stream, _) = listener.accept().await?;
        all.spawn(serve::api(stream, simulator.clone()));
        while all.try_join_next().is_some() {}
    }
}

/// The time of the simulation; zero before it runs.
pub(crate) fn clock() -> Clock {
    Arc::new(|| turmoil::sim_elapsed().unwrap_or_default())
}
