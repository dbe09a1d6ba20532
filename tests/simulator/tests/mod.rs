//! The simulator itself.

mod deployments;
mod kit;
mod lifecycle;
mod reads;
mod scheduler;
mod served;
