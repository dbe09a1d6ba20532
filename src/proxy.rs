//! Picks a target, forwards, upgrades; the connection pool.
