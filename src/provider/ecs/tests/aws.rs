//! A little AWS under the real SDK: it does what it is asked, unless it is told to fail, and writes it down. It knows no
//! time: tasks are what a test makes of them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_ecs::config::Credentials;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};

/// One cluster, `demo`.
#[derive(Debug, Default)]
pub(super) struct Aws(Mutex<State>);

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) services: BTreeMap<String, Service>,
    /// Tasks by ARN, as `DescribeTasks` answers them.
    pub(super) tasks: BTreeMap<String, Value>,
    pub(super) protected: BTreeSet<String>,
    /// Actions that fail, with their error's code.
    pub(super) fails: BTreeMap<&'static str, &'static str>,
    /// Actions that fail once each time: whether they are carried out all the same, and with which code.
    pub(super) stumbles: BTreeMap<&'static str, VecDeque<(bool, &'static str)>>,
    /// Actions that take their time.
    pub(super) slow: BTreeMap<&'static str, Duration>,
    log: Vec<String>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Service {
    pub(super) desired: u32,
    pub(super) running: u32,
    pub(super) tags: BTreeMap<String, String>,
    /// Least tasks and what is suspended, where Application Auto Scaling has to do with it.
    pub(super) scaled: Option<(u32, [bool; 3])>,
    /// Fields that are otherwise than usual.
    pub(super) odd: BTreeMap<&'static str, Value>,
    /// What it is described to have, in place of the truth.
    pub(super) stale: Option<u32>,
}

impl Aws {
    pub(super) fn with(names: &[&str], service: &Service) -> Arc<Self> {
        let aws = Self::default();
        aws.state().services = names.iter().map(|name| ((*name).to_owned(), service.clone())).collect();
        Arc::new(aws)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// What was asked since the last time.
    pub(super) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.state().log)
    }

    pub(super) fn config(self: &Arc<Self>) -> SdkConfig {
        let connector = SharedHttpConnector::new(Door(self.clone()));
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::from_static("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::for_tests()))
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .build()
    }
}

/// A RUNNING task of a service.
pub(super) fn task(id: &str, service: &str) -> (String, Value) {
    let arn = format!("arn:aws:ecs:eu-west-1:1:task/demo/{id}");
    let details = json!([{ "name": "privateIPv4Address", "value": format!("10.0.0.{id}") }]);
    let task = json!({
        "taskArn": arn,
        "clusterArn": "arn:aws:ecs:eu-west-1:1:cluster/demo",
        "group": format!("service:{service}"),
        "lastStatus": "RUNNING",
        "desiredStatus": "RUNNING",
        "version": 3,
        "attachments": [{ "type": "ElasticNetworkInterface", "details": details }],
    });
    (arn, task)
}

#[derive(Debug)]
struct Door(Arc<Aws>);

impl HttpConnector for Door {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap().to_owned();
        let body = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        let action = target.rsplit('.').next().unwrap();
        let (status, answer) = self.0.state().answer(action, &body);
        let answer = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(answer.to_string()));
        let slow = self.0.state().slow.get(action).copied();
        HttpConnectorFuture::new(async move {
            if let Some(time) = slow {
                tokio::time::sleep(time).await;
            }
            Ok(answer)
        })
    }
}

impl State {
    fn answer(&mut self, action: &str, body: &Value) -> (u16, Value) {
        let about = match action {
            "DescribeServices" => texts(&body["services"]).join(","),
            "DescribeTasks" | "GetTaskProtection" => texts(&body["tasks"])
                .iter()
                .filter_map(|arn| arn.rsplit('/').next())
                .collect::<Vec<_>>()
                .join(","),
            "UpdateService" => format!("{}={}", text(&body["service"]), body["desiredCount"]),
            "ListTasks" => format!("{} {}", text(&body["serviceName"]), text(&body["desiredStatus"])),
            "TagResource" => body["tags"]
                .as_array()
                .unwrap()
                .iter()
                .map(|tag| format!("{}={}", text(&tag["key"]), text(&tag["value"])))
                .collect::<Vec<_>>()
                .join(", "),
            "UntagResource" => texts(&body["tagKeys"]).join(","),
            "RegisterScalableTarget" => format!("{:?}", suspended(&body["SuspendedState"])),
            "DescribeScalableTargets" => texts(&body["ResourceIds"]).join(","),
            other => panic!("nobody should ask for {other}"),
        };
        self.log.push(format!("{action} {about}"));
        if let Some((carried_out, code)) = self.stumbles.get_mut(action).and_then(VecDeque::pop_front) {
            if carried_out {
                self.carry_out(action, body);
            }
            return (400, json!({ "__type": code, "message": "because the test says so" }));
        }
        match self.fails.get(action) {
            Some(code) => (400, json!({ "__type": code, "message": "because the test says so" })),
            None => (200, self.carry_out(action, body)),
        }
    }

