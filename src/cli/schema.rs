use super::{Failure, output};

/// Print the JSON schema of the configuration, for editors and checkers
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  wakegate schema > wakegate.schema.json")]
pub(super) struct Args {}

impl Args {
    pub(super) fn run(self) -> Result<(), Failure> {
        let schema = crate::config::schema();
        output::print(&format!("{}\n", schema.trim_end()))
    }
}
