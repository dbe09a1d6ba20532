//! Services on Amazon ECS.

mod api;
mod backoff;
mod budget;
mod connect;
mod settings;
mod state;
mod trouble;

pub use connect::connect;
pub use settings::Settings;
