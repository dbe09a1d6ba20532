//! Amazon ECS and what stands around it, imitated on loopback, to try the gateway on a laptop: its tasks are real HTTP
//! servers, each on an address of its own. With `--demo` there are three services that sleep, and it prints how to put
//! the gateway in front of them. It is steered through `/_simulator/…` of the same address:
//!
//! ```sh
//! curl -s $AWS_ENDPOINT_URL/_simulator/state
//! curl -s $AWS_ENDPOINT_URL/_simulator/faults -d '{"kind": "throttle", "action": "UpdateService", "times": 3}'
//! ```

use std::error::Error;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Parser;
use simulator::handle::Simulator;
use simulator::loopback::{self, Loopback};
use simulator::pool::Pool;
use simulator::service::ServiceSetup;

#[path = "../tests/simulator/mod.rs"]
mod simulator;

/// Imitates Amazon ECS, Elastic Load Balancing, Application Auto Scaling and SQS on loopback.
#[derive(Debug, Parser)]
#[command(
    after_help = "Each task has an address of 127.64.0.0/10. Linux has all of them; on macOS each has to be made first, with \
                  `sudo ifconfig lo0 alias ADDRESS`."
)]
struct Arguments {
    /// The port to listen on, on 127.0.0.1; 0 is any that is free.
    #[arg(long, default_value_t = 4566)]
    port: u16,

    /// How many times faster than the real ECS everything goes.
    #[arg(long, default_value_t = 1.0, value_parser = speed)]
    speed: f64,

    /// What all randomness comes from; the same seed draws the same times.
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Make the cluster `demo` with three services that sleep: shop-web, shop-api, shop-db.
    #[arg(long)]
    demo: bool,
}

fn speed(text: &str) -> Result<f64, String> {
    let speed = text.parse::<f64>().ok().filter(|speed| speed.is_finite() && *speed > 0.0);
    speed.ok_or_else(|| "it has to be a number above zero".to_owned())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let listener =
        tokio::net::TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port))).await?;
    let address = listener.local_addr()?;

    let simulator = Simulator::new(arguments.seed, loopback::clock(), Arc::new(Loopback::default()));
    simulator.set_addresses(Pool::loopback(std::process::id()));
    simulator.set_epoch(SystemTime::now().duration_since(UNIX_EPOCH)?);
    simulator.set_timings(|timings| timings.speed = arguments.speed);
    if arguments.demo {
        for (name, boot) in [("shop-web", 500), ("shop-api", 1_500), ("shop-db", 3_000)] {
            let mut setup = ServiceSetup::new("demo", name, 8080);
            setup.app.boot = Duration::from_millis(boot).div_f64(arguments.speed);
            simulator.create_service(setup).map_err(|error| error.to_string())?;
        }
    }

    let mut out = std::io::stdout();
    // Whoever started this may have closed it, and is served all the same.
    let _ = writeln!(out, "{}", introduction(address, arguments.demo)).and_then(|()| out.flush());

    let ticking = simulator.clone();
    let ticker = tokio::spawn(async move { ticking.tick().await });
    tokio::select! {
        () = loopback::serve_api(simulator, listener) => {}
        ended = ticker => ended?,
        told = tokio::signal::ctrl_c() => told?,
    }
    Ok(())
}

/// What is to be known: the first line ends with the endpoint.
fn introduction(address: SocketAddr, demo: bool) -> String {
    let mut text = format!("the simulated AWS is at http://{address}\n\n");
    text += &format!("export AWS_ENDPOINT_URL=http://{address}\n");
    text += "export AWS_REGION=eu-central-1 AWS_ACCESS_KEY_ID=simulated AWS_SECRET_ACCESS_KEY=simulated\n";
    if demo {
        text += CONFIGURATION;
    }
    text
}

/// A configuration of the gateway for the services of `--demo`.
const CONFIGURATION: &str = "
# wakegate.yaml
listeners:
  - address: 127.0.0.1:8080
admin:
  address: 127.0.0.1:9900
defaults:
  idle_after: 1m
services:
  web:
    ecs: { cluster: demo, service: shop-web, port: 8080 }
    health: { path: /healthz }
    depends_on: [api]
  api:
    ecs: { cluster: demo, service: shop-api, port: 8080 }
    health: { path: /healthz }
    depends_on: [db]
  db:
    ecs: { cluster: demo, service: shop-db, port: 8080 }
    health: { path: /healthz }
routes:
  - path: /api/*
    service: api
  - path: /*
    service: web
";
