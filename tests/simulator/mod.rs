//! A simulator of Amazon ECS and of what stands around it, for tests and for trying things on a laptop.
//!
//! It shares no code with the gateway: it is an independent witness of what the gateway does. A
//! [`World`](world::World) holds clusters, services and tasks, and lets time pass over them; a
//! [`Simulator`](handle::Simulator) is the handle to one that can be cloned, asked over HTTP as AWS is, or
//! steered by a test. Time and the machines that run tasks come in from outside ([`Clock`](handle::Clock),
//! [`Hosts`](hosts::Hosts)), so that the same code runs as a process on loopback and inside a simulated network.
#![expect(dead_code, reason = "each program that includes this uses a part of it")]

mod agenda;
pub(crate) mod app;
pub(crate) mod balancers;
mod bucket;
pub(crate) mod call;
mod catalog;
pub(crate) mod control;
pub(crate) mod definition;
mod deployment;
mod doom;
pub(crate) mod ecs;
pub(crate) mod error;
pub(crate) mod events;
pub(crate) mod fault;
mod front;
pub(crate) mod groups;
pub(crate) mod handle;
pub(crate) mod hosts;
mod iso;
mod lifecycle;
pub(crate) mod loopback;
mod malformed;
pub(crate) mod past;
pub(crate) mod pool;
pub(crate) mod queue;
mod queue_api;
pub(crate) mod scaling;
mod scheduler;
mod serve;
pub(crate) mod service;
mod setup;
mod steer;
mod targets;
pub(crate) mod task;
pub(crate) mod timings;
pub(crate) mod wings;
pub(crate) mod wire;
pub(crate) mod world;

#[cfg(test)]
pub(crate) mod network;
#[cfg(test)]
mod tests;
