//! What can be said of a service, as the API's JSON has it.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::driver::Gates;
use crate::gate::Gate;
use crate::model::{Phase, Time};

/// One service, as it stands. Times are seconds, counted from the moment of the answer; what does not apply is `null`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct ServiceStatus {
    /// Its name in the configuration.
    pub name: String,
    /// What runs it: `process`, `ecs`, `fixed` or the embedding program's own word.
    pub provider: String,
    /// One of `unknown`, `asleep`, `waking`, `awake`, `draining`, `stopping`, `failed`.
    #[schemars(extend("enum" = Phase::ALL.map(Phase::as_str)))]
    pub phase: String,
    /// How long it has been in that phase.
    pub since_seconds: f64,
    /// Why it is in that phase.
    pub cause: String,
    /// How far it is on its way up: `idle`, `waiting`, `starting`, `checking`, `ready`, `failed`.
    #[schemars(extend("enum" = ["idle", "waiting", "starting", "checking", "ready", "failed"]))]
    pub stage: String,
    /// How long it has been in that stage.
    pub stage_seconds: f64,
    /// How long the wake that is under way has taken so far.
    pub waking_for_seconds: Option<f64>,
    /// How long a wake of it is expected to take.
    pub expected_wake_seconds: Option<f64>,
    /// How long its last successful wake took.
    pub last_wake_seconds: Option<f64>,
    /// Requests that it is answering, upgraded connections among them.
    pub in_flight: u64,
    /// Requests that wait for it.
    pub held: u64,
    /// How long it has been observed to be quiet, while it is awake.
    pub idle_for_seconds: Option<f64>,
    /// When it will be put to sleep if nothing comes.
    pub sleeps_in_seconds: Option<f64>,
    /// How long a lease will still keep it awake.
    pub lease_for_seconds: Option<f64>,
    /// Why its last wake failed, while that is the last word.
    pub fault: Option<String>,
    /// When a failed wake may be tried again.
    pub retry_in_seconds: Option<f64>,
    /// What it waits for on its way up, in its provider's words; why the provider does not do as asked, where it does
    /// not.
    pub waits_for: Option<String>,
    /// Why it cannot be observed, and so is not put to sleep.
    pub not_observed: Option<String>,
    /// Why its provider does not let it be put to sleep, as a clause that follows "it".
    pub keeps: Option<String>,
    /// The dependents that keep it awake.
    pub needed_by: Vec<String>,
    /// What it depends on directly.
    pub depends_on: Vec<String>,
    /// How many of its targets are healthy.
    pub healthy: usize,
    /// Where it serves, while its door is open.
    pub targets: Vec<TargetStatus>,
}

/// One address behind an open door.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct TargetStatus {
    /// Address and port.
    pub address: String,
    /// Whose address it is: a task's ARN, a process's start.
    pub instance: String,
    /// Requests that it is answering.
    pub in_flight: u32,
}

/// The whole list, as `GET /api/services` answers it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct ServiceList {
    /// In the order of the configuration.
    pub services: Vec<ServiceStatus>,
}

impl ServiceStatus {
    /// Every service, in the order of the configuration.
    pub fn all(gates: &Gates, now: Time) -> ServiceList {
        ServiceList { services: gates.all.iter().map(|gate| Self::of(gate, now)).collect() }
    }

