//! Everything that is tested from outside, in one binary.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod admin;
mod command_line;
mod fake;
mod gate_loom;
mod gateway_serve;
mod proxy_failures;
mod proxy_h1;
mod proxy_h2;
mod proxy_headers;
mod proxy_kit;
mod proxy_peer_gone;
mod proxy_websocket;
