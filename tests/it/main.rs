//! Everything that is tested from outside, in one binary.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what fails here fails the test")]

mod admin;
mod command_line;
mod fake;
