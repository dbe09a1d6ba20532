//! What load balancers think of tasks, and what the scheduler makes of it.

use super::groups::Address;
use super::service::Service;
use super::task::{Status, Task};
use super::world::World;

impl World {
    /// Whether all of the target groups of its service find a task healthy.
    pub(super) fn targets_healthy(&self, service: &Service, task: &Task) -> bool {
        let states = self.target_states(service, task);
        states.len() == service.target_groups.len() && states.iter().all(|(_, state)| *state == "healthy")
    }

    /// Gives up the running tasks that a load balancer finds unhealthy, once their grace is over.
    pub(super) fn give_up_unhealthy(&mut self) {
        let mut lost = Vec::new();
        for service in self.services.values().filter(|service| !service.target_groups.is_empty()) {
            for task in self.live(service).into_iter().filter(|task| task.status == Status::Running) {
                let past_grace =
                    task.stamps.started.is_some_and(|started| started + service.grace <= self.now);
                let states = self.target_states(service, task);
                if let Some((group, _)) = states.iter().find(|(_, state)| past_grace && *state == "unhealthy")
                {
                    lost.push((task.arn.clone(), task.plan, (*group).to_owned()));
                }
            }
        }
        for (arn, plan, group) in lost {
            self.give_up(&arn, plan, &format!("Task failed ELB health checks in (target-group {group})"));
        }
    }

    /// Says in its service's events that a task was registered with its target groups, or taken out.
    pub(super) fn say_targets(&mut self, arn: &str, what: &str) {
        let Some(key) = self.tasks.get(arn).and_then(|task| task.service.clone()) else { return };
        let groups = self.services.get(&key).map(|service| service.target_groups.clone()).unwrap_or_default();
        for (group, ..) in groups {
            self.say(&key, &format!("(service {}) {what} 1 targets in (target-group {group})", key.1));
        }
    }

    fn target_states<'a>(&self, service: &'a Service, task: &Task) -> Vec<(&'a str, &'static str)> {
        let Some(ip) = task.ip else { return Vec::new() };
        let groups = service.target_groups.iter();
        groups
            .filter_map(|(group, _, port)| Some((group.as_str(), self.target_state(group, (ip, *port))?)))
            .collect()
    }

    fn target_state(&self, group: &str, address: Address) -> Option<&'static str> {
        let targets = self.wings.groups.health(group)?;
        targets.into_iter().find(|(each, _)| *each == address).map(|(_, health)| health.state)
    }
}
