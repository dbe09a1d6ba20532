use std::fmt;

/// Where a service stands. Every service is in exactly one phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Not observed yet. Counts as awake wherever a doubt could stop somebody's dependency.
    #[default]
    Unknown,
    /// Desired count zero and nothing left running.
    Asleep,
    /// Somebody needs it; started or about to be, not serving yet.
    Waking,
    /// Healthy, as is everything its door waits for.
    Awake,
    /// Its door is shut and its last requests are being counted; nothing was called yet.
    Draining,
    /// Told to stop; not observed to be gone yet.
    Stopping,
    /// The wake ended without success.
    Failed,
}

impl Phase {
    /// Every phase, in the order of a service's life.
    pub const ALL: [Self; 7] = [
        Self::Unknown,
        Self::Asleep,
        Self::Waking,
        Self::Awake,
        Self::Draining,
        Self::Stopping,
        Self::Failed,
    ];

    /// The word for it, in lower case, as configuration, API and metrics spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Asleep => "asleep",
            Self::Waking => "waking",
            Self::Awake => "awake",
            Self::Draining => "draining",
            Self::Stopping => "stopping",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
