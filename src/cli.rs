//! Arguments in, exit code out; one file a verb.

#[cfg(feature = "process")]
pub mod demo;
