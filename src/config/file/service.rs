use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Duration, OneOrMany};

/// One thing that can sleep. It has `process`, `ecs` or `upstream`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Service {
    /// It runs as a child process of the gateway.
    pub(crate) process: Option<Process>,
    /// It runs on Amazon ECS.
    pub(crate) ecs: Option<Ecs>,
    /// A fixed address in place of the provider's targets, as `http://host:port`. Without a provider, the service
    /// never sleeps.
    pub(crate) upstream: Option<String>,
    /// What it speaks. Default: `http1`.
    pub(crate) protocol: Option<Protocol>,
    /// How to tell that it serves. Default: it takes TCP connections, if it has a port or an upstream.
    pub(crate) health: Option<Health>,
    /// The services it needs: their names, or a map of them with conditions.
    pub(crate) depends_on: Option<DependsOn>,
    /// Quiet after which it is put to sleep.
    pub(crate) idle_after: Option<Duration>,
    /// From the first demand to giving up.
    pub(crate) wake_timeout: Option<Duration>,
    /// How long a request that gets no page is held.
    pub(crate) hold_timeout: Option<Duration>,
    /// How long a browser waits before it gets the waiting page.
    pub(crate) page_after: Option<Duration>,
    /// How many requests may wait for it at once.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(crate) max_held: Option<usize>,
    /// How long a target may take to begin its answer, gRPC calls excepted.
    pub(crate) answer_timeout: Option<Duration>,
    /// How many requests one of its targets may serve at once.
    #[schemars(range(min = 1))]
    pub(crate) max_in_flight: Option<u32>,
    /// How long a wake of it takes, until one was seen.
    pub(crate) expected_wake: Option<Duration>,
}

/// A child process of the gateway.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Process {
    /// The program and its arguments: a list, or one line that is split into words (quotes are understood, nothing
    /// else of a shell's).
    #[schemars(required)]
    pub(crate) command: Option<OneOrMany>,
    /// Variables added to the gateway's own.
    pub(crate) env: Option<BTreeMap<String, String>>,
    /// Where it runs; beside the configuration's file if relative. Default: where the gateway runs.
    pub(crate) directory: Option<String>,
    /// The port it listens on, on loopback; it is told it as `PORT`. 0 picks a free one. Default: it listens on
    /// none.
    pub(crate) port: Option<u16>,
    /// How many of it run. Default: 1.
    #[schemars(range(min = 1, max = 100))]
    pub(crate) replicas: Option<u32>,
    /// From the stop signal to the kill. Default: `10s`.
    pub(crate) stop_timeout: Option<Duration>,
}

/// A service on Amazon ECS.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ecs {
    /// The cluster's name or ARN.
    #[schemars(required)]
    pub(crate) cluster: Option<String>,
    /// The service's name or ARN.
    #[schemars(required)]
    pub(crate) service: Option<String>,
    /// The container port that serves.
    #[schemars(range(min = 1))]
    pub(crate) port: Option<u16>,
    /// The count to wake it to. Default: the one it had before it was put to sleep, or 1. What is more stays more.
    #[schemars(range(min = 1))]
    pub(crate) desired_count: Option<u32>,
}

/// What a service's targets speak.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 without TLS, as gRPC servers speak it.
    H2,
}

/// How to tell that a target serves: one of `path`, `tcp`, `exec` and `target_group`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Health {
    /// It answers a GET of this path.
    pub(crate) path: Option<String>,
    /// With one of these statuses. Default: `200-399`.
    pub(crate) status: Option<Statuses>,
    /// The `Host` that is asked for. Default: the target's address.
    pub(crate) host: Option<String>,
    /// It takes a connection. `false`: it is ready as soon as it runs.
    pub(crate) tcp: Option<bool>,
    /// This command ends with exit code 0.
    pub(crate) exec: Option<OneOrMany>,
    /// This target group of a load balancer, an ARN, says that its targets are healthy. For services of `ecs` with an
    /// `upstream`.
    pub(crate) target_group: Option<String>,
    /// How many of the group's targets must be healthy. Default: 1.
    #[schemars(range(min = 1))]
    pub(crate) healthy_targets: Option<u32>,
    /// The pause between two tries while it wakes. Default: `200ms`.
    pub(crate) interval: Option<Duration>,
    /// How long one try may take. Default: `2s`.
    pub(crate) timeout: Option<Duration>,
}

/// A status, a range of them, or a list of both.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Statuses {
    Number(#[schemars(range(min = 100, max = 599))] u16),
    One(String),
    Many(Vec<Status>),
}

/// A status or a range of them, as `200-399`.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Status {
    Number(#[schemars(range(min = 100, max = 599))] u16),
    Range(String),
}

impl Statuses {
    /// All as texts, in their order.
    pub(crate) fn texts(&self) -> Vec<String> {
        match self {
            Self::Number(status) => vec![status.to_string()],
            Self::One(status) => vec![status.clone()],
            Self::Many(all) => all.iter().map(Status::text).collect(),
        }
    }
}

impl Status {
    fn text(&self) -> String {
        match self {
            Self::Number(status) => status.to_string(),
            Self::Range(text) => text.clone(),
        }
    }
}

/// The names of services, or a map of them.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum DependsOn {
    Names(Vec<String>),
    Map(BTreeMap<String, Dependency>),
}

/// What must be true of a service that is needed.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Dependency {
    /// Default: `healthy`.
    pub(crate) condition: Option<Condition>,
    /// When this service is started. Default: `together`.
    pub(crate) start: Option<Start>,
}

/// What must be true of a service that is needed.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Condition {
    /// It was started.
    Started,
    /// It passes its health check.
    Healthy,
    /// It ran to its end with success. Implies `start: after`.
    Completed,
}

/// When a service is started, seen from one that it needs.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Start {
    /// With it.
    Together,
    /// Once the condition is met.
    After,
}
