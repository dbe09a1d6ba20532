use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Checker, Depth, Finding, Subject, Weight};
use crate::provider::ecs::api::Urgency;
use crate::provider::ecs::state::{ServiceState, ServiceStatus, Wanted};

/// A task that no cluster has.
const NO_TASK: &str = "00000000000000000000000000000000";

/// The permissions that are missing, each with the services that miss it.
#[derive(Debug, Default)]
pub(super) struct Permissions(BTreeMap<(String, String), BTreeSet<Arc<str>>>);

impl Permissions {
    /// AWS did not allow `action` on `resource`, asked for `service`.
    pub(super) fn lacks(&mut self, action: &str, resource: &str, service: Option<&Arc<str>>) {
        let key = (action.to_owned(), resource.to_owned());
        self.0.entry(key).or_default().extend(service.cloned());
    }

    /// One finding for each.
    pub(super) fn findings(self) -> impl Iterator<Item = Finding> {
        self.0.into_iter().map(|((action, resource), services)| {
            let mut services = services.into_iter();
            let (first, more) = (services.next(), services.next());
            let words = format!("the gateway's role lacks the permission `{action}` on `{resource}`");
            match (first, more) {
                (Some(one), None) => Finding { service: Some(one), weight: Weight::Wrong, words },
                (Some(one), Some(two)) => {
                    let others: String = services.map(|name| format!(", {name}")).collect();
                    let words = format!("{words} (needed for {one}, {two}{others})");
                    Finding { service: None, weight: Weight::Wrong, words }
                }
                (None, _) => Finding { service: None, weight: Weight::Wrong, words },
            }
        })
    }
}

impl Checker<'_> {
    /// Reads what is read of tasks; policies give that for a whole cluster, so one of its services will do.
    pub(super) async fn try_reading(&mut self, subject: Subject<'_>) {
        let (cluster, service) = (subject.ecs.cluster.as_str(), subject.ecs.service.as_str());
        let listed =
            self.ask(subject, self.api.list_tasks(cluster, service, Wanted::Running, Urgency::Watch)).await;
        let tasks = [listed.unwrap_or_default().into_iter().next().unwrap_or_else(|| NO_TASK.into())];
        self.ask(subject, self.api.tasks(cluster, &tasks, Urgency::Watch)).await;
        self.ask(subject, self.api.protected(cluster, &tasks)).await;
        if self.settings.auto_scaling && self.depth == Depth::Start {
            self.ask(subject, self.api.scalable_target(cluster, service, Urgency::Watch)).await;
        }
    }

    /// Tries what changes this service, with requests that change nothing: policies may allow it by the service's tags.
    /// One that cannot sleep is not changed anyway.
    pub(super) async fn try_changing(&mut self, subject: Subject<'_>, state: &ServiceState) {
        if state.status != ServiceStatus::Active || state.daemon {
            return;
        }
        let (cluster, service) = (subject.ecs.cluster.as_str(), subject.ecs.service.as_str());
        self.ask(subject, self.api.try_update(cluster, service)).await;
        // Where it is not used, nobody is asked for the permission to look at it.
        let scalable = if self.settings.auto_scaling {
            self.ask(subject, self.api.scalable_target(cluster, service, Urgency::Watch)).await.flatten()
        } else {
            None
        };
        if scalable.is_some() {
            self.ask(subject, self.api.try_suspend(cluster, service)).await;
        }
        // The tags remember what to restore.
        if subject.ecs.desired_count.is_none() || scalable.is_some() {
            self.ask(subject, self.api.try_tag(&state.arn)).await;
            self.ask(subject, self.api.try_untag(&state.arn)).await;
        }
    }
}