    /// The service behind this gate.
    pub fn of(gate: &Gate, now: Time) -> Self {
        let (spec, view, activity) = (gate.spec(), gate.view(), gate.activity());
        let ahead = |time: Time| seconds(time.since(now));
        // The view is as old as the last event; a request that came since then has ended the quiet.
        let quiet = view.phase == Phase::Awake && activity.active == 0;
        let sleeps_in = view.sleeps_at.filter(|_| quiet).map(|at| at.since(now));
        let idle_for = quiet.then(|| match sleeps_in {
            Some(left) => spec.limits.idle_after.saturating_sub(left),
            None => view.quiet,
        });
        let targets = gate.targets().into_iter().map(|(target, in_flight)| TargetStatus {
            address: target.address.to_string(),
            instance: target.instance.to_string(),
            in_flight,
        });
        Self {
            name: spec.name.to_string(),
            provider: spec.kind.provider().to_owned(),
            phase: view.phase.as_str().to_owned(),
            since_seconds: seconds(now.since(view.since)),
            cause: view.cause.as_str().to_owned(),
            stage: view.stage.as_str().to_owned(),
            stage_seconds: seconds(now.since(view.stage_since)),
            waking_for_seconds: view.waking_since.map(|began| seconds(now.since(began))),
            expected_wake_seconds: view.expected.map(seconds),
            last_wake_seconds: view.last_wake.map(seconds),
            in_flight: activity.in_flight,
            held: activity.held,
            idle_for_seconds: idle_for.map(seconds),
            sleeps_in_seconds: sleeps_in.map(seconds),
            lease_for_seconds: view.lease_until.filter(|until| *until > now).map(ahead),
            fault: view.fault.as_ref().map(|fault| fault.reason.to_string()),
            retry_in_seconds: view.retry_at.map(ahead),
            waits_for: view
                .trouble
                .as_ref()
                .map(|trouble| &trouble.reason)
                .or(view.waits_for.as_ref())
                .map(ToString::to_string),
            not_observed: view.blind.as_ref().map(ToString::to_string),
            keeps: view.keeps.as_ref().map(ToString::to_string),
            needed_by: view.needed_by.iter().map(ToString::to_string).collect(),
            depends_on: spec.depends_on.iter().map(|dependency| dependency.on.to_string()).collect(),
            healthy: view.healthy,
            targets: targets.collect(),
        }
    }
}

/// Seconds to the millisecond: more digits would be noise.
#[expect(clippy::cast_precision_loss, reason = "exact for some hundred thousand years")]
pub(super) fn seconds(duration: Duration) -> f64 {
    duration.as_millis() as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::gate::{Bell, Budget};
    use crate::model::{Cause, Fault, Kind, Spec, Stage, Target, View};

    fn gate() -> Arc<Gate> {
        let (bell, _rings) = Bell::channel();
        Gate::new(Arc::new(Spec::new("web", Kind::External("fake".into()))), Budget::new(10), bell)
    }

    fn at(seconds: u64) -> Time {
        Time::from_millis(seconds * 1_000)
    }

    #[test]
    fn an_awake_service_tells_when_it_will_sleep() {
        let gate = gate();
        gate.open(vec![Target {
            instance: "1".into(),
            address: std::net::SocketAddr::from(([127, 0, 0, 1], 80)).into(),
        }]);
        gate.publish(View {
            phase: Phase::Awake,
            since: at(10),
            cause: Cause::Ready,
            stage: Stage::Ready,
            sleeps_at: Some(at(1_000)),
            last_wake: Some(Duration::from_millis(4_250)),
            ..View::default()
        });
        let status = ServiceStatus::of(&gate, at(700));
        assert_eq!((status.phase.as_str(), status.since_seconds), ("awake", 690.0));
        assert_eq!(status.sleeps_in_seconds, Some(300.0));
        assert_eq!(status.idle_for_seconds, Some(600.0), "of the fifteen minutes, five are left");
        assert_eq!(status.last_wake_seconds, Some(4.25));
        assert_eq!(status.targets[0].address, "127.0.0.1:80");

        let pass = gate.enter(true).unwrap();
        let status = ServiceStatus::of(&gate, at(700));
        assert_eq!((status.in_flight, status.targets[0].in_flight), (1, 1));
        assert_eq!((status.idle_for_seconds, status.sleeps_in_seconds), (None, None));
        drop(pass);
    }

    #[test]
    fn a_failed_service_tells_why_and_until_when() {
        let gate = gate();
        gate.publish(View {
            phase: Phase::Failed,
            fault: Some(Fault::new("exit code 1")),
            retry_at: Some(at(12)),
            lease_until: Some(at(5)),
            ..View::default()
        });
        let status = ServiceStatus::of(&gate, at(10));
        assert_eq!(status.fault.as_deref(), Some("exit code 1"));
        assert_eq!(status.retry_in_seconds, Some(2.0));
        assert_eq!(status.lease_for_seconds, None, "a lease that has run out is none");
        assert_eq!(status.provider, "fake");
    }
}
