#[cfg(feature = "ecs")]
mod aws;

use super::{Failure, load, output};
use crate::config::Config;
use crate::gateway;

/// Check the configuration: every problem at once, each with its line
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  wakegate check --config wakegate.yaml\n  wakegate check --aws --config wakegate.yaml"
)]
pub(super) struct Args {
    /// Check against AWS too: that it has what the configuration names, and that each permission is there (nothing is changed)
    #[cfg(feature = "ecs")]
    #[arg(long)]
    aws: bool,
}

impl Args {
    #[cfg_attr(not(feature = "ecs"), expect(clippy::unused_self, reason = "every verb is run this way"))]
    pub(super) fn run(self, config: &Config) -> Result<(), Failure> {
        let plan = load(config)?;
        for missing in gateway::not_in_this_build(&plan, gateway::is_built_in) {
            eprintln!("note: {missing}");
        }
        gateway::check_certificates(&plan).map_err(|error| Failure::usage(error.to_string()))?;
        let count =
            |number: usize, one: &str| format!("{number} {one}{}", if number == 1 { "" } else { "s" });
        output::print(&format!(
            "{}: {}, {}, {}: no problem found\n",
            config.name(),
            count(plan.listeners.len(), "listener"),
            count(plan.graph.len(), "service"),
            count(plan.rules.len(), "route"),
        ))?;
        #[cfg(feature = "ecs")]
        if self.aws {
            return aws::check(&plan);
        }
        Ok(())
    }
}
