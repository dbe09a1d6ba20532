//! The simulator itself.

mod deployments;
mod kit;
mod lifecycle;
mod network;
mod reads;
mod scheduler;
#[cfg(feature = "ecs")]
mod sdk;
mod served;
mod wings;
