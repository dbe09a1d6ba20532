//! What runs the containers of tasks: servers on loopback, or hosts of a simulated network.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::app::App;

/// Runs and ends containers. Called while the world is locked: it must not call back into the simulator, only take
/// note and return.
pub(crate) trait Hosts: Send + Sync {
    /// A container has started.
    fn begin(&self, run: Run);

    /// The container of a task is told to end, or is gone.
    fn end(&self, task_arn: &str, how: End);

    /// A task, whether it has a container yet or not, is told to stop; for those who write down why.
    fn told(&self, task_arn: &str, why: Why) {
        let _ = (task_arn, why);
    }

    /// The desired count of a service is set, to what it was or to another one.
    fn counted(&self, count: &Count<'_>) {
        let _ = count;
    }
}

/// A container that is to run.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    /// The task.
    pub(crate) task_arn: String,
    /// The name of its service; the family of its task definition where it has none.
    pub(crate) service: String,
    /// Its address.
    pub(crate) ip: Ipv4Addr,
    /// The port it listens on.
    pub(crate) port: u16,
    /// How long from now until it listens.
    pub(crate) listens_after: Duration,
    /// Nothing answers at the address: connections are neither taken nor refused.
    pub(crate) black_hole: bool,
    /// What answers its requests.
    pub(crate) app: App,
}

/// How a container ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// SIGTERM: no new connections; requests under way are finished.
    Terminate,
    /// It is gone, and so is everything that was open.
    Kill,
}

/// Why a task is told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// A call of UpdateService has set the desired count to zero.
    Ordered,
    /// Its app has ended.
    Ended,
    /// It never began to run.
    NeverRan,
    /// Anything else: a deployment, a scale-in, a health check, somebody's StopTask.
    Other,
}

/// A desired count that is set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count<'a> {
    /// The name of the service.
    pub(crate) service: &'a str,
    /// What it was.
    pub(crate) from: u32,
    /// What it is from now on.
    pub(crate) to: u32,
    /// It was a call of UpdateService.
    pub(crate) called: bool,
}
