//! How often strangers may wake what sleeps.

use std::time::Duration;

/// At most so many at once, and so many in this time in the long run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many; at least one.
    pub count: u32,
    /// In which time; more than none.
    pub per: Duration,
}

/// How many wakes requests may begin. One that joins a wake under way, or finds its service awake, begins none.
///
/// A wake costs the time that a service then stays awake with nobody there, its `idle_after`: what a client can make run
/// in the long run is its rate of wakes times that, however many services there are to be found. The defaults leave an
/// office behind one address free to open every environment of its own each hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WakeLimits {
    /// By one client: an IPv4 address, or an IPv6 network of 64 bits.
    pub per_client: Rate,
    /// By all of them.
    pub total: Rate,
}

impl Default for WakeLimits {
    fn default() -> Self {
        let per = Duration::from_secs(60 * 60);
        Self { per_client: Rate { count: 60, per }, total: Rate { count: 1000, per } }
    }
}
