use aws_sdk_elasticloadbalancingv2::types::{self, TargetHealthStateEnum as State};

use super::{Nonsense, needed};

/// The targets of a target group, counted by what its load balancer says of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::provider::ecs) struct GroupHealth {
    /// They get requests.
    pub(in crate::provider::ecs) healthy: u32,
    /// Being registered, or not checked yet.
    pub(in crate::provider::ecs) initial: u32,
    /// They do not pass the check, or nobody can tell whether they do.
    pub(in crate::provider::ecs) unhealthy: u32,
    /// On their way out.
    pub(in crate::provider::ecs) draining: u32,
    /// Registered, but no load balancer uses the group.
    pub(in crate::provider::ecs) unused: u32,
    /// Why the first that is not healthy is not: `Elb.RegistrationInProgress`, `Target.Timeout`, …
    pub(in crate::provider::ecs) reason: Option<String>,
}

impl GroupHealth {
    /// Reads the targets.
    pub(in crate::provider::ecs) fn read(
        targets: Vec<types::TargetHealthDescription>,
    ) -> Result<Self, Nonsense> {
        let mut group = Self::default();
        for target in targets {
            let health = needed(target.target_health, "a target's health")?;
            let bin = match needed(health.state, "a target's state")? {
                State::Healthy => &mut group.healthy,
                State::Initial => &mut group.initial,
                State::Unhealthy | State::Unavailable => &mut group.unhealthy,
                State::Draining | State::UnhealthyDraining => &mut group.draining,
                State::Unused => &mut group.unused,
                other => return Err(Nonsense(format!("a target's state is {:?}", other.as_str()))),
            };
            *bin += 1;
            if group.reason.is_none() {
                group.reason = health.reason.map(|reason| reason.as_str().to_owned());
            }
        }
        Ok(group)
    }
}

/// A target group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::provider::ecs) struct TargetGroup {
    /// Its ARN.
    pub(in crate::provider::ecs) arn: String,
    /// The load balancers that use it.
    pub(in crate::provider::ecs) load_balancers: Vec<String>,
}

impl TargetGroup {
    /// Reads a target group.
    pub(in crate::provider::ecs) fn read(group: types::TargetGroup) -> Result<Self, Nonsense> {
        Ok(Self {
            arn: needed(group.target_group_arn, "TargetGroupArn")?,
            load_balancers: group.load_balancer_arns.unwrap_or_default(),
        })
    }
}
