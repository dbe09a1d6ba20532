//! What ECS says, in plain words: checked once, where it comes in.
//!
//! An answer that makes no sense becomes [`Nonsense`] and changes nothing.

mod arn;
mod definition;
mod group;
mod scalable;
mod service;
mod task;

use std::fmt;
use std::time::SystemTime;

use aws_smithy_types::DateTime;

use super::trouble::Trouble;

pub(in crate::provider::ecs) use arn::{name_of, resource_of, scope_of};
pub(in crate::provider::ecs) use definition::{Definition, Port};
pub(in crate::provider::ecs) use group::{GroupHealth, TargetGroup};
pub(in crate::provider::ecs) use scalable::{Scalable, Suspended};
pub(in crate::provider::ecs) use service::{
    Deployment, DeploymentStatus, Rollout, ServiceEvent, ServiceState, ServiceStatus,
};
pub(in crate::provider::ecs) use task::{Container, LastStatus, Task, Wanted};

/// An answer that makes no sense: which part of it, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::provider::ecs) struct Nonsense(pub(in crate::provider::ecs) String);

impl fmt::Display for Nonsense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why there is no state of a service that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::provider::ecs) enum NoState {
    /// The cluster has no such service.
    Missing,
    /// There was an answer, but it makes no sense.
    Nonsense(Nonsense),
    /// AWS refuses to say anything about it: a permission is missing, or its name is none.
    Refused(Trouble),
}

/// A field that has to be there.
pub(in crate::provider::ecs) fn needed<T>(value: Option<T>, field: &str) -> Result<T, Nonsense> {
    value.ok_or_else(|| Nonsense(format!("{field} is missing")))
}

/// A count, which is not negative.
fn count(value: i32, field: &str) -> Result<u32, Nonsense> {
    u32::try_from(value).map_err(|_| Nonsense(format!("{field} is {value}")))
}

/// A moment that this machine can count with.
pub(in crate::provider::ecs) fn moment(
    value: Option<DateTime>,
    field: &str,
) -> Result<Option<SystemTime>, Nonsense> {
    value.map(|at| SystemTime::try_from(at).map_err(|_| Nonsense(format!("{field} is {at:?}")))).transpose()
}
