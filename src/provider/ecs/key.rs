use std::fmt;
use std::sync::Arc;

use super::state::name_of;
use crate::model::EcsSpec;

/// Names a service of ECS, whether the configuration names it by name or by ARN: tasks and events name it by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// The cluster's name.
    pub(super) cluster: Arc<str>,
    /// The service's name.
    pub(super) service: Arc<str>,
}

impl Key {
    /// The service that the configuration means.
    pub(super) fn of(spec: &EcsSpec) -> Self {
        Self::new(&spec.cluster, &spec.service)
    }

    /// Both may be names or ARNs.
    pub(super) fn new(cluster: &str, service: &str) -> Self {
        Self { cluster: name_of(cluster).into(), service: name_of(service).into() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "service {} of cluster {}", self.service, self.cluster)
    }
}
