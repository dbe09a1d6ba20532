//! Services on Amazon ECS.

mod settings;

pub use settings::Settings;
