//! Task definitions.

use std::time::Duration;

use serde_json::{Value, json};

use super::error::ApiError;
use super::service::ServiceSetup;
use super::world::World;

/// One revision of a task definition.
#[derive(Clone, Debug)]
pub(crate) struct Definition {
    /// Its ARN.
    pub(crate) arn: String,
    /// The family's name.
    pub(crate) family: String,
    /// As DescribeTaskDefinition shows it.
    pub(crate) shown: Value,
}

impl Definition {
    /// Its first container: the one whose app answers.
    fn container(&self) -> &Value {
        &self.shown["containerDefinitions"][0]
    }

    /// The name of its first container.
    pub(crate) fn container_name(&self) -> String {
        self.container()["name"].as_str().unwrap_or_default().to_owned()
    }

    /// The image of its first container.
    pub(crate) fn image(&self) -> String {
        self.container()["image"].as_str().unwrap_or_default().to_owned()
    }

    /// The port its first container listens on; 80 where it maps none.
    pub(crate) fn port(&self) -> u16 {
        let port = self.container()["portMappings"][0]["containerPort"].as_u64();
        port.and_then(|port| u16::try_from(port).ok()).unwrap_or(80)
    }

    /// `awsvpc`, `bridge`, `host` or `none`.
    pub(crate) fn network_mode(&self) -> String {
        self.shown["networkMode"].as_str().unwrap_or("bridge").to_owned()
    }

    /// Every how often its container health check runs, where it has one.
    pub(crate) fn health_check(&self) -> Option<Duration> {
        let check = self.container()["healthCheck"].as_object()?;
        Some(Duration::from_secs(check.get("interval").and_then(Value::as_u64).unwrap_or(30)))
    }

    /// From SIGTERM to SIGKILL, where it says so.
    pub(crate) fn stop_timeout(&self) -> Option<Duration> {
        self.container()["stopTimeout"].as_u64().map(Duration::from_secs)
    }
}

/// The input of RegisterTaskDefinition that suits a service.
pub(super) fn input_of(setup: &ServiceSetup) -> Value {
    let mut container = json!({
        "name": "app",
        "image": setup.image,
        "essential": true,
        "portMappings": [{ "containerPort": setup.port, "hostPort": setup.port, "protocol": "tcp" }],
    });
    if let Some(interval) = setup.health_check {
        let command = ["CMD-SHELL", "curl -f http://localhost/ || exit 1"];
        container["healthCheck"] = json!({
            "command": command, "interval": interval.as_secs().max(1), "timeout": 5, "retries": 3,
        });
    }
    json!({
        "family": setup.name,
        "networkMode": setup.network_mode,
        "cpu": "256",
        "memory": "512",
        "requiresCompatibilities": [if setup.network_mode == "awsvpc" { "FARGATE" } else { "EC2" }],
        "containerDefinitions": [container],
    })
}

impl World {
    /// Makes a new revision of a task definition from the input of RegisterTaskDefinition.
    pub(super) fn register_definition(&mut self, input: &Value) -> Result<Definition, ApiError> {
        let family = input["family"].as_str().filter(|family| !family.is_empty());
        let family =
            family.ok_or_else(|| ApiError::new("ClientException", "Family should not be null or empty."))?;
        if input["containerDefinitions"].as_array().is_none_or(Vec::is_empty) {
            let message = "Container list cannot be empty.";
            return Err(ApiError::new("ClientException", message));
        }
        let revisions = self.definitions.entry(family.to_owned()).or_default();
        let revision = revisions.len() + 1;
        let arn = format!("arn:aws:ecs:{}:{}:task-definition/{family}:{revision}", self.region, self.account);
        let mut shown = input.clone();
        if let Value::Object(fields) = &mut shown {
            fields.remove("tags");
            for empty in ["volumes", "placementConstraints"] {
                fields.entry(empty).or_insert_with(|| json!([]));
            }
            fields.entry("networkMode").or_insert_with(|| json!("bridge"));
            fields.insert("taskDefinitionArn".into(), json!(arn));
            fields.insert("revision".into(), json!(revision));
            fields.insert("status".into(), json!("ACTIVE"));
            fields.insert("compatibilities".into(), json!(["EC2", "FARGATE"]));
            fields.insert("registeredAt".into(), json!((self.epoch + self.now).as_secs_f64()));
            fields.insert("registeredBy".into(), json!(format!("arn:aws:iam::{}:root", self.account)));
        }
        for container in shown["containerDefinitions"].as_array_mut().into_iter().flatten() {
            let Value::Object(fields) = container else { continue };
            for empty in ["environment", "mountPoints", "volumesFrom", "systemControls", "portMappings"] {
                fields.entry(empty).or_insert_with(|| json!([]));
            }
            fields.entry("essential").or_insert_with(|| json!(true));
            fields.entry("cpu").or_insert_with(|| json!(0));
            for mapping in fields.get_mut("portMappings").and_then(Value::as_array_mut).into_iter().flatten()
            {
                if mapping["protocol"].is_null() {
                    mapping["protocol"] = json!("tcp");
                }
                if mapping["hostPort"].is_null() {
                    mapping["hostPort"] = mapping["containerPort"].clone();
                }
            }
        }
        let definition = Definition { arn, family: family.to_owned(), shown };
        revisions.push(definition.clone());
        Ok(definition)
    }

    /// A definition by `family`, `family:revision` or ARN; the family alone is its latest revision.
    pub(super) fn definition(&self, name: &str) -> Option<&Definition> {
        let name = name.rsplit('/').next().unwrap_or(name);
        match name.split_once(':') {
            None => self.definitions.get(name)?.last(),
            Some((family, revision)) => {
                let index = revision.parse::<usize>().ok()?.checked_sub(1)?;
                self.definitions.get(family)?.get(index)
            }
        }
    }
}
