use std::time::Duration;

use http::Method;
use tokio::time::{Instant, sleep};

use super::access::{Access, Configured};
use super::client::{AdminClient, service_path};
use super::{Failure, block_on, environment, output};
use crate::admin::ServiceStatus;
use crate::model::duration;

const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// How long a failure from before may still show after the order was taken.
const STALE: Duration = Duration::from_secs(2);

/// Wake a service and everything it depends on
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  wakegate wake web --wait")]
pub(super) struct Args {
    /// The service, as the configuration calls it
    name: String,
    /// Return when it is awake, not when the order is taken; fails with the wake
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    access: Access,
}

impl Args {
    pub(super) fn run(self, configured: Configured) -> Result<(), Failure> {
        let client = self.access.client(configured, environment)?;
        let said = block_on(async {
            let began = Instant::now();
            let taken = client.call(Method::POST, &service_path(&self.name, "/wake"), None).await?;
            if self.wait {
                wait(&client, &self.name, began).await?;
                return Ok(format!("{} is awake after {}\n", self.name, duration::format(began.elapsed())));
            }
            let phase = status(&client, taken)?.phase;
            Ok(if phase == "awake" {
                format!("{} is awake\n", self.name)
            } else {
                format!("{} is being woken; `wakegate status` shows how far it is\n", self.name)
            })
        })?;
        output::print(&said)
    }
}

/// Looks until the service is awake or its wake has failed.
async fn wait(client: &AdminClient, name: &str, began: Instant) -> Result<(), Failure> {
    let path = service_path(name, "");
    loop {
        let now = status(client, client.call(Method::GET, &path, None).await?)?;
        let waited = began.elapsed();
        // The order was taken, but what is shown may be from before.
        let fresh = now.since_seconds <= waited.as_secs_f64() || waited > STALE;
        match &*now.phase {
            "awake" => return Ok(()),
            "failed" if fresh => {
                let why = now.fault.unwrap_or_else(|| "no reason was given".to_owned());
                return Err(Failure::other(format!("{name} did not wake: {why}")));
            }
            "asleep" if waited > STALE => {
                return Err(Failure::other(format!("{name} was put to sleep again before it was awake")));
            }
            _ => sleep(LOOK_AGAIN).await,
        }
    }
}

fn status(client: &AdminClient, answer: serde_json::Value) -> Result<ServiceStatus, Failure> {
    serde_json::from_value(answer)
        .map_err(|error| Failure::other(format!("the answer of {client} is not understood: {error}")))
}
