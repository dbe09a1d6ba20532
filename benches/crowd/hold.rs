//! Requests that are held, all at once, and what becomes of them when they need not be any more.
//!
//! Orders: `begin PORT` opens as many connections to a proxy and sends a request on each, then says `sent`; `held` asks
//! how many of them are at the origin; `go` lets the origin answer (or, where it is late, begin to listen), then says
//! how each ended, and how long the last took since the origin was ready.

use std::collections::BTreeMap;
use std::rc::Rc;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::task::{JoinSet, LocalSet};
use tokio::time::Instant;

use crate::origin::Origin;
use crate::{Failure, answer, clients, local, origin};

type Ends = JoinSet<(String, Instant)>;

pub(crate) async fn run(port: u16, late: bool, host: &str, count: usize) -> Result<(), Failure> {
    LocalSet::new().run_until(obey(port, late, host, count)).await
}

async fn obey(port: u16, late: bool, host: &str, count: usize) -> Result<(), Failure> {
    let origin = Origin::new();
    let mut socket = Some(origin::taken(port)?);
    if !late && let Some(socket) = socket.take() {
        origin::listen(&origin, socket)?;
    }
    println!("ready");
    let mut orders = BufReader::new(tokio::io::stdin()).lines();
    let mut crowd = Ends::new();
    while let Some(order) = orders.next_line().await? {
        match order.split_once(' ').unwrap_or((&order, "")) {
            ("begin", port) => {
                crowd = begin(port, host, count).await?;
                println!("sent");
            }
            ("held", _) => println!("held {}", origin.held.get()),
            ("go", _) => {
                let went = Instant::now();
                origin.open.send_replace(true);
                if let Some(socket) = socket.take() {
                    origin::listen(&origin, socket)?;
                }
                report(crowd, &origin, late, went).await?;
                crowd = Ends::new();
            }
            _ => return Err(format!("what is {order:?}?").into()),
        }
    }
    Ok(())
}

async fn begin(port: &str, host: &str, count: usize) -> Result<Ends, Failure> {
    let request = Rc::new(answer::request("/held", host));
    let mut crowd = Ends::new();
    for mut stream in clients::connect(local(port)?, count).await? {
        stream.write_all(&request).await?;
        crowd.spawn_local(async move {
            let end = match answer::status(&mut stream).await {
                Ok(status) => status.to_string(),
                Err(error) => error.kind().to_string(),
            };
            // The connection stays: what closing it costs is not what is measured.
            std::mem::forget(stream);
            (end, Instant::now())
        });
    }
    Ok(crowd)
}

async fn report(mut crowd: Ends, origin: &Origin, late: bool, went: Instant) -> Result<(), Failure> {
    let (mut ends, mut last) = (BTreeMap::<String, usize>::new(), went);
    while let Some(end) = crowd.join_next().await {
        let (end, at) = end?;
        *ends.entry(end).or_default() += 1;
        last = last.max(at);
    }
    let ready = if late { origin.healthy.get().ok_or("nobody asked whether it is healthy")? } else { went };
    let milliseconds = (last - ready).as_secs_f64() * 1e3;
    println!("{}", serde_json::json!({ "ends": ends, "milliseconds": milliseconds }));
    Ok(())
}
