use http::Method;

use super::access::{Access, Configured};
use super::client::service_path;
use super::{Failure, block_on, environment, output};

/// Put a service to sleep now, if nothing keeps it awake
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  wakegate sleep worker")]
pub(super) struct Args {
    /// The service, as the configuration calls it
    name: String,
    #[command(flatten)]
    access: Access,
}

impl Args {
    pub(super) fn run(self, configured: Configured) -> Result<(), Failure> {
        let client = self.access.client(configured, environment)?;
        block_on(client.call(Method::POST, &service_path(&self.name, "/sleep"), None))
            .map_err(|failure| failure.before(&format!("{} stays as it is: ", self.name)))?;
        output::print(&format!("{} is going to sleep\n", self.name))
    }
}
