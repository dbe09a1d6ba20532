use std::time::Duration;

use super::super::file;
use super::super::node::At;
use super::super::value;
use super::Build;
use crate::model::{Check, Health, HttpCheck, TargetGroupCheck};

const INTERVAL: Duration = Duration::from_millis(200);
const TIMEOUT: Duration = Duration::from_secs(2);
/// Probing more often than this would only burn the CPU that the service needs to start.
const MIN_INTERVAL: Duration = Duration::from_millis(10);

impl Build<'_> {
    /// How to tell that the service serves. Without a word in the file: it takes connections, where it has an
    /// address to connect to.
    pub(super) fn health(
        &mut self,
        health: Option<&file::Health>,
        at: &At<'_>,
        has_address: bool,
    ) -> Option<Health> {
        let Some(health) = health else {
            return has_address.then_some(Health { check: Check::Tcp, interval: INTERVAL, timeout: TIMEOUT });
        };
        let interval = self.duration(health.interval.as_ref(), &at.key("interval")).unwrap_or(INTERVAL);
        if interval < MIN_INTERVAL {
            self.report(at.key("interval").problem("is too short; `10ms` is the least"));
        }
        let timeout = self.time(health.timeout.as_ref(), &at.key("timeout")).unwrap_or(TIMEOUT);
        let given: Vec<&str> =
            ["path", "tcp", "exec", "target_group"].into_iter().filter(|key| at.has(key)).collect();
        if let [first, second, ..] = *given {
            self.report(
                at.key(second).key_problem(format!("one check is enough; `{first}` stands here too")),
            );
        }
        for key in ["status", "host"] {
            if at.has(key) && self.lacks(at, "path") {
                self.report(at.key(key).key_problem("goes with a `path` only"));
            }
        }
        if at.has("healthy_targets") && self.lacks(at, "target_group") {
            self.report(at.key("healthy_targets").key_problem("goes with a `target_group` only"));
        }
        let check = if let Some(path) = &health.path {
            if !path.starts_with('/') || path.parse::<http::uri::PathAndQuery>().is_err() {
                self.report(at.key("path").problem("a path begins with `/`, and has neither spaces nor `#`"));
            }
            let host = health.host.clone();
            if host.as_ref().is_some_and(|host| host.parse::<http::uri::Authority>().is_err()) {
                self.report(at.key("host").problem("is no host"));
            }
            Check::Http(HttpCheck {
                path: path.clone(),
                status: self.statuses(health, &at.key("status")),
                host,
            })
        } else if let Some(arn) = &health.target_group {
            if !arn.starts_with("arn:") || !arn.contains(":targetgroup/") {
                self.report(at.key("target_group").problem(
                    "is no ARN of a target group; such a one is \
                     `arn:aws:elasticloadbalancing:REGION:ACCOUNT:targetgroup/NAME/ID`",
                ));
            }
            Check::TargetGroup(TargetGroupCheck {
                arn: arn.clone(),
                healthy: health.healthy_targets.unwrap_or(1),
            })
        } else if let Some(command) = &health.exec {
            Check::Exec(self.command(command, &at.key("exec")))
        } else if health.tcp == Some(false) {
            return None;
        } else {
            Check::Tcp
        };
        if !has_address {
            self.report(
                at.key_problem("there is no port to check; give the service one, or take `health` out: it is then ready as soon as it runs"),
            );
        }
        Some(Health { check, interval, timeout })
    }

    fn statuses(&mut self, health: &file::Health, at: &At<'_>) -> Vec<(u16, u16)> {
        let Some(written) = &health.status else { return vec![(200, 399)] };
        let texts = written.texts();
        if texts.is_empty() {
            self.report(at.key_problem("must not be empty"));
        }
        let mut all = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            all.extend(self.take(value::statuses(text), &at.item(index)));
        }
        all
    }
}
