use aws_sdk_applicationautoscaling::types;

use super::{Nonsense, count};

/// What Application Auto Scaling may do with a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::provider::ecs) struct Scalable {
    /// The least tasks it keeps.
    pub(in crate::provider::ecs) min: u32,
    /// The most tasks it starts.
    pub(in crate::provider::ecs) max: u32,
    /// What it shall not do for now.
    pub(in crate::provider::ecs) suspended: Suspended,
}

/// Which of its activities are suspended.
/// <https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-suspend-resume-scaling.html>
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::provider::ecs) struct Suspended {
    /// Scaling in by policy.
    pub(in crate::provider::ecs) scale_in: bool,
    /// Scaling out by policy.
    pub(in crate::provider::ecs) scale_out: bool,
    /// Scheduled actions.
    pub(in crate::provider::ecs) scheduled: bool,
}

impl Suspended {
    /// All of them.
    pub(in crate::provider::ecs) const ALL: Self = Self { scale_in: true, scale_out: true, scheduled: true };
}

impl Scalable {
    /// Reads a scalable target.
    pub(in crate::provider::ecs) fn read(target: &types::ScalableTarget) -> Result<Self, Nonsense> {
        let state = target.suspended_state.as_ref();
        let is = |what: fn(&types::SuspendedState) -> Option<bool>| state.and_then(what).unwrap_or_default();
        Ok(Self {
            min: count(target.min_capacity, "MinCapacity")?,
            max: count(target.max_capacity, "MaxCapacity")?,
            suspended: Suspended {
                scale_in: is(types::SuspendedState::dynamic_scaling_in_suspended),
                scale_out: is(types::SuspendedState::dynamic_scaling_out_suspended),
                scheduled: is(types::SuspendedState::scheduled_scaling_suspended),
            },
        })
    }
}
