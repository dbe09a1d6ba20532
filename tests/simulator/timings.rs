//! How long things take.

use std::time::Duration;

/// How long each part of a task's life takes, at the published times of Fargate, before `speed` and jitter.
///
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html>
#[derive(Clone, Debug)]
pub(crate) struct Timings {
    /// From a change to the scheduler's look at the service.
    pub(crate) schedule: Duration,
    /// PROVISIONING: the network interface is made.
    pub(crate) provisioning: Duration,
    /// PENDING.
    pub(crate) pending: Duration,
    /// ACTIVATING: images are pulled, containers made and started.
    pub(crate) activating: Duration,
    /// How long before RUNNING the container starts, and with it the app's own boot.
    pub(crate) head_start: Duration,
    /// DEACTIVATING, where no load balancer has to drain.
    pub(crate) deactivating: Duration,
    /// DEPROVISIONING: the network interface is given back.
    pub(crate) deprovisioning: Duration,
    /// From SIGTERM to SIGKILL.
    pub(crate) stop_timeout: Duration,
    /// How long a task must be RUNNING until a deployment counts it as healthy.
    pub(crate) settle: Duration,
    /// The first pause after tasks that never ran; it doubles.
    pub(crate) backoff: Duration,
    /// The longest of those pauses.
    pub(crate) backoff_limit: Duration,
    /// How long a stopped task, and a deleted service, can still be described. Not changed by `speed`.
    pub(crate) memory: Duration,
    /// How much a time may differ from the above, as a share of it.
    pub(crate) jitter: f64,
    /// How many times faster than the above everything goes, but for the apps' own times.
    pub(crate) speed: f64,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            schedule: Duration::from_millis(1_000),
            provisioning: Duration::from_millis(7_000),
            pending: Duration::from_millis(3_000),
            activating: Duration::from_millis(10_000),
            head_start: Duration::from_millis(1_000),
            deactivating: Duration::from_millis(1_000),
            deprovisioning: Duration::from_millis(8_000),
            stop_timeout: Duration::from_secs(30),
            settle: Duration::from_secs(40),
            backoff: Duration::from_secs(15),
            backoff_limit: Duration::from_secs(27 * 60),
            memory: Duration::from_secs(3_600),
            jitter: 0.15,
            speed: 1.0,
        }
    }
}

impl Timings {
    /// A time at the present speed.
    pub(crate) fn scaled(&self, published: Duration) -> Duration {
        Duration::try_from_secs_f64(published.as_secs_f64() / self.speed).unwrap_or(Duration::MAX)
    }

    /// A time at the present speed, give or take the jitter.
    pub(crate) fn drawn(&self, published: Duration, rng: &mut fastrand::Rng) -> Duration {
        let share = 1.0 + self.jitter * (2.0 * rng.f64() - 1.0);
        Duration::try_from_secs_f64(self.scaled(published).as_secs_f64() * share).unwrap_or(Duration::MAX)
    }
}
