//! Token buckets: how often what may be called.
//!
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html>
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-api-throttling.html>

use std::collections::BTreeMap;
use std::time::Duration;

use super::wire::Api;

/// A bucket: its name, how many tokens it holds, how many it gets each second.
type Size = (&'static str, f64, f64);

const SERVICE_READ: Size = ("service-read", 100.0, 20.0);
const SERVICE_MODIFY: Size = ("service-modify", 50.0, 5.0);
const CLUSTER_READ: Size = ("cluster-read", 50.0, 20.0);
const CLUSTER_MODIFY: Size = ("cluster-modify", 20.0, 1.0);
const RESOURCE_READ: Size = ("cluster-resource-read", 100.0, 20.0);
const RESOURCE_MODIFY: Size = ("cluster-resource-modify", 100.0, 40.0);
const DEFINITION_READ: Size = ("task-definition-read", 50.0, 20.0);
const DEFINITION_MODIFY: Size = ("task-definition-modify", 20.0, 1.0);
const TAG_READ: Size = ("tag-read", 50.0, 20.0);
const TAG_MODIFY: Size = ("tag-modify", 20.0, 10.0);
const PROTECTION: Size = ("task-protection", 200.0, 80.0);
const BALANCER_READ: Size = ("elb-non-mutating", 40.0, 10.0);
const BALANCER_MODIFY: Size = ("elb-mutating", 20.0, 3.0);
const BALANCER_ALL: Size = ("elb-account", 40.0, 10.0);
const SCALING: Size = ("application-autoscaling", 50.0, 10.0);

/// The buckets that a call takes a token from each. The first is the one it is known by.
fn sizes(api: Api, action: &str) -> &'static [Size] {
    match api {
        Api::Ecs => match action {
            "DescribeServices" | "ListServices" => &[SERVICE_READ],
            "CreateService" | "DeleteService" | "UpdateService" => &[SERVICE_MODIFY],
            "DescribeClusters" | "ListClusters" => &[CLUSTER_READ],
            "CreateCluster" | "DeleteCluster" => &[CLUSTER_MODIFY],
            "RunTask" | "StartTask" | "StopTask" => &[RESOURCE_MODIFY],
            "DescribeTaskDefinition" | "ListTaskDefinitions" => &[DEFINITION_READ],
            "RegisterTaskDefinition" | "DeregisterTaskDefinition" => &[DEFINITION_MODIFY],
            "TagResource" | "UntagResource" => &[TAG_MODIFY],
            "ListTagsForResource" => &[TAG_READ],
            "GetTaskProtection" | "UpdateTaskProtection" => &[PROTECTION],
            _ => &[RESOURCE_READ],
        },
        Api::Balancers if action.starts_with("Describe") => &[BALANCER_READ, BALANCER_ALL],
        Api::Balancers => &[BALANCER_MODIFY, BALANCER_ALL],
        Api::Scaling => &[SCALING],
        Api::Queues | Api::Identity => &[],
    }
}

/// The buckets of the account.
#[derive(Debug)]
pub(super) struct Buckets {
    /// They are on.
    pub(super) on: bool,
    /// By name: the tokens there were, and when.
    held: BTreeMap<&'static str, (f64, Duration)>,
}

impl Default for Buckets {
    fn default() -> Self {
        Self { on: true, held: BTreeMap::new() }
    }
}

impl Buckets {
    /// The bucket a call is known by; empty where there is none.
    pub(super) fn name(api: Api, action: &str) -> &'static str {
        sizes(api, action).first().map_or("", |(name, ..)| name)
    }

    /// Takes a token from every bucket of a call; false where one is empty, and then none is taken.
    pub(super) fn take(&mut self, api: Api, action: &str, now: Duration) -> bool {
        if !self.on {
            return true;
        }
        let sizes = sizes(api, action);
        for &(name, burst, refill) in sizes {
            let (tokens, since) = self.held.entry(name).or_insert((burst, now));
            *tokens = (*tokens + refill * now.saturating_sub(*since).as_secs_f64()).min(burst);
            *since = now;
        }
        // A hair below one is one: thirds of a token do not add up to it.
        let full =
            sizes.iter().all(|(name, ..)| self.held.get(name).is_some_and(|held| held.0 >= 1.0 - 1e-9));
        if full {
            for (name, ..) in sizes {
                self.held.entry(name).and_modify(|held| held.0 -= 1.0);
            }
        }
        full
    }

    /// Leaves so many tokens in a bucket: somebody else of the account has used the others.
    pub(super) fn drain(&mut self, name: &str, left: f64, now: Duration) {
        if let Some(entry) = self.held.iter_mut().find(|(each, _)| **each == name) {
            *entry.1 = (left, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifty_at_once_then_five_a_second() {
        let mut buckets = Buckets::default();
        let mut taken = |seconds: f64, tries: usize| {
            let now = Duration::from_secs_f64(seconds);
            (0..tries).filter(|_| buckets.take(Api::Ecs, "UpdateService", now)).count()
        };
        assert_eq!(taken(0.0, 60), 50);
        assert_eq!(taken(0.1, 1), 0, "half a token is none");
        assert_eq!(taken(1.0, 60), 5);
        assert_eq!(taken(100.0, 60), 50, "it does not hold more than its burst");
    }

    #[test]
    fn reads_do_not_take_from_changes() {
        let mut buckets = Buckets::default();
        while buckets.take(Api::Ecs, "DescribeServices", Duration::ZERO) {}
        assert!(buckets.take(Api::Ecs, "UpdateService", Duration::ZERO));
        assert!(!buckets.take(Api::Ecs, "ListServices", Duration::ZERO), "it is the same bucket");
    }
}
