//! Arguments in, exit code out; one file a verb.
//!
//! Exit codes: 0 done; 64 wrong use or configuration; 70 anything else. What was asked for goes to standard output,
//! logs and errors to standard error.

mod access;
mod check;
mod client;
pub mod explain;
mod failure;
pub mod graph;
mod keep;
pub mod log;
mod output;
mod schema;
mod sleep;
mod status;
mod table;
mod wake;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

pub use access::{Access, Configured};
pub use client::AdminClient;
pub use failure::Failure;

use crate::config::{Config, Plan};

/// A small always-on gateway that lets everything behind it sleep, and wakes it at the first hit.
#[derive(Debug, Parser)]
#[command(
    name = "wakegate",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Example:\n  wakegate check --config wakegate.yaml"
)]
struct Cli {
    /// The configuration [default: the file in WAKEGATE_CONFIG_FILE, then the text in WAKEGATE_CONFIG]
    #[arg(long, short, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Check(check::Args),
    Graph(graph::Args),
    Explain(explain::Args),
    Schema(schema::Args),
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
    let config = cli.config;
    match cli.verb {
        Verb::Check(args) => args.run(config),
        Verb::Graph(args) => args.run(config),
        Verb::Explain(args) => args.run(config),
        Verb::Schema(args) => args.run(),
        Verb::Status(args) => args.run(configured(config)?),
        Verb::Wake(args) => args.run(configured(config)?),
        Verb::Sleep(args) => args.run(configured(config)?),
        Verb::Keep(args) => args.run(configured(config)?),
    }
}

/// The configuration, by its name and checked.
fn load(config: Option<PathBuf>) -> Result<(String, Plan), Failure> {
    let found = Config::find(config, Arc::new(environment));
    let loaded = found.and_then(|config| config.load().map(|plan| (config.name(), plan)));
    loaded.map_err(|problems| Failure::usage(format!("the configuration cannot be used:\n{problems}")))
}

/// Where the admin API is by the configuration. Only one that was named has to be right: without, the default will do.
fn configured(config: Option<PathBuf>) -> Result<Configured, Failure> {
    let named = config.is_some();
    let admin = match load(config) {
        Ok((name, Plan { admin: None, .. })) if named => {
            return Err(Failure::usage(format!(
                "{name} has no `admin` section, so there is nothing to call"
            ))
            .hint("add one with an address, such as 127.0.0.1:9900, or say where the API is with --admin"));
        }
        Ok((_, plan)) => plan.admin,
        Err(failure) if named => return Err(failure),
        Err(_) => None,
    };
    Ok(admin.map_or_else(Configured::default, |admin| Configured {
        address: Some(admin.address),
        token: admin.token,
    }))
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
