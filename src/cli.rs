//! Arguments in, exit code out; one file a verb.
//!
//! Exit codes: 0 done; 64 wrong use or configuration; 70 anything else. What was asked for goes to standard output,
//! logs and errors to standard error.

mod access;
mod client;
pub mod explain;
mod failure;
pub mod graph;
mod keep;
pub mod log;
mod output;
mod sleep;
mod status;
mod table;
mod wake;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

pub use access::{Access, Configured};
pub use client::AdminClient;
pub use failure::Failure;

/// A small always-on gateway that lets everything behind it sleep, and wakes it at the first hit.
#[derive(Debug, Parser)]
#[command(
    name = "wakegate",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Status(status::Args),
    Wake(wake::Args),
    Sleep(sleep::Args),
    Keep(keep::Args),
}

/// Runs the command that these arguments ask for; the first is the program's name.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Nowhere is left to say that this could not be said.
            drop(error.print());
            return match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
                _ => Failure::usage("").exit_code(),
            };
        }
    };
    match dispatch(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("wakegate: {failure}");
            failure.exit_code()
        }
    }
}

fn dispatch(cli: Cli) -> Result<(), Failure> {
    match cli.verb {
        Verb::Status(args) => args.run(Configured::default()),
        Verb::Wake(args) => args.run(Configured::default()),
        Verb::Sleep(args) => args.run(Configured::default()),
        Verb::Keep(args) => args.run(Configured::default()),
    }
}

/// Runs one call to the end; a whole scheduler would be too much for it.
fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

/// A variable of the environment, where it is set and is text.
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_make_sense() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_verb_shows_an_example() {
        for verb in Cli::command().get_subcommands_mut() {
            let help = verb.render_long_help().to_string();
            assert!(help.contains("\n  wakegate "), "{help}");
        }
    }

    #[test]
    fn wrong_use_is_64_and_help_is_0() {
        let code = |args: &[&str]| run(args.iter().map(OsString::from));
        assert_eq!(code(&["wakegate", "--version"]), ExitCode::SUCCESS);
        assert_eq!(code(&["wakegate", "keep", "--help"]), ExitCode::SUCCESS);
        assert_eq!(code(&["wakegate", "sing"]), ExitCode::from(64));
        assert_eq!(code(&["wakegate", "wake"]), ExitCode::from(64));
        assert_eq!(code(&["wakegate", "keep", "web", "--for", "2"]), ExitCode::from(64));
    }
}
