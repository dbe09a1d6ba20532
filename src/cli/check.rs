use std::fmt::Write as _;
use std::path::PathBuf;

use super::{Failure, load, output};
use crate::config::Plan;

/// Check the configuration, and tell every problem at once
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  wakegate check --config wakegate.yaml")]
pub(super) struct Args {}

impl Args {
    pub(super) fn run(self, config: Option<PathBuf>) -> Result<(), Failure> {
        let (name, plan) = load(config)?;
        output::print(&format!("{name}: no problems\n{}", summary(&plan)))
    }
}

/// What the configuration is about, to see at a glance that it is the right one.
fn summary(plan: &Plan) -> String {
    let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let mut text = String::new();
    for listener in &plan.listeners {
        let scheme = if listener.tls.is_some() { "https" } else { "http" };
        let _ = writeln!(text, "  listens at {scheme}://{}", listener.address);
    }
    if let Some(admin) = &plan.admin {
        let token = if admin.token.is_some() { "with a token" } else { "without a token" };
        let _ = writeln!(text, "  admin API at http://{}, {token}", admin.address);
    }
    let _ = writeln!(text, "  {}, {}", count(plan.graph.len(), "service"), count(plan.rules.len(), "route"));
    text
}
