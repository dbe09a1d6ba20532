//! What can go wrong on Amazon ECS.

use std::time::Duration;

use crate::simulator::fault::Fault;

/// Something that goes wrong, or right again, on Amazon ECS, or that somebody else does there.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Blow {
    /// A switch of the simulator is turned on, to be known by this number.
    On(u8, Fault),
    /// It is turned off.
    Off(u8),
    /// Reads lag by up to this; zero: not any more.
    Stale(Duration),
    /// The app of one of the service's tasks ends by itself.
    Crash(String),
    /// An operator stops one of the service's tasks.
    Stop(String),
    /// A deployment of something that works, or does not.
    Deploy(String, Image),
    /// Somebody else sets a desired count.
    Desired(String, u32),
    /// The service is deleted, by force.
    Delete(String),
    /// It is made anew as soon as ECS allows it, with this desired count.
    Create(String, u32),
    /// One of the service's tasks protects itself for so long.
    Protect(String, Duration),
}

/// What is deployed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Image {
    /// It works.
    Good,
    /// It ends soon after its start.
    Crashes,
    /// It answers 503 for ever.
    NeverHealthy,
}
