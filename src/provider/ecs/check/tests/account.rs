//! An AWS account of services, for checks: an HTTP client under the real SDK.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_ecs::config::Credentials;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};

use crate::provider::ecs::state::{ServiceState, ServiceStatus};

pub(super) const QUEUE: &str = "https://sqs.eu-west-1.amazonaws.com/123456789012/events";
pub(super) const GROUP: &str =
    "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/0123456789abcdef";

/// A service as `DescribeServices` answers it.
pub(super) struct Service(Value);

pub(super) fn service(name: &str) -> Service {
    Service(json!({
        "serviceArn": format!("arn:aws:ecs:eu-west-1:123456789012:service/demo/{name}"),
        "serviceName": name, "clusterArn": "arn:aws:ecs:eu-west-1:123456789012:cluster/demo",
        "status": "ACTIVE", "desiredCount": 1, "runningCount": 1, "pendingCount": 0,
        "schedulingStrategy": "REPLICA",
        "taskDefinition": "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:7",
        "loadBalancers": [{ "targetGroupArn": GROUP, "containerName": "web", "containerPort": 8080 }],
    }))
}

impl Service {
    pub(super) fn set(mut self, field: &str, value: &str) -> Self {
        self.0[field] = value.into();
        self
    }
}

/// The same service as the provider reads it.
pub(super) fn state(name: &str) -> ServiceState {
    ServiceState {
        arn: format!("arn:aws:ecs:eu-west-1:123456789012:service/demo/{name}"),
        cluster: "demo".to_owned(),
        name: name.to_owned(),
        status: ServiceStatus::Active,
        desired: 1,
        running: 1,
        pending: 0,
        daemon: false,
        task_definition: String::new(),
        events: Vec::new(),
        deployments: Vec::new(),
        tags: BTreeMap::new(),
        target_groups: Vec::new(),
        capacity_providers: Vec::new(),
        launch_type: None,
        controller: "ECS".to_owned(),
    }
}

/// A request that was made; a query's parameters as an object.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) action: String,
    pub(super) body: Value,
}

#[derive(Clone, Debug)]
pub(super) struct Account(Arc<Mutex<Inside>>);

#[derive(Debug, Default)]
struct Inside {
    services: BTreeMap<String, Value>,
    /// Actions, and a text that the request must contain to be denied.
    denied: Vec<(String, String)>,
    asked: Vec<Asked>,
    is_gone: bool,
    lacks_queue: bool,
}

impl Account {
    pub(super) fn with(services: impl IntoIterator<Item = Service>) -> Self {
        let named = |Service(value): Service| (value["serviceName"].as_str().unwrap().to_owned(), value);
        let services = services.into_iter().map(named).collect();
        Self(Arc::new(Mutex::new(Inside { services, ..Inside::default() })))
    }

    /// Denies these actions where the request contains a text; `*` always.
    pub(super) fn deny<const N: usize>(&self, actions: [&str; N], about: &str) {
        self.0.lock().unwrap().denied.extend(actions.map(|action| (action.to_owned(), about.to_owned())));
    }

    /// No connection comes about any more.
    pub(super) fn vanish(&self) {
        self.0.lock().unwrap().is_gone = true;
    }

    pub(super) fn drop_queue(&self) {
        self.0.lock().unwrap().lacks_queue = true;
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.0.lock().unwrap().asked.clone()
    }

    pub(super) fn config(&self) -> SdkConfig {
        let connector = SharedHttpConnector::new(self.clone());
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::from_static("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::for_tests()))
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .build()
    }
}

impl HttpConnector for Account {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default().to_owned();
        let text = String::from_utf8(request.body().bytes().unwrap_or_default().to_vec()).unwrap();
        let mut inside = self.0.lock().unwrap();
        let answer = if target.is_empty() { inside.query(&text) } else { inside.json(&target, &text) };
        HttpConnectorFuture::ready(match answer {
            Some((status, body)) => Ok(HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body))),
            None => Err(ConnectorError::io("connection refused".into())),
        })
    }
}

