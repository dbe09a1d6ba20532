//! The gateway's clock: monotonic, started with the gateway, and tokio's, so that tests can stop it.

#[cfg(feature = "server")]
mod alarm;
#[cfg(feature = "server")]
mod alarms;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

#[cfg(feature = "server")]
pub(crate) use alarm::Alarm;
#[cfg(feature = "server")]
pub(crate) use alarms::Alarms;

use crate::model::Time;

/// Tells the [`Time`].
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// Now.
    pub fn now(&self) -> Time {
        Time::since_start(self.start.elapsed())
    }

    /// The seconds since 1970, by the machine's own clock: for times that others than this process have to agree on.
    /// That clock may jump, so no duration is measured by it.
    pub fn unix(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }

    /// When it will be, or was, `time`, as timers want it. A time that never comes is a day ahead.
    pub fn instant(&self, time: Time) -> Instant {
        const FAR: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);
        let ahead = time.since(self.now()).min(FAR);
        Instant::now() + ahead
    }
}
