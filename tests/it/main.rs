//! Everything that is tested from outside, in one binary.

mod admin;
mod command_line;
mod fake;
