use super::{Failure, output};

/// Print the JSON schema of the configuration, for editors
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  wakegate schema > wakegate.schema.json")]
pub(super) struct Args {}

impl Args {
    #[expect(clippy::unused_self, reason = "every verb is run this way")]
    pub(super) fn run(self) -> Result<(), Failure> {
        output::print(&format!("{}\n", crate::config::schema().trim_end()))
    }
}
