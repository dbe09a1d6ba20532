use std::sync::Arc;
use std::time::Duration;

use super::{Fault, Phase, Time};

/// Why a service changed its phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The gateway has just started and looked.
    #[default]
    Boot,
    /// A request, or the admin API, asked for it.
    Demand,
    /// A dependent needs it.
    Dependent,
    /// It passed its health check, as did all that its door waits for.
    Ready,
    /// It was quiet for its `idle_after`.
    Idle,
    /// The admin API put it to sleep.
    Asked,
    /// A request came, or was still there, while it drained.
    Busy,
    /// Observed to be gone after it was told to stop.
    Stopped,
    /// It no longer passes its health check, or lost its targets.
    Unhealthy,
    /// The wake failed.
    Fault,
    /// Somebody else changed its desired count.
    Outside,
    /// The provider refused to stop it.
    SleepFailed,
    /// The configuration changed.
    Reload,
}

impl Cause {
    /// The word for it in logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Boot => "boot",
            Self::Demand => "demand",
            Self::Dependent => "dependent",
            Self::Ready => "ready",
            Self::Idle => "idle",
            Self::Asked => "asked",
            Self::Busy => "busy",
            Self::Stopped => "stopped",
            Self::Unhealthy => "unhealthy",
            Self::Fault => "fault",
            Self::Outside => "outside",
            Self::SleepFailed => "sleep_failed",
            Self::Reload => "reload",
        }
    }
}

/// How far a service is on its way up, as a visitor sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Asleep, or nothing known yet.
    #[default]
    Idle,
    /// Its start waits for a dependency.
    Waiting,
    /// Its start was called.
    Starting,
    /// It runs; its targets do not pass their health check yet.
    Checking,
    /// It passes its health check (or has run to its end).
    Ready,
    /// It failed.
    Failed,
}

impl Stage {
    /// The word for it in the API and the metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Waiting => "waiting",
            Self::Starting => "starting",
            Self::Checking => "checking",
            Self::Ready => "ready",
            Self::Failed => "failed",
        }
    }
}

/// What can be seen of one service from outside the engine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// Its phase.
    pub phase: Phase,
    /// When it entered that phase.
    pub since: Time,
    /// Why.
    pub cause: Cause,
    /// How far it is on its way up.
    pub stage: Stage,
    /// When it entered that stage.
    pub stage_since: Time,
    /// When the wake that is under way began.
    pub waking_since: Option<Time>,
    /// How long a wake of it takes, learned from earlier ones or configured.
    pub expected: Option<Duration>,
    /// How long its last successful wake took.
    pub last_wake: Option<Duration>,
    /// Why its last wake failed, while that is the last word.
    pub fault: Option<Fault>,
    /// When a failed wake may be tried again.
    pub retry_at: Option<Time>,
    /// Observed quiet so far.
    pub quiet: Duration,
    /// When it will be put to sleep if nothing comes.
    pub sleeps_at: Option<Time>,
    /// Until when a lease keeps it awake.
    pub lease_until: Option<Time>,
    /// The names of the dependents that keep it awake.
    pub needed_by: Vec<Arc<str>>,
    /// What it waits for on its way up, in the provider's words.
    pub waits_for: Option<Arc<str>>,
    /// What delays it on its way up and is not its own doing: the provider does not answer, or refuses for now.
    pub trouble: Option<Fault>,
    /// Why the last look at it told nothing: until one does, nothing is put to sleep.
    pub blind: Option<Arc<str>>,
    /// Why the provider does not let it be put to sleep.
    pub keeps: Option<Arc<str>>,
    /// How many of its targets are healthy.
    pub healthy: usize,
}
