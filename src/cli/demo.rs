//! `wakegate demo`: an environment of four small programs, all of them this binary, that take their time to boot and
//! need each other.
//!
//! `web` needs `api` healthy, `api` needs `db` healthy, `worker` is started along with `web`.

pub mod child;
mod services;

use std::net::SocketAddr;
use std::time::Duration;

pub use services::{IDLE_AFTER, services};

use super::{Failure, block_on, environment, log, output, serve};
use crate::config::{Admin, Aws, Listener, Plan};
use crate::model::{Bounds, Detail, Graph, PageSpec, Timeouts, WakeLimits, duration};
use crate::net::ANY_LOOPBACK;
use crate::route::{Action, Matcher, Policy, Rewrite, Rule};

/// The hidden verb behind which this binary is one of the demo's programs; the role's name follows it.
pub const CHILD_VERB: &str = "demo-child";

/// Run a gateway with a built-in environment of four programs that sleep and wake
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  wakegate demo --address 127.0.0.1:8080")]
pub(super) struct Args {
    /// Where to listen [default: 127.0.0.1:8080, or any free port where that is taken]
    #[arg(long, value_name = "ADDRESS")]
    address: Option<SocketAddr>,
    /// Where the admin API listens [default: 127.0.0.1:9900, or any free port where that is taken]
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<SocketAddr>,
}

/// Be one of the demo's programs
#[derive(clap::Args, Debug)]
pub(super) struct ChildArgs {
    role: child::Role,
}

impl Args {
    pub(super) fn run(self) -> Result<(), Failure> {
        log::start()?;
        serve::run(self.plan()?, None, |gateway| {
            let address = gateway.addresses().first().map_or_else(String::new, ToString::to_string);
            let admin = gateway.admin_address().map_or_else(String::new, |admin| admin.to_string());
            let idle = duration::format(IDLE_AFTER);
            // With nobody to read it, the demo runs all the same.
            drop(output::print(&format!(
                "\n  Everything is asleep. Open  http://{address}/  in a browser and watch it wake.\n  \
                 Left alone for {idle} it goes back to sleep. Ctrl-C ends it.\n\n  \
                 What goes on:  wakegate status --admin http://{admin}\n  \
                 Metrics:       http://{admin}/metrics\n\n"
            )));
        })
    }

    fn plan(&self) -> Result<Plan, Failure> {
        let exe = std::env::current_exe()?;
        let graph = Graph::new(services(&exe)?).map_err(|errors| {
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            Failure::other(errors.join("\n"))
        })?;
        let everything = Rule {
            name: "demo".into(),
            matcher: Matcher::default(),
            action: Action::Service("web".into()),
            rewrite: Rewrite::default(),
            policy: None,
            lock: None,
        };
        let page = PageSpec {
            name: Some("The demo".to_owned()),
            text: Some("Four programs are starting: web needs api, api needs db.".to_owned()),
            detail: Detail::Services,
            ..PageSpec::default()
        };
        let admin = self.admin.unwrap_or_else(|| free_or_any(9900));
        Ok(Plan {
            aws: Aws::default(),
            listeners: vec![Listener {
                address: self.address.unwrap_or_else(|| free_or_any(8080)),
                tls: None,
                redirect_to_https: None,
                proxy_protocol: false,
            }],
            trusted_proxies: Vec::new(),
            makes_traces: true,
            admin: Some(Admin {
                address: admin,
                token: environment("WAKEGATE_ADMIN_TOKEN"),
                hosts: Vec::new(),
            }),
            graph,
            locks: Vec::new(),
            rules: vec![everything.into()],
            policy: Policy::default(),
            wake_limits: WakeLimits::default(),
            page,
            bounds: Bounds::default(),
            timeouts: Timeouts::default(),
            drain_delay: Duration::ZERO,
            drain_timeout: Duration::from_secs(5),
            files: Vec::new(),
        })
    }
}

impl ChildArgs {
    pub(super) fn run(self) -> Result<(), Failure> {
        block_on(async {
            child::run(self.role, environment).await.map_err(|error| Failure::other(error.to_string()))
        })
    }
}

/// This port on loopback, or any where another program has it.
fn free_or_any(port: u16) -> SocketAddr {
    let wanted = SocketAddr::new(ANY_LOOPBACK.ip(), port);
    match std::net::TcpListener::bind(wanted) {
        Ok(_) => wanted,
        Err(_) => ANY_LOOPBACK,
    }
}
