use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// A moment: the time that has passed since the gateway started, by a clock that never goes back.
///
/// The engine only ever compares and adds; where the number comes from is its caller's business.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(Duration);

impl Time {
    /// The moment the gateway started.
    pub const ZERO: Self = Self(Duration::ZERO);
    /// A moment that never comes.
    pub const MAX: Self = Self(Duration::MAX);

    /// The moment `after` the gateway started.
    pub const fn since_start(after: Duration) -> Self {
        Self(after)
    }

    /// Milliseconds after the gateway started; handy in tests.
    pub const fn from_millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// How long after the gateway's start this is.
    pub const fn elapsed_since_start(self) -> Duration {
        self.0
    }

    /// The time from `earlier` to `self`; zero where `earlier` is the later one.
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, more: Duration) -> Self {
        Self(self.0.saturating_add(more))
    }
}

impl Sub<Duration> for Time {
    type Output = Self;

    fn sub(self, less: Duration) -> Self {
        Self(self.0.saturating_sub(less))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}s", self.0.as_secs_f64())
    }
}
