//! The gateway's clock: monotonic, started with the gateway, and tokio's, so that tests can stop it.

#[cfg(feature = "server")]
mod alarm;
#[cfg(feature = "server")]
mod alarms;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

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

    /// When it will be, or was, `time`, as timers want it: the same each time it is asked. A time that never comes is a day
    /// ahead.
    pub fn instant(&self, time: Time) -> Instant {
        const FAR: Duration = Duration::from_secs(24 * 60 * 60);
        let far = Instant::now() + FAR;
        self.start.checked_add(time.elapsed_since_start()).map_or(far, |at| at.min(far))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_time_is_at_one_moment_whenever_it_is_asked() {
        let clock = Clock::start();
        let began = Instant::now();
        let time = Time::from_millis(3_000);
        for _ in 0..2 {
            assert_eq!(clock.instant(time), began + Duration::from_secs(3));
            tokio::time::advance(Duration::from_micros(1_999_999)).await;
        }
        assert_eq!(clock.now().since(time), Duration::from_micros(999_998));
        assert_eq!(clock.instant(Time::MAX), Instant::now() + Duration::from_secs(24 * 60 * 60));
    }
}
