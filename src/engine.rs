//! The state machine: pure, no clock, no I/O.
