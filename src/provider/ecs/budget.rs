//! The requests that may be made, by the token buckets that AWS keeps for each account and region.
//!
//! The account shares its buckets with consoles, pipelines and monitors, so only a share of each is used. A bucket is
//! left to waking first: looks at what somebody waits for cannot take its last quarter, watching not its last half.
//! Waking may take the rest of the account's bucket too, in one burst: what is held to the share then is only how fast
//! that comes back.
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html>

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::provider::ecs) enum Urgency {
    /// Somebody waits for a service to be woken.
    Wake,
    /// Somebody waits for a service that was told to wake: looking how far it is.
    Poll,
    /// Nobody waits: watching, putting to sleep, tidying up.
    Watch,
}

/// A token bucket of AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::provider::ecs) enum Bucket {
    /// DescribeServices.
    ServiceRead,
    /// UpdateService.
    ServiceModify,
    /// ListTasks and DescribeTasks.
    ClusterRead,
    /// DescribeTaskDefinition.
    DefinitionRead,
    /// TagResource and UntagResource.
    TagModify,
    /// GetTaskProtection.
    TaskProtection,
    /// Everything that describes load balancers.
    BalancerRead,
    /// Application Auto Scaling.
    Scaling,
}

impl Bucket {
    const ALL: [Self; 8] = [
        Self::ServiceRead,
        Self::ServiceModify,
        Self::ClusterRead,
        Self::DefinitionRead,
        Self::TagModify,
        Self::TaskProtection,
        Self::BalancerRead,
        Self::Scaling,
    ];

    /// How many tokens the account's bucket holds, and how many come back each second.
    const fn size(self) -> (f64, f64) {
        match self {
            Self::ServiceRead | Self::ClusterRead => (100.0, 20.0),
            Self::ServiceModify => (50.0, 5.0),
            Self::DefinitionRead => (50.0, 20.0),
            Self::TagModify => (20.0, 10.0),
            Self::TaskProtection => (200.0, 80.0),
            Self::BalancerRead => (40.0, 10.0),
            // AWS publishes no figure; this is far below where throttling was reported.
            Self::Scaling => (20.0, 5.0),
        }
    }
}

/// All buckets, cut to our share.
#[derive(Debug)]
pub(in crate::provider::ecs) struct Budget {
    buckets: BTreeMap<Bucket, Tokens>,
}

impl Budget {
    /// Full buckets of `share` of the account's, from above 0 to 1.
    pub(in crate::provider::ecs) fn new(share: f64) -> Self {
        let buckets = Bucket::ALL
            .into_iter()
            .map(|bucket| {
                let (burst, refill) = bucket.size();
                (bucket, Tokens::new(burst, refill, share))
            })
            .collect();
        Self { buckets }
    }

    /// Takes a token, once one may be had. First come, first served among those of one urgency.
    pub(in crate::provider::ecs) async fn take(&self, bucket: Bucket, urgency: Urgency) {
        if let Some(tokens) = self.buckets.get(&bucket) {
            tokens.take(urgency).await;
        }
    }

    /// AWS says that the account's bucket is empty; then ours is too.
    pub(in crate::provider::ecs) fn throttled(&self, bucket: Bucket) {
        if let Some(tokens) = self.buckets.get(&bucket) {
            tokens.empty();
        }
    }
}

/// One token bucket.
#[derive(Debug)]
struct Tokens {
    /// How many it holds.
    burst: f64,
    /// How many the rest of the account's bucket holds, which is for waking alone.
    rest: f64,
    /// How many come back each second: to the bucket, and once that is full, to the rest.
    refill: f64,
    level: Mutex<Level>,
    /// Whose turn it is. The locks are fair, and the turn passes on when a future is dropped.
    wakers: tokio::sync::Mutex<()>,
    pollers: tokio::sync::Mutex<()>,
    watchers: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Level {
    tokens: f64,
    rest: f64,
    at: Instant,
}

impl Tokens {
    /// A full one: the `share` of an account's that holds `whole` and gets `refill` a second.
    fn new(whole: f64, refill: f64, share: f64) -> Self {
        // Three are the least with which each urgency leaves one more than the one before it.
        let burst = (whole * share).max(3.0);
        let rest = (whole - burst).max(0.0);
        Self {
            burst,
            rest,
            refill: (refill * share).max(0.01),
            level: Mutex::new(Level { tokens: burst, rest, at: Instant::now() }),
            wakers: tokio::sync::Mutex::const_new(()),
            pollers: tokio::sync::Mutex::const_new(()),
            watchers: tokio::sync::Mutex::const_new(()),
        }
    }

    async fn take(&self, urgency: Urgency) {
        // Whoever is more urgent takes each token as it comes, so that the bucket never fills to where the less urgent
        // may take one: no further order between them is needed.
        let turn = match urgency {
            Urgency::Wake => &self.wakers,
            Urgency::Poll => &self.pollers,
            Urgency::Watch => &self.watchers,
        };
        let _turn = turn.lock().await;
        while let Err(pause) = self.try_take(urgency) {
            sleep(pause).await;
        }
    }

    /// How many must be left after one of this urgency was taken.
    fn keep(&self, urgency: Urgency) -> f64 {
        match urgency {
            Urgency::Wake => 0.0,
            Urgency::Poll => (self.burst / 4.0).floor().max(1.0),
            Urgency::Watch => (self.burst / 2.0).floor().max(2.0),
        }
    }

    /// Takes a token if enough are left then; otherwise says how long that is away.
    fn try_take(&self, urgency: Urgency) -> Result<(), Duration> {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let passed = now.saturating_duration_since(level.at).as_secs_f64();
        let tokens = passed.mul_add(self.refill, level.tokens);
        level.rest = (level.rest + (tokens - self.burst).max(0.0)).min(self.rest);
        level.tokens = tokens.min(self.burst);
        level.at = now;
        let lacking = 1.0 + self.keep(urgency) - level.tokens;
        // Less than a millionth of a token is rounding, not want.
        if lacking <= 1e-6 {
            level.tokens -= 1.0;
            Ok(())
        } else if urgency == Urgency::Wake && level.rest >= 1.0 {
            level.rest -= 1.0;
            Ok(())
        } else {
            Err(Duration::from_secs_f64(lacking / self.refill).max(Duration::from_millis(1)))
        }
    }

    fn empty(&self) {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        *level = Level { tokens: 0.0, rest: 0.0, at: Instant::now() };
    }
}

#[cfg(test)]
mod tests;
