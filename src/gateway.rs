//! Puts everything together: listeners, reload, shutdown.

mod accept;
mod serve;

pub use serve::{Drained, ServeOptions, serve};
