use std::time::Duration;

use crate::model::{Cause, Fault, Observation, Phase, ServiceId, Stage, Target, Time};

/// Names one call to a provider's `scale`, so that a late answer is told from the present one's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u64);

/// Names one look at a service, so that one begun too early is told from a fresh one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LookId(pub u64);

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Somebody waits for the service.
    Demand(ServiceId),
    /// The provider says that the service is worth another look.
    Nudged(ServiceId),
    /// The answer to [`Command::Observe`].
    Observed {
        /// The service.
        service: ServiceId,
        /// Which look it was.
        look: LookId,
        /// What was seen.
        seen: Observation,
    },
    /// [`Command::Observe`] got no answer that means anything.
    NotObserved {
        /// The service.
        service: ServiceId,
        /// Which look it was.
        look: LookId,
        /// Why.
        fault: Fault,
    },
    /// The answer to [`Command::Scale`].
    Acknowledged {
        /// The service.
        service: ServiceId,
        /// Which call it was.
        call: CallId,
        /// `Err`: the provider did not take the order, or nobody knows whether it did.
        result: Result<(), Fault>,
    },
    /// A probe's news about one target.
    Probed {
        /// The service.
        service: ServiceId,
        /// The target.
        target: Target,
        /// `Err`: what is wrong with it.
        result: Result<(), String>,
    },
    /// A connection to a target could not be made.
    Suspected {
        /// The service.
        service: ServiceId,
        /// The target.
        target: Target,
    },
    /// The answer to [`Command::Drain`]: the door is shut.
    Drained {
        /// The service.
        service: ServiceId,
        /// How many requests are inside.
        in_flight: u64,
    },
    /// The answer to [`Command::Sample`].
    Sampled {
        /// The service.
        service: ServiceId,
        /// Requests inside that keep it awake.
        active: u64,
        /// How many such requests ever came in.
        entered: u64,
        /// Requests that wait.
        held: u64,
    },
    /// Keep it awake until then; `None` takes the lease back.
    Lease {
        /// The service.
        service: ServiceId,
        /// The lease's end.
        until: Option<Time>,
    },
    /// Put it to sleep without waiting for its quiet time.
    Sleep(ServiceId),
    /// A timer is due.
    Tick,
}

/// Something to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Call the provider; answer with [`Event::Acknowledged`], always.
    Scale {
        /// The service.
        service: ServiceId,
        /// To be named in the answer.
        call: CallId,
        /// The count; zero puts it to sleep.
        count: u32,
    },
    /// The call to put the service to sleep that is out is not wanted any more; it is answered all the same.
    CallOff(ServiceId),
    /// Look at the service; answer with [`Event::Observed`] or [`Event::NotObserved`], always.
    Observe {
        /// The service.
        service: ServiceId,
        /// To be named in the answer.
        look: LookId,
    },
    /// Probe these targets and no others of this service.
    Probe {
        /// The service.
        service: ServiceId,
        /// All targets to probe; one that is being probed already goes on.
        targets: Vec<Target>,
        /// How often.
        pace: Pace,
    },
    /// Forget what the probe of this target found and begin it anew.
    ProbeAgain {
        /// The service.
        service: ServiceId,
        /// The target.
        target: Target,
    },
    /// Open the door to these targets, or change them.
    Open {
        /// The service.
        service: ServiceId,
        /// All healthy targets.
        targets: Vec<Target>,
    },
    /// Shut the door; its addresses are not to be used any more.
    Shut(ServiceId),
    /// Shut the door, *then* count who is inside; answer with [`Event::Drained`] at once.
    Drain(ServiceId),
    /// End the wait of all who wait, and of all who come, with this reason.
    Fail {
        /// The service.
        service: ServiceId,
        /// The reason.
        fault: Fault,
    },
    /// Hold those who come again.
    ClearFault(ServiceId),
    /// Read the gate's counters; answer with [`Event::Sampled`] at once.
    Sample(ServiceId),
    /// The service's view has changed.
    Publish(ServiceId),
    /// For logs and metrics.
    Tell(Note),
}

/// How often a target is probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Every `health.interval`: somebody is waiting.
    Waking,
    /// Slowly: it serves, and one wants to hear when it no longer does.
    Awake,
}

/// Something worth telling.
#[derive(Clone, Debug, PartialEq)]
pub enum Note {
    /// A service changed its phase.
    Phase {
        /// Which.
        service: ServiceId,
        /// From.
        from: Phase,
        /// To.
        to: Phase,
        /// Why.
        cause: Cause,
        /// How long it had been in `from`.
        after: Duration,
        /// The reason, where it failed, or could not be put to sleep.
        fault: Option<Fault>,
    },
    /// A service entered a stage on its way up.
    Stage {
        /// Which.
        service: ServiceId,
        /// From.
        from: Stage,
        /// To.
        to: Stage,
        /// How long it had been in `from`.
        after: Duration,
    },
    /// A wake came to its end.
    Wake {
        /// Which.
        service: ServiceId,
        /// What began it.
        cause: Cause,
        /// How long it took.
        took: Duration,
        /// Why it failed, if it did.
        fault: Option<Fault>,
    },
}
