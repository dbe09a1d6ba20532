//! Application Auto Scaling as far as it touches the desired count: scalable targets and their bounds. There are no
//! policies; nothing scales by itself. Awaits no network and no clock.
//! See <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html>.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::error::ApiError;
use super::wire::{ACCOUNT, REGION, missing, number, text, texts};

/// The only dimension that ECS services have.
const DIMENSION: &str = "ecs:service:DesiredCount";

/// All scalable targets of the account, by `service/CLUSTER/SERVICE`.
#[derive(Debug, Default)]
pub(crate) struct Scaling {
    targets: BTreeMap<String, ScalableTarget>,
}

/// The bounds of one service.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ScalableTarget {
    pub(crate) min: i64,
    pub(crate) max: i64,
    pub(crate) suspended: Suspended,
    /// When it was registered first.
    pub(crate) created: Duration,
}

/// What is not to happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Suspended {
    pub(crate) scale_in: bool,
    pub(crate) scale_out: bool,
    pub(crate) scheduled: bool,
}

/// What an answer has beside itself: a desired count that has to go into these bounds, suspended or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Clamp {
    pub(crate) cluster: String,
    pub(crate) service: String,
    pub(crate) min: i64,
    pub(crate) max: i64,
}

impl Scaling {
    /// The bounds of a service, if it is a scalable target.
    pub(crate) fn get(&self, cluster: &str, service: &str) -> Option<&ScalableTarget> {
        self.targets.get(&format!("service/{cluster}/{service}"))
    }

    /// Makes a service a scalable target, or changes it.
    pub(crate) fn set(&mut self, cluster: &str, service: &str, target: ScalableTarget) {
        self.targets.insert(format!("service/{cluster}/{service}"), target);
    }

    /// Answers a call at this time; `epoch` is the wall time at which time was zero. `known` tells if a cluster has a
    /// service.
    pub(crate) fn answer(
        &mut self,
        action: &str,
        params: &Value,
        now: Duration,
        epoch: Duration,
        known: impl Fn(&str, &str) -> bool,
    ) -> Result<(Value, Option<Clamp>), ApiError> {
        match text(params, "ServiceNamespace")? {
            "ecs" => {}
            other => return Err(invalid(format!("Service namespace {other} is not simulated"))),
        }
        match action {
            "DescribeScalableTargets" => Ok((self.describe(params, epoch)?, None)),
            "RegisterScalableTarget" => {
                let clamp = self.register(params, now, known)?;
                let id = text(params, "ResourceId")?;
                Ok((json!({ "ScalableTargetARN": arn(id) }), Some(clamp)))
            }
            "DeregisterScalableTarget" => {
                let id = resource(params)?;
                self.targets.remove(id).ok_or_else(|| not_found(id))?;
                Ok((json!({}), None))
            }
            _ => Err(ApiError::new("UnknownOperationException", "")),
        }
    }

    fn register(
        &mut self,
        params: &Value,
        now: Duration,
        known: impl Fn(&str, &str) -> bool,
    ) -> Result<Clamp, ApiError> {
        let id = resource(params)?;
        let (cluster, service) = parts(id)?;
        if !known(cluster, service) {
            return Err(invalid(format!("ECS service doesn't exist: {id}")));
        }
        let before = self.targets.get(id);
        let bound = |name, old: Option<i64>| number(params, name).or(old);
        let (min, max) =
            (bound("MinCapacity", before.map(|it| it.min)), bound("MaxCapacity", before.map(|it| it.max)));
        let (Some(min), Some(max)) = (min, max) else {
            return Err(invalid(
                "Both minimum and maximum capacity are required to register a scalable target",
            ));
        };
        if min < 0 || min > max {
            let words =
                format!("Minimum capacity {min} must be at least 0 and at most the maximum capacity {max}");
            return Err(invalid(words));
        }
        let old = before.map(|it| it.suspended).unwrap_or_default();
        let suspended = suspended(&params["SuspendedState"], old);
        let created = before.map_or(now, |it| it.created);
        self.targets.insert(id.to_owned(), ScalableTarget { min, max, suspended, created });
        Ok(Clamp { cluster: cluster.to_owned(), service: service.to_owned(), min, max })
    }

    fn describe(&self, params: &Value, epoch: Duration) -> Result<Value, ApiError> {
        let wanted = texts(params, "ResourceIds");
        let start = params["NextToken"].as_str().unwrap_or_default();
        let limit = number(params, "MaxResults").unwrap_or(50);
        let limit = usize::try_from(limit).ok().filter(|it| (1..=50).contains(it));
        let limit = limit.ok_or_else(|| missing("MaxResults"))?;
        let mut found = self
            .targets
            .iter()
            .filter(|(id, _)| wanted.is_empty() || wanted.contains(id))
            .filter(|(id, _)| id.as_str() >= start);
        let page: Vec<_> = found.by_ref().take(limit).map(|(id, target)| target.json(id, epoch)).collect();
        let mut answer = json!({ "ScalableTargets": page });
        if let Some((next, _)) = found.next() {
            answer["NextToken"] = json!(next);
        }
        Ok(answer)
    }
}

