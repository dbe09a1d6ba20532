//! The crowd of `benches/compare`: the loads that wrk and h2load do not make. It runs on one thread, takes its orders
//! on the standard input and tells what comes of them on the standard output.
//!
//! - `crowd hold PORT late|held HOST COUNT`: an origin, and as many requests that it holds or that wait for it
//! - `crowd idle PORT HOST COUNT`: connections that have had their answer and stay
//! - `crowd until PORT HOST COUNT`: requests that nobody answers, up to the first that somebody does
//! - `crowd handshakes PORT HOST CONNECTIONS SECONDS`: full TLS 1.3 handshakes, a request on each

mod answer;
mod handshakes;
mod hold;
mod idle;
mod origin;
mod until;

#[path = "../kit/clients.rs"]
mod clients;

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

type Failure = Box<dyn Error + Send + Sync>;

/// Nothing here takes longer, whatever becomes of the others.
const LIMIT: Duration = Duration::from_secs(300);

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(async {
        let work = async {
            match words[..] {
                ["hold", port, when, host, count] => {
                    hold::run(port.parse()?, when == "late", host, count.parse()?).await
                }
                ["idle", port, host, count] => idle::run(local(port)?, host, count.parse()?).await,
                ["until", port, host, count] => until::run(local(port)?, host, count.parse()?).await,
                ["handshakes", port, host, connections, seconds] => {
                    handshakes::run(local(port)?, host, connections.parse()?, seconds.parse()?).await
                }
                // Cargo runs it so among all the others, where there is nothing to do.
                [] | ["--bench"] => Ok(()),
                _ => Err("crowd hold|idle|until|handshakes ...: see the head of its source".into()),
            }
        };
        tokio::time::timeout(LIMIT, work).await
    });
    // Reading the standard input may be under way, on a thread of its own.
    runtime.shutdown_background();
    done?
}

fn local(port: &str) -> Result<SocketAddr, Failure> {
    Ok((Ipv4Addr::LOCALHOST, port.parse()?).into())
}
