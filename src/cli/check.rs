use super::{Failure, load, output};
use crate::config::Config;

/// Check the configuration: every problem at once, each with its line
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  wakegate check --config wakegate.yaml")]
pub(super) struct Args {}

impl Args {
    #[expect(clippy::unused_self, reason = "every verb is run this way")]
    pub(super) fn run(self, config: &Config) -> Result<(), Failure> {
        let plan = load(config)?;
        let count =
            |number: usize, one: &str| format!("{number} {one}{}", if number == 1 { "" } else { "s" });
        output::print(&format!(
            "{}: {}, {}, {}: no problem found\n",
            config.name(),
            count(plan.listeners.len(), "listener"),
            count(plan.graph.len(), "service"),
            count(plan.rules.len(), "route"),
        ))
    }
}