impl ScalableTarget {
    fn json(&self, id: &str, epoch: Duration) -> Value {
        let role = "role/aws-service-role/ecs.application-autoscaling.amazonaws.com/\
            AWSServiceRoleForApplicationAutoScaling_ECSService";
        json!({
            "ServiceNamespace": "ecs",
            "ResourceId": id,
            "ScalableDimension": DIMENSION,
            "MinCapacity": self.min,
            "MaxCapacity": self.max,
            "RoleARN": format!("arn:aws:iam::{ACCOUNT}:{role}"),
            "CreationTime": (epoch + self.created).as_secs_f64(),
            "SuspendedState": {
                "DynamicScalingInSuspended": self.suspended.scale_in,
                "DynamicScalingOutSuspended": self.suspended.scale_out,
                "ScheduledScalingSuspended": self.suspended.scheduled,
            },
            "ScalableTargetARN": arn(id),
        })
    }
}

/// What is not said stays as it was.
fn suspended(state: &Value, old: Suspended) -> Suspended {
    let said = |name: &str, old: bool| state[name].as_bool().unwrap_or(old);
    Suspended {
        scale_in: said("DynamicScalingInSuspended", old.scale_in),
        scale_out: said("DynamicScalingOutSuspended", old.scale_out),
        scheduled: said("ScheduledScalingSuspended", old.scheduled),
    }
}

fn resource(params: &Value) -> Result<&str, ApiError> {
    match text(params, "ScalableDimension")? {
        DIMENSION => text(params, "ResourceId"),
        other => Err(invalid(format!("Scalable dimension {other} is not one of ecs"))),
    }
}

fn parts(id: &str) -> Result<(&str, &str), ApiError> {
    id.strip_prefix("service/")
        .and_then(|rest| rest.split_once('/'))
        .ok_or_else(|| invalid(format!("Unsupported service resource type: {id}")))
}

fn arn(id: &str) -> String {
    // The real one ends in an opaque id; this one names its service, and is as stable.
    let opaque: String = id.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("arn:aws:application-autoscaling:{REGION}:{ACCOUNT}:scalable-target/0ec5{opaque}")
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", message)
}

fn not_found(id: &str) -> ApiError {
    let words = format!(
        "No scalable target found for service namespace: ecs, resource ID: {id}, scalable dimension: {DIMENSION}"
    );
    ApiError::new("ObjectNotFoundException", words)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(5);

    fn call(scaling: &mut Scaling, action: &str, more: &Value) -> Result<(Value, Option<Clamp>), ApiError> {
        let mut params = json!({ "ServiceNamespace": "ecs", "ScalableDimension": DIMENSION, "ResourceId": "service/demo/web" });
        for (name, value) in more.as_object().expect("an object") {
            params[name] = value.clone();
        }
        scaling.answer(action, &params, NOW, Duration::ZERO, |cluster, service| {
            (cluster, service) == ("demo", "web")
        })
    }

    #[test]
    fn what_is_not_said_stays_and_the_bounds_hold_all_the_same() {
        let mut scaling = Scaling::default();
        let refused = call(&mut scaling, "RegisterScalableTarget", &json!({ "MinCapacity": 2 }));
        assert_eq!(refused.expect_err("no maximum").code, "ValidationException");
        let bounds = json!({ "MinCapacity": 2, "MaxCapacity": 4 });
        call(&mut scaling, "RegisterScalableTarget", &bounds).expect("registered");
        let suspend = json!({ "SuspendedState": { "DynamicScalingInSuspended": true } });
        let (_, clamp) = call(&mut scaling, "RegisterScalableTarget", &suspend).expect("changed");
        let clamp = clamp.expect("bounds");
        assert_eq!((clamp.service.as_str(), clamp.min, clamp.max), ("web", 2, 4));
        let found = scaling.get("demo", "web").expect("a target");
        assert_eq!(found.suspended, Suspended { scale_in: true, ..Suspended::default() });
    }

    #[test]
    fn unknown_services_and_targets_are_told_apart() {
        let mut scaling = Scaling::default();
        let gone = call(&mut scaling, "DeregisterScalableTarget", &json!({})).expect_err("not registered");
        assert_eq!(gone.code, "ObjectNotFoundException");
        let other = json!({ "ResourceId": "service/demo/other", "MinCapacity": 0, "MaxCapacity": 1 });
        let unknown = call(&mut scaling, "RegisterScalableTarget", &other).expect_err("no such service");
        assert_eq!(unknown.code, "ValidationException");
    }

    #[test]
    fn a_page_begins_where_the_last_one_ended() {
        let mut scaling = Scaling::default();
        for name in ["a", "b", "c"] {
            let params = json!({
                "ServiceNamespace": "ecs", "ScalableDimension": DIMENSION, "MinCapacity": 0, "MaxCapacity": 1,
                "ResourceId": format!("service/demo/{name}"),
            });
            scaling.answer("RegisterScalableTarget", &params, NOW, NOW, |_, _| true).expect("registered");
        }
        let mut params = json!({ "ServiceNamespace": "ecs", "MaxResults": 2 });
        let describe = |scaling: &mut Scaling, params: &Value| {
            scaling.answer("DescribeScalableTargets", params, NOW, NOW, |_, _| true).expect("described").0
        };
        let first = describe(&mut scaling, &params);
        params["NextToken"] = first["NextToken"].clone();
        let second = describe(&mut scaling, &params);
        assert_eq!(second["ScalableTargets"][0]["ResourceId"], "service/demo/c");
        assert!(second["NextToken"].is_null());
    }
}
