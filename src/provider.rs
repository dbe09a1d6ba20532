//! What starts, stops and observes services.
//!
//! Two verbs, both absolute and idempotent, and a nudge: a provider that learns of a change by itself (a child
//! exits, an event arrives) says "look again" instead of waiting to be asked.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::model::{Fault, Observation, Spec};
use crate::net::BoxFuture;

#[cfg(feature = "ecs")]
pub mod ecs;
#[cfg(feature = "process")]
pub mod process;

/// How a provider wants to be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Manner {
    /// How long one call may take before it counts as failed.
    pub patience: Duration,
    /// How many services one observation may ask for; at least one. More are asked for in several calls at once.
    pub batch: usize,
}

impl Default for Manner {
    fn default() -> Self {
        Self { patience: Duration::from_secs(10), batch: usize::MAX }
    }
}

/// Starts, stops and observes the services of one kind.
pub trait Provider: fmt::Debug + Send + Sync + 'static {
    /// Asks for `count` instances of the service. Returns once the platform has taken the order, not once it is
    /// carried out. Zero puts it to sleep. Asking again for the same count changes nothing, except that a
    /// provider which is pausing between attempts tries at once.
    fn scale<'a>(&'a self, spec: &'a Arc<Spec>, count: u32) -> BoxFuture<'a, Result<(), Fault>>;

    /// Looks at services: one answer for each of `specs`, in their order. An error is no observation, and nothing
    /// is concluded from it.
    fn observe<'a>(&'a self, specs: &'a [Arc<Spec>]) -> BoxFuture<'a, Vec<Result<Observation, Fault>>>;

    /// Somebody needs the service again while the call to put it to sleep is out. What of it is not carried out yet
    /// need not be: then the call fails with [`Fault::undone`], and the service serves on. What is carried out stays.
    fn call_off(&self, spec: &Spec) {
        let _ = spec;
    }

    /// How it wants to be called.
    fn manner(&self) -> Manner {
        Manner::default()
    }
}

/// Lets a provider say that a service is worth another look.
#[derive(Clone, Debug)]
pub struct Nudge(mpsc::UnboundedSender<Arc<str>>);

/// The other end of a [`Nudge`]; the driver reads it.
#[derive(Debug)]
pub struct Nudged(pub(crate) mpsc::UnboundedReceiver<Arc<str>>);

impl Nudge {
    /// Both ends.
    pub fn channel() -> (Self, Nudged) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), Nudged(receiver))
    }

    /// Look at the service of this name again.
    pub fn look_at(&self, name: &Arc<str>) {
        // The driver is gone only when the gateway is; nobody is left to look.
        drop(self.0.send(name.clone()));
    }
}
