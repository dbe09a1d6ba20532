//! Switches for everything that can go wrong.

use std::time::Duration;

/// One switch: what goes wrong, where and how often.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fault {
    /// What goes wrong.
    pub(crate) kind: FaultKind,
    /// Only calls of this action (`UpdateService`); all where none is named. Of no meaning to tasks.
    pub(crate) action: Option<String>,
    /// Only calls that name this service, or only its tasks; all where none is named.
    pub(crate) service: Option<String>,
    /// How likely it is each time, from 0 to 1.
    pub(crate) chance: f64,
    /// How many times more; `None`: until it is cleared.
    pub(crate) times: Option<u32>,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum FaultKind {
    // Of calls.
    /// `ThrottlingException`, whatever the bucket holds.
    Throttle,
    /// `ServerException`, HTTP 500.
    Error500,
    /// HTTP 503.
    Error503,
    /// Nothing is done and nothing is answered.
    Hang,
    /// It is done, and never answered.
    LostAnswer,
    /// It is done at once and answered later. By the clock: `speed` does not change it.
    Slow(Duration),
    /// It is done, and the answer makes no sense.
    Malformed(Malformed),
    /// `AccessDeniedException`.
    AccessDenied,
    /// `ExpiredTokenException`.
    ExpiredToken,
    // Of tasks, decided when a task is made.
    /// The image cannot be pulled.
    PullFailure,
    /// A secret or a log group cannot be had.
    ResourceInitialization,
    /// The container ends so long after its start, with this exit code.
    Crash {
        /// By the clock.
        after: Duration,
        /// What it returns.
        exit_code: i32,
    },
    /// The container is killed for its memory so long after its start.
    OutOfMemory {
        /// By the clock.
        after: Duration,
    },
    /// The task stays in PROVISIONING.
    NoCapacity,
    /// No task is made at all; the service's events say so.
    PlacementFailure,
    /// The load balancer's health checks give the task up so long after RUNNING.
    HealthCheckKill {
        /// By the clock.
        after: Duration,
    },
    /// Connections to the task's address are neither taken nor refused.
    BlackHole,
    /// The app boots so much longer.
    SlowBoot(Duration),
    /// The app never answers with its own status, always 503.
    NeverHealthy,
}

/// How an answer makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// It ends in the middle.
    Truncated,
    /// Numbers are texts, texts are numbers.
    WrongTypes,
    /// Statuses have a name that nobody knows.
    UnknownStatus,
    /// Counts are below zero.
    NegativeCounts,
    /// Half of the fields are not there.
    MissingFields,
}

impl Fault {
    /// Every time, everywhere, until it is cleared.
    pub(crate) fn new(kind: FaultKind) -> Self {
        Self { kind, action: None, service: None, chance: 1.0, times: None }
    }

    /// Only calls of this action.
    pub(crate) fn on(mut self, action: &str) -> Self {
        self.action = Some(action.to_owned());
        self
    }

    /// Only this service.
    pub(crate) fn of(mut self, service: &str) -> Self {
        self.service = Some(service.to_owned());
        self
    }

    /// Only so many times.
    pub(crate) fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Only so often, from 0 to 1.
    pub(crate) fn chance(mut self, chance: f64) -> Self {
        self.chance = chance;
        self
    }
}

impl FaultKind {
    /// It befalls calls, not tasks.
    pub(crate) fn is_of_calls(&self) -> bool {
        matches!(
            self,
            Self::Throttle
                | Self::Error500
                | Self::Error503
                | Self::Hang
                | Self::LostAnswer
                | Self::Slow(_)
                | Self::Malformed(_)
                | Self::AccessDenied
                | Self::ExpiredToken
        )
    }
}

/// The switches that are on, each with its number.
#[derive(Debug, Default)]
pub(super) struct Faults {
    on: Vec<(u64, Fault)>,
    last: u64,
}

impl Faults {
    /// Turns one on, and says by which number it can be turned off.
    pub(super) fn set(&mut self, fault: Fault) -> u64 {
        self.last += 1;
        self.on.push((self.last, fault));
        self.last
    }

    /// Turns one off; all where none is named.
    pub(super) fn clear(&mut self, number: Option<u64>) {
        self.on.retain(|(each, _)| number.is_some_and(|number| *each != number));
    }

    /// Those that are on.
    pub(super) fn all(&self) -> &[(u64, Fault)] {
        &self.on
    }

    /// What goes wrong with a call; the first switch that fits and strikes.
    pub(super) fn strike_call(
        &mut self,
        action: &str,
        services: &[String],
        rng: &mut fastrand::Rng,
    ) -> Option<FaultKind> {
        self.strike(rng, |fault| {
            fault.kind.is_of_calls()
                && fault.action.as_deref().is_none_or(|only| only == action)
                && fault.service.as_ref().is_none_or(|only| services.contains(only))
        })
    }

    /// What goes wrong with a task of a service, among what `fits`.
    pub(super) fn strike_task(
        &mut self,
        service: &str,
        rng: &mut fastrand::Rng,
        fits: impl Fn(&FaultKind) -> bool,
    ) -> Option<FaultKind> {
        self.strike(rng, |fault| {
            !fault.kind.is_of_calls()
                && fits(&fault.kind)
                && fault.service.as_ref().is_none_or(|only| only == service)
        })
    }

    fn strike(&mut self, rng: &mut fastrand::Rng, fits: impl Fn(&Fault) -> bool) -> Option<FaultKind> {
        let place = self.on.iter().position(|(_, fault)| {
            // A certain one draws nothing: setting it leaves the rest of a history as it was.
            fits(fault) && (fault.chance >= 1.0 || rng.f64() < fault.chance)
        })?;
        let fault = &mut self.on[place].1;
        let kind = fault.kind.clone();
        if let Some(times) = &mut fault.times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                self.on.remove(place);
            }
        }
        Some(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_strikes_where_it_is_meant_to_and_as_often_as_it_is_told() {
        let (mut faults, mut rng) = (Faults::default(), fastrand::Rng::with_seed(1));
        faults.set(Fault::new(FaultKind::Throttle).on("UpdateService").of("web").times(2));
        let web = ["web".to_owned()];
        let mut strike = |action: &str, services: &[String]| faults.strike_call(action, services, &mut rng);
        assert_eq!(strike("DescribeServices", &web), None);
        assert_eq!(strike("UpdateService", &["api".to_owned()]), None);
        assert_eq!(strike("UpdateService", &web), Some(FaultKind::Throttle));
        assert_eq!(strike("UpdateService", &web), Some(FaultKind::Throttle));
        assert_eq!(strike("UpdateService", &web), None, "twice was said");
    }
}
