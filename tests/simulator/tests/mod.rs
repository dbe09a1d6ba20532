//! The simulator itself.

mod deployments;
mod kit;
mod lifecycle;
mod network;
mod reads;
mod scheduler;
mod served;
