//! The `wakegate` command.

use std::process::ExitCode;

/// It gives memory back once a crowd is gone, or a large configuration is read; the system's rarely does.
#[cfg(feature = "server")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[cfg(feature = "server")]
fn main() -> ExitCode {
    wakegate::cli::run(std::env::args_os())
}

#[cfg(not(feature = "server"))]
fn main() -> ExitCode {
    eprintln!("wakegate: built without the `server` feature: only the library is here");
    ExitCode::from(70)
}
