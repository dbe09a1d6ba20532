//! The gateway's clock: monotonic, started with the gateway, and tokio's, so that tests can stop it.

mod alarm;

use tokio::time::Instant;

pub(crate) use alarm::Alarm;

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

    /// When it will be, or was, `time`, as timers want it. A time that never comes is a day ahead.
    pub fn instant(&self, time: Time) -> Instant {
        const FAR: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);
        let ahead = time.since(self.now()).min(FAR);
        Instant::now() + ahead
    }
}