    fn carry_out(&mut self, action: &str, body: &Value) -> Value {
        match action {
            "DescribeServices" => {
                let asked = texts(&body["services"]);
                let (found, missing): (Vec<&str>, Vec<&str>) =
                    asked.into_iter().partition(|name| self.services.contains_key(*name));
                let services: Vec<_> = found.iter().map(|name| self.services[*name].describe(name)).collect();
                let failures: Vec<_> = missing
                    .iter()
                    .map(|name| json!({ "arn": format!("arn:x:service/demo/{name}"), "reason": "MISSING" }))
                    .collect();
                json!({ "services": services, "failures": failures })
            }
            "UpdateService" => {
                let name = text(&body["service"]);
                let service = self.services.get_mut(name).unwrap();
                service.desired = body["desiredCount"].as_u64().unwrap() as u32;
                json!({ "service": service.describe(name) })
            }
            "ListTasks" => {
                let group = format!("service:{}", text(&body["serviceName"]));
                let listed = self.tasks.iter().filter(|(_, task)| {
                    task["group"] == *group && task["desiredStatus"] == body["desiredStatus"]
                });
                json!({ "taskArns": listed.map(|(arn, _)| arn).collect::<Vec<_>>() })
            }
            "DescribeTasks" => {
                let tasks: Vec<_> =
                    texts(&body["tasks"]).iter().filter_map(|arn| self.tasks.get(*arn)).collect();
                json!({ "tasks": tasks })
            }
            "GetTaskProtection" => {
                let of = |arn: &&str| json!({ "taskArn": arn, "protectionEnabled": self.protected.contains(*arn) });
                json!({ "protectedTasks": texts(&body["tasks"]).iter().map(of).collect::<Vec<_>>() })
            }
            "TagResource" | "UntagResource" => {
                let name = text(&body["resourceArn"]).rsplit('/').next().unwrap();
                let tags = &mut self.services.get_mut(name).unwrap().tags;
                for tag in body["tags"].as_array().into_iter().flatten() {
                    tags.insert(text(&tag["key"]).to_owned(), text(&tag["value"]).to_owned());
                }
                for key in body["tagKeys"].as_array().into_iter().flatten() {
                    tags.remove(text(key));
                }
                json!({})
            }
            "DescribeScalableTargets" => {
                let resource = texts(&body["ResourceIds"])[0];
                let service = &self.services[resource.rsplit('/').next().unwrap()];
                let targets: Vec<_> =
                    service.scaled.iter().map(|scaled| scalable(resource, *scaled)).collect();
                json!({ "ScalableTargets": targets })
            }
            "RegisterScalableTarget" => {
                let name = text(&body["ResourceId"]).rsplit('/').next().unwrap();
                self.services.get_mut(name).unwrap().scaled.as_mut().unwrap().1 =
                    suspended(&body["SuspendedState"]);
                json!({})
            }
            other => panic!("nobody should ask for {other}"),
        }
    }
}

impl Service {
    fn describe(&self, name: &str) -> Value {
        let tags: Vec<_> =
            self.tags.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
        let mut service = json!({
            "serviceArn": format!("arn:aws:ecs:eu-west-1:1:service/demo/{name}"),
            "serviceName": name,
            "clusterArn": "arn:aws:ecs:eu-west-1:1:cluster/demo",
            "status": "ACTIVE",
            "desiredCount": self.stale.unwrap_or(self.desired),
            "runningCount": self.running,
            "pendingCount": 0,
            "tags": tags,
        });
        for (key, value) in &self.odd {
            service[*key] = value.clone();
        }
        service
    }
}

fn scalable(resource: &str, (min, [scale_in, scale_out, scheduled]): (u32, [bool; 3])) -> Value {
    json!({
        "ServiceNamespace": "ecs",
        "ResourceId": resource,
        "ScalableDimension": "ecs:service:DesiredCount",
        "MinCapacity": min,
        "MaxCapacity": 9,
        "RoleARN": "arn:aws:iam::1:role/x",
        "CreationTime": 1_700_000_000,
        "SuspendedState": {
            "DynamicScalingInSuspended": scale_in,
            "DynamicScalingOutSuspended": scale_out,
            "ScheduledScalingSuspended": scheduled,
        },
    })
}

fn suspended(state: &Value) -> [bool; 3] {
    ["DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended"]
        .map(|key| state[key].as_bool().unwrap())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().map(text).collect()
}
