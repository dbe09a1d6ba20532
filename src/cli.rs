//! Arguments in, exit code out; one file a verb.
//!
//! Exit codes: 0 done; 64 wrong use or configuration; 70 anything else. What was asked for goes to standard output,
//! logs and errors to standard error.

mod access;
mod check;
mod client;
#[cfg(feature = "process")]
pub mod demo;
pub mod explain;
mod failure;
pub mod graph;
mod keep;
mod link;
pub mod log;
mod output;
mod providers;
mod schema;
mod serve;
mod sleep;
mod status;
mod table;
mod wake;
mod watch;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use crate::config::{Config, Plan};

pub use access::{Access, Configured};
pub use client::AdminClient;
pub use failure::Failure;

/// A small always-on gateway that lets everything behind it sleep, and wakes it at the first hit.
#[derive(Debug, Parser)]
#[command(
    name = "wakegate",
    version,
    max_term_width = 100,
    after_help = "Examples:\n  wakegate demo\n  wakegate serve --config wakegate.yaml"
)]
struct Cli {
    /// The configuration [default: the file that WAKEGATE_CONFIG_FILE names, then the text in WAKEGATE_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// What to do; `serve` where nothing is said
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Serve(serve::Args),
    #[cfg(feature = "process")]
    Demo(demo::Args),
    Check(check::Args),
    Graph(graph::Args),
    Explain(explain::Args),
    Link(link::Args),
    Schema(schema::Args),
    Status(status::Args),
    Wake(wake::Args),
    Sleep(sleep::Args),
    Keep(keep::Args),
    #[cfg(feature = "process")]
    #[command(hide = true, name = demo::CHILD_VERB)]
    DemoChild(demo::ChildArgs),
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
    match cli.verb.unwrap_or(Verb::Serve(serve::Args {})) {
        Verb::Serve(args) => args.run(&found(config)?),
        #[cfg(feature = "process")]
        Verb::Demo(args) => args.run(),
        Verb::Check(args) => args.run(&found(config)?),
        Verb::Graph(args) => args.run(&found(config)?),
        Verb::Explain(args) => args.run(&found(config)?),
        Verb::Link(args) => args.run(&found(config)?),
        Verb::Schema(args) => args.run(),
        Verb::Status(args) => args.run(configured(config)?),
        Verb::Wake(args) => args.run(configured(config)?),
        Verb::Sleep(args) => args.run(configured(config)?),
        Verb::Keep(args) => args.run(configured(config)?),
        #[cfg(feature = "process")]
        Verb::DemoChild(args) => args.run(),
    }
}

/// The configuration that was named.
fn found(flag: Option<PathBuf>) -> Result<Config, Failure> {
    Config::find(flag, Arc::new(environment)).map_err(|problems| Failure::usage(problems.to_string()))
}

fn load(config: &Config) -> Result<Plan, Failure> {
    config.load().map_err(|problems| Failure::usage(format!("the configuration is not valid\n{problems}")))
}

/// Where the admin API is by the configuration. One that `--config` names has to be right, and to have one; what the
/// environment names only helps where it can.
fn configured(flag: Option<PathBuf>) -> Result<Configured, Failure> {
    let named = flag.is_some();
    let admin = match found(flag).and_then(|config| Ok((config.name(), load(&config)?.admin))) {
        Ok((name, None)) if named => {
            return Err(Failure::usage(format!("{name} has no `admin` section: there is nothing to call"))
                .hint(
                    "add one with an address, such as 127.0.0.1:9900, or say with --admin where the API is",
                ));
        }
        Ok((_, admin)) => admin,
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
        for verb in Cli::command().get_subcommands_mut().filter(|verb| !verb.is_hide_set()) {
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
