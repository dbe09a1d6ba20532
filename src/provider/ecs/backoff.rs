//! How long to pause before a request is made again: at random between nothing and a ceiling that doubles.
//!
//! Full jitter, so that many who failed at one moment do not come back at one moment.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::budget::Urgency;
use super::trouble::{Kind, Trouble};

/// The most that a pause may take.
const CEILING: Duration = Duration::from_secs(5);

/// Draws the pauses.
#[derive(Debug)]
pub(in crate::provider::ecs) struct Backoff {
    random: Mutex<fastrand::Rng>,
}

impl Backoff {
    /// The same seed draws the same pauses.
    pub(in crate::provider::ecs) fn new(seed: u64) -> Self {
        Self { random: Mutex::new(fastrand::Rng::with_seed(seed)) }
    }

    /// The pause after `trouble` with the attempt of this number, the first being 1; none where another attempt
    /// would not help, or there were enough.
    pub(in crate::provider::ecs) fn after(
        &self,
        attempt: u32,
        trouble: &Trouble,
        urgency: Urgency,
    ) -> Option<Duration> {
        let attempts = match urgency {
            Urgency::Wake => 5,
            // The next look comes soon.
            Urgency::Poll => 3,
            Urgency::Watch => 2,
        };
        let base = match trouble.kind {
            Kind::Throttled => Duration::from_millis(500),
            // An answer that broke off, or came from somebody in between, looks like nonsense.
            Kind::Server | Kind::Unreachable | Kind::Nonsense => Duration::from_millis(100),
            // The credentials were thrown away; the next attempt gets fresh ones, and tells whether these are good.
            Kind::Expired if attempt == 1 => return Some(Duration::ZERO),
            // The clock was put right before, and that was not it.
            Kind::Expired if attempt == 2 && trouble.may_be_the_clock() => return Some(Duration::ZERO),
            _ => return None,
        };
        if attempt >= attempts {
            return None;
        }
        let ceiling = base.saturating_mul(1 << (attempt - 1).min(16)).min(CEILING);
        let part = self.random.lock().unwrap_or_else(PoisonError::into_inner).f64();
        Some(ceiling.mul_f64(part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trouble(kind: Kind) -> Trouble {
        Trouble::new(kind, "ecs:DescribeServices", "cluster demo", "words")
    }

    #[test]
    fn pauses_are_spread_and_bounded() {
        let backoff = Backoff::new(1);
        let throttled = trouble(Kind::Throttled);
        for (attempt, ceiling) in [(1, 500), (2, 1_000), (3, 2_000), (4, 4_000)] {
            let pauses: Vec<_> =
                (0..200).map(|_| backoff.after(attempt, &throttled, Urgency::Wake).unwrap()).collect();
            let ceiling = Duration::from_millis(ceiling);
            assert!(pauses.iter().all(|pause| *pause <= ceiling));
            assert!(pauses.iter().any(|pause| *pause < ceiling / 4));
            assert!(pauses.iter().any(|pause| *pause > ceiling * 3 / 4));
        }
        let server = trouble(Kind::Server);
        assert!(
            (0..200).all(|_| backoff.after(1, &server, Urgency::Wake).unwrap() <= Duration::from_millis(100))
        );
    }

    #[test]
    fn enough_is_enough() {
        let backoff = Backoff::new(1);
        let server = trouble(Kind::Server);
        assert!(backoff.after(4, &server, Urgency::Wake).is_some());
        assert!(backoff.after(5, &server, Urgency::Wake).is_none());
        assert!(backoff.after(2, &server, Urgency::Poll).is_some());
        assert!(backoff.after(3, &server, Urgency::Poll).is_none());
        assert!(backoff.after(1, &server, Urgency::Watch).is_some());
        assert!(backoff.after(2, &server, Urgency::Watch).is_none());
    }

    #[test]
    fn what_cannot_help_is_not_tried() {
        let backoff = Backoff::new(1);
        for kind in [Kind::Invalid, Kind::ClusterNotFound, Kind::ServiceNotFound, Kind::Other] {
            assert!(backoff.after(1, &trouble(kind), Urgency::Wake).is_none());
        }
        let expired = trouble(Kind::Expired);
        assert_eq!(backoff.after(1, &expired, Urgency::Wake), Some(Duration::ZERO));
        assert!(backoff.after(2, &expired, Urgency::Wake).is_none());
    }

    #[test]
    fn one_seed_draws_one_sequence() {
        let draw = |seed| {
            let backoff = Backoff::new(seed);
            let throttled = trouble(Kind::Throttled);
            [1, 2, 3].map(|attempt| backoff.after(attempt, &throttled, Urgency::Wake))
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }
}
