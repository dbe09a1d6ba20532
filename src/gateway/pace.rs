use std::collections::BTreeSet;
use std::time::Duration;

use crate::config::Plan;
use crate::engine::{SLICE, SLOW_SLICES, Settings};
use crate::model::Kind;

/// The refill of ECS's bucket for DescribeServices, in requests a second.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html>
const REFILL: f64 = 20.0;
/// The most of it that looking takes when nothing happens.
const WATCHING: f64 = 0.1;

/// How often services are looked at. Where some are on ECS, no more often than its request rate limits bear: a tenth of
/// them at most, and no more of them than the configuration allows while all are looked at for the first time.
pub(super) fn pace(plan: &Plan) -> Settings {
    let Some(requests) = requests_per_slice(plan) else { return Settings::default() };
    let at_start = plan.aws.budget.min(WATCHING * f64::from(SLOW_SLICES));
    Settings {
        observe_every: plan.aws.poll_every,
        reconcile_every: plan.aws.reconcile_every,
        slice_every: Duration::from_secs_f64(requests / (REFILL * at_start)),
        settle: plan.aws.settle,
    }
}

/// How many requests one slice of services costs in the mean: one for each cluster in it. `None`: none are on ECS.
fn requests_per_slice(plan: &Plan) -> Option<f64> {
    let ids: Vec<_> = plan.graph.ids().collect();
    let slices = ids.chunks(usize::try_from(SLICE).unwrap_or(usize::MAX));
    let count = slices.len();
    let requests: usize = slices
        .map(|slice| {
            let clusters: BTreeSet<&str> = slice
                .iter()
                .filter_map(|id| match &plan.graph.spec(*id).kind {
                    // An ARN ends with the name.
                    Kind::Ecs(ecs) => ecs.cluster.rsplit('/').next(),
                    _ => None,
                })
                .collect();
            clusters.len()
        })
        .sum();
    let mean = |requests: u32| f64::from(requests) / f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    u32::try_from(requests).ok().filter(|requests| *requests > 0).map(mean)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;
    use crate::config::Config;

    fn plan(budget: u32, clusters: usize, services: usize) -> Plan {
        let mut text = format!(
            "listeners: [{{ address: 127.0.0.1:0 }}]\nroutes: [{{ respond: {{}} }}]\n\
             aws: {{ budget_percent: {budget} }}\nservices:\n"
        );
        for number in 0..services {
            let cluster = number % clusters.max(1);
            let line = if clusters == 0 {
                format!("  s{number}: {{ upstream: 'http://s' }}\n")
            } else {
                format!("  s{number}: {{ ecs: {{ cluster: c{cluster}, service: s{number} }} }}\n")
            };
            text.write_str(&line).unwrap();
        }
        Config::text("t", text).load().unwrap()
    }

    /// Requests a second when nothing happens, as a part of the account's limit.
    fn share(plan: &Plan, requests_per_slice: f64) -> f64 {
        requests_per_slice / (pace(plan).slice_every * SLOW_SLICES).as_secs_f64() / REFILL
    }

    #[test]
    fn watching_takes_a_tenth_at_most_whatever_the_budget_and_the_clusters() {
        for (budget, expected) in [(100, 0.1), (75, 0.1), (50, 0.1), (20, 0.04), (1, 0.002)] {
            for clusters in [1, 3, 10] {
                let share = share(&plan(budget, clusters, 100), f64::from(u32::try_from(clusters).unwrap()));
                assert!((share - expected).abs() < 1e-6, "{budget} % and {clusters} clusters: {share}");
            }
        }
    }

    #[test]
    fn where_nothing_is_on_ecs_there_are_no_limits_to_keep() {
        assert_eq!(pace(&plan(1, 0, 20)).slice_every, Settings::default().slice_every);
    }
}
