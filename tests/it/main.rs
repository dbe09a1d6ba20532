//! Everything that is tested from outside, in one binary.
mod gate_loom;
