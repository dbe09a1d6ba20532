use std::time::Duration;

use http::Method;
use serde_json::json;

use super::access::{Access, Configured};
use super::client::service_path;
use super::{Failure, block_on, environment, output};
use crate::model::duration;

/// Wake a service and keep it awake for a time, whether or not it is used
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  wakegate keep web --for 2h\n  wakegate keep web --end")]
#[group(id = "what", required = true, multiple = false, args = ["for_", "end"])]
pub(super) struct Args {
    /// The service, as the configuration calls it
    name: String,
    /// How long from now, such as 90s, 15m or 2h; replaces a lease it already has
    #[arg(long = "for", value_name = "TIME", value_parser = time)]
    for_: Option<Duration>,
    /// End the lease: the service sleeps again when it is quiet
    #[arg(long)]
    end: bool,
    #[command(flatten)]
    access: Access,
}

impl Args {
    pub(super) fn run(self, configured: Configured) -> Result<(), Failure> {
        let client = self.access.client(configured, environment)?;
        let path = service_path(&self.name, "/lease");
        let said = match self.for_ {
            Some(how_long) => {
                let body = json!({ "for": format!("{}ms", how_long.as_millis()) });
                block_on(client.call(Method::PUT, &path, Some(&body)))?;
                format!("{} is kept awake for {}\n", self.name, duration::format(how_long))
            }
            None => {
                block_on(client.call(Method::DELETE, &path, None))?;
                format!("{} is no longer kept awake\n", self.name)
            }
        };
        output::print(&said)
    }
}

fn time(text: &str) -> Result<Duration, String> {
    match duration::parse(text) {
        Ok(Duration::ZERO) => Err("is zero: use --end to end a lease".to_owned()),
        other => other,
    }
}
