//! Wakegate: a small always-on gateway that lets everything behind it sleep.

pub mod body;
pub mod clock;
pub mod driver;
pub mod engine;
pub mod gate;
pub mod layer;
pub mod meter;
pub mod metrics;
pub mod model;
pub mod net;
pub mod page;
pub mod peer;
pub mod probe;
pub mod provider;
pub mod route;

#[cfg(feature = "server")]
pub mod admin;
#[cfg(feature = "server")]
pub mod cli;
#[cfg(feature = "server")]
pub mod config;
#[cfg(feature = "server")]
pub mod gateway;
#[cfg(feature = "server")]
pub mod proxy;
