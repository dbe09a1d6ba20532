//! The `wakegate` command.

use std::process::ExitCode;

#[cfg(feature = "server")]
fn main() -> ExitCode {
    wakegate::cli::run(std::env::args_os())
}

#[cfg(not(feature = "server"))]
fn main() -> ExitCode {
    eprintln!("wakegate: built without the `server` feature: only the library is here");
    ExitCode::from(70)
}