impl Inside {
    fn json(&mut self, target: &str, text: &str) -> Option<(u16, String)> {
        let (prefix, action) = target.rsplit_once('.').unwrap();
        let body: Value = serde_json::from_str(text).unwrap();
        self.asked.push(Asked { action: action.to_owned(), body: body.clone() });
        if self.is_gone {
            return None;
        }
        let service = match prefix {
            "AmazonEC2ContainerServiceV20141113" => "ecs",
            "AnyScaleFrontendService" => "application-autoscaling",
            "AmazonSQS" => "sqs",
            other => panic!("{other}"),
        };
        let permission = format!("{service}:{}", action.trim_end_matches("Batch"));
        if self
            .denied
            .iter()
            .any(|(denied, about)| *denied == permission && (about == "*" || text.contains(about)))
        {
            let message = format!(
                "User: arn:me is not authorized to perform: {permission} on resource: arn:any because"
            );
            return Some(error("AccessDeniedException", &message));
        }
        Some(match action {
            "DescribeServices" if body["cluster"] != "demo" => {
                error("ClusterNotFoundException", "Cluster not found.")
            }
            "DescribeServices" => self.describe(&body),
            "DescribeTaskDefinition" => (200, definition(body["taskDefinition"].as_str().unwrap())),
            "ListTasks" => (200, json!({ "taskArns": [] }).to_string()),
            "DescribeTasks" => {
                (200, json!({ "tasks": [], "failures": [missing(&body["tasks"][0])] }).to_string())
            }
            "GetTaskProtection" => {
                (200, json!({ "protectedTasks": [], "failures": [missing(&body["tasks"][0])] }).to_string())
            }
            "DescribeScalableTargets" => (200, scalable(&body["ResourceIds"][0])),
            "UpdateService" | "TagResource" => error("InvalidParameterException", "That is impossible."),
            "RegisterScalableTarget" => error("ValidationException", "That is impossible."),
            "ReceiveMessage" if self.lacks_queue => {
                error("com.amazonaws.sqs#QueueDoesNotExist", "The specified queue does not exist.")
            }
            "UntagResource" | "ReceiveMessage" => (200, "{}".to_owned()),
            "DeleteMessageBatch" => {
                let failed = json!({ "Id": "none", "Code": "ReceiptHandleIsInvalid", "SenderFault": true });
                (200, json!({ "Successful": [], "Failed": [failed] }).to_string())
            }
            other => panic!("{other}"),
        })
    }

    fn describe(&self, body: &Value) -> (u16, String) {
        let names = body["services"].as_array().unwrap().iter();
        let (there, not): (Vec<&Value>, Vec<&Value>) =
            names.partition(|name| self.services.contains_key(name.as_str().unwrap()));
        let services: Vec<&Value> = there.iter().map(|name| &self.services[name.as_str().unwrap()]).collect();
        let failures: Vec<Value> = not.into_iter().map(missing).collect();
        (200, json!({ "services": services, "failures": failures }).to_string())
    }

    fn query(&mut self, text: &str) -> Option<(u16, String)> {
        let parameter = |name: &str| text.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
        let action = parameter("Action").unwrap();
        self.asked.push(Asked { action: action.to_owned(), body: Value::Null });
        if self.is_gone {
            return None;
        }
        let known = !text.contains("unknown");
        let body = match action {
            "DescribeTargetGroups" if !known => return Some((400, NO_GROUP.to_owned())),
            "DescribeTargetGroups" => {
                let its = text.contains("other");
                let arn = if its { GROUP.replace("web", "other") } else { GROUP.to_owned() };
                let user = if its { "" } else { "<member>arn:aws:elb</member>" };
                format!(
                    "<TargetGroups><member><TargetGroupArn>{arn}</TargetGroupArn><TargetType>ip</TargetType><LoadBalancerArns>{user}</LoadBalancerArns></member></TargetGroups>"
                )
            }
            "DescribeTargetHealth" => "<TargetHealthDescriptions/>".to_owned(),
            other => panic!("{other}"),
        };
        let name = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/";
        Some((
            200,
            format!(
                "<{action}Response xmlns=\"{name}\"><{action}Result>{body}</{action}Result></{action}Response>"
            ),
        ))
    }
}

const NO_GROUP: &str = "<ErrorResponse><Error><Type>Sender</Type><Code>TargetGroupNotFound</Code><Message>One or more target groups not found</Message></Error></ErrorResponse>";

fn missing(name: &Value) -> Value {
    json!({ "arn": name, "reason": "MISSING" })
}

fn error(code: &str, message: &str) -> (u16, String) {
    (400, json!({ "__type": code, "message": message }).to_string())
}

fn definition(arn: &str) -> String {
    let bridge = arn.contains("bridge");
    let ports = if bridge {
        json!([{ "containerPort": 80 }, { "containerPortRange": "9000-9010" }])
    } else {
        json!([{ "containerPort": 8080, "name": "http" }])
    };
    json!({ "taskDefinition": {
        "taskDefinitionArn": arn, "networkMode": if bridge { "bridge" } else { "awsvpc" },
        "containerDefinitions": [{ "name": "web", "portMappings": ports }],
    } })
    .to_string()
}

fn scalable(resource: &Value) -> String {
    json!({ "ScalableTargets": [{
        "ServiceNamespace": "ecs", "ResourceId": resource, "ScalableDimension": "ecs:service:DesiredCount",
        "MinCapacity": 1, "MaxCapacity": 4, "RoleARN": "arn:role", "CreationTime": 1_700_000_000,
    }] })
    .to_string()
}
