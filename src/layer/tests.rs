//! The middleware around a mocked service, before a gate that is opened and shut by hand. Time stands still but for
//! timers.

mod asleep;
mod awake;
mod kit;
mod own;
