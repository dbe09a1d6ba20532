//! The router: pure.
