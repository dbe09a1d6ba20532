//! What stands at the edge of the open internet, tested by the real binary: hostile input, limits, locks, restarts.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod admin;
#[path = "../it/binary_kit.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
mod binary_kit;
#[path = "../it/binary_service.rs"]
mod binary_service;
mod limits;
mod lock;
mod lock_passwords;
mod page;
mod paths;
#[path = "../it/proxy_kit.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
mod proxy_kit;
mod replacement;
mod restart;
mod standstill;
mod tls;
mod who;
mod who_limits;
mod who_traces;
mod wire;
