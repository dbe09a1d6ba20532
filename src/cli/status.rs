use http::Method;

use super::access::{Access, Configured};
use super::{Failure, block_on, environment, output, table};
use crate::admin::status::ServiceList;

/// Show every service: its phase, what it is doing, and when it sleeps next
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  wakegate status --admin http://127.0.0.1:9900")]
pub(super) struct Args {
    /// The admin API's own JSON, for machines
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    access: Access,
}

impl Args {
    pub(super) fn run(self, configured: Configured) -> Result<(), Failure> {
        let client = self.access.client(configured, environment)?;
        let answer = block_on(client.call(Method::GET, "/api/services", None))?;
        if self.json {
            return output::print(&format!("{answer:#}\n"));
        }
        let list: ServiceList = serde_json::from_value(answer)
            .map_err(|error| Failure::other(format!("the answer of {client} is not understood: {error}")))?;
        output::print(&table::render(&list.services, output::colours()))
    }
}
