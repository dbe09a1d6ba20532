//! What the control API is told, as JSON: services, faults, target groups, settings. Unknown keys are errors. Times are
//! milliseconds, by the clock of the simulator where they are an app's or a fault's, published times elsewhere.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::app::{AppBehaviour, Death};
use super::balancers::{group_arn, load_balancer_arn};
use super::fault::{Fault, FaultKind, Malformed};
use super::groups::Settings;
use super::pool::Reuse;
use super::service::ServiceSetup;

/// A service.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServiceJson {
    #[serde(default = "demo")]
    pub(crate) cluster: String,
    name: String,
    #[serde(default)]
    desired: u32,
    #[serde(default = "http")]
    port: u16,
    #[serde(default)]
    app: AppJson,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    network_mode: Option<String>,
    scheduling: Option<String>,
    capacity_provider: Option<String>,
    /// Whether it rolls back.
    circuit_breaker: Option<bool>,
    health_check_ms: Option<u64>,
    /// Names or ARNs.
    #[serde(default)]
    target_groups: Vec<String>,
    image: Option<String>,
}

fn demo() -> String {
    "demo".to_owned()
}

fn http() -> u16 {
    8080
}

impl From<ServiceJson> for ServiceSetup {
    fn from(json: ServiceJson) -> Self {
        let plain = Self::new(&json.cluster, &json.name, json.port);
        let arn = |name: String| if name.starts_with("arn:") { name } else { group_arn(&name) };
        Self {
            desired: json.desired,
            app: json.app.into(),
            tags: json.tags,
            network_mode: json.network_mode.unwrap_or(plain.network_mode),
            scheduling: json.scheduling.unwrap_or(plain.scheduling),
            capacity_provider: json.capacity_provider,
            circuit_breaker: json.circuit_breaker,
            health_check: json.health_check_ms.map(Duration::from_millis),
            target_groups: json.target_groups.into_iter().map(arn).collect(),
            image: json.image.unwrap_or(plain.image),
            ..plain
        }
    }
}

/// A deployment: of another image, and of other manners, where they are said.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeployJson {
    pub(crate) image: Option<String>,
    pub(crate) app: Option<AppJson>,
}

/// The manners of an app; what is not said is as it is by default.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AppJson {
    boot_ms: Option<u64>,
    warm_ms: Option<u64>,
    /// It is always 503.
    #[serde(default)]
    never_warm: bool,
    status: Option<u16>,
    think_ms: Option<u64>,
    farewell_ms: Option<u64>,
    dies: Option<DeathJson>,
    #[serde(default)]
    black_hole: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeathJson {
    after_ms: u64,
    #[serde(default = "one")]
    exit_code: i32,
    reason: Option<String>,
}

fn one() -> i32 {
    1
}

impl From<AppJson> for AppBehaviour {
    fn from(json: AppJson) -> Self {
        let plain = Self::default();
        let time = |ms: Option<u64>, plain| ms.map_or(plain, Duration::from_millis);
        let warm = json.warm_ms.map(Duration::from_millis).or(plain.warm);
        let death = |it: DeathJson| Death {
            after: Duration::from_millis(it.after_ms),
            exit_code: it.exit_code,
            reason: it.reason,
        };
        Self {
            boot: time(json.boot_ms, plain.boot),
            warm: warm.filter(|_| !json.never_warm),
            status: json.status.unwrap_or(plain.status),
            think: time(json.think_ms, plain.think),
            farewell: time(json.farewell_ms, plain.farewell),
            dies: json.dies.map(death),
            black_hole: json.black_hole,
        }
    }
}

/// A fault: `{"kind": "slow", "ms": 200, "action": "UpdateService", "times": 3}`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FaultJson {
    kind: KindJson,
    /// How long, for those that take a time.
    #[serde(default)]
    ms: u64,
    exit_code: Option<i32>,
    /// How an answer makes no sense.
    malformed: Option<MalformedJson>,
    action: Option<String>,
    service: Option<String>,
    chance: Option<f64>,
    times: Option<u32>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum KindJson {
    Throttle,
    #[serde(rename = "500")]
    Error500,
    #[serde(rename = "503")]
    Error503,
    Hang,
    LostAnswer,
    Slow,
    Malformed,
    AccessDenied,
    ExpiredToken,
    PullFailure,
    ResourceInitialization,
    Crash,
    OutOfMemory,
    NoCapacity,
    PlacementFailure,
    HealthCheckKill,
    BlackHole,
    SlowBoot,
    NeverHealthy,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum MalformedJson {
    Truncated,
    WrongTypes,
    UnknownStatus,
    NegativeCounts,
    MissingFields,
}

impl From<FaultJson> for Fault {
    fn from(json: FaultJson) -> Self {
        let time = Duration::from_millis(json.ms);
        let kind = match json.kind {
            KindJson::Throttle => FaultKind::Throttle,
            KindJson::Error500 => FaultKind::Error500,
            KindJson::Error503 => FaultKind::Error503,
            KindJson::Hang => FaultKind::Hang,
            KindJson::LostAnswer => FaultKind::LostAnswer,
            KindJson::Slow => FaultKind::Slow(time),
            KindJson::Malformed => FaultKind::Malformed(match json.malformed {
                None | Some(MalformedJson::Truncated) => Malformed::Truncated,
                Some(MalformedJson::WrongTypes) => Malformed::WrongTypes,
                Some(MalformedJson::UnknownStatus) => Malformed::UnknownStatus,
                Some(MalformedJson::NegativeCounts) => Malformed::NegativeCounts,
                Some(MalformedJson::MissingFields) => Malformed::MissingFields,
            }),
            KindJson::AccessDenied => FaultKind::AccessDenied,
            KindJson::ExpiredToken => FaultKind::ExpiredToken,
            KindJson::PullFailure => FaultKind::PullFailure,
            KindJson::ResourceInitialization => FaultKind::ResourceInitialization,
            KindJson::Crash => FaultKind::Crash { after: time, exit_code: json.exit_code.unwrap_or(1) },
            KindJson::OutOfMemory => FaultKind::OutOfMemory { after: time },
            KindJson::NoCapacity => FaultKind::NoCapacity,
            KindJson::PlacementFailure => FaultKind::PlacementFailure,
            KindJson::HealthCheckKill => FaultKind::HealthCheckKill { after: time },
            KindJson::BlackHole => FaultKind::BlackHole,
            KindJson::SlowBoot => FaultKind::SlowBoot(time),
            KindJson::NeverHealthy => FaultKind::NeverHealthy,
        };
        let Self { chance, .. } = Self::new(FaultKind::Hang);
        let chance = json.chance.unwrap_or(chance);
        Self { kind, action: json.action, service: json.service, chance, times: json.times }
    }
}

/// A target group; its ARN is made of its name, and so is its load balancer's.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GroupJson {
    name: String,
    #[serde(default = "http")]
    port: u16,
    load_balancer: Option<String>,
    path: Option<String>,
    /// From, to.
    matcher: Option<(u16, u16)>,
    interval_ms: Option<u64>,
    timeout_ms: Option<u64>,
    healthy: Option<u32>,
    unhealthy: Option<u32>,
    deregistration_delay_ms: Option<u64>,
}

impl From<GroupJson> for Settings {
    fn from(json: GroupJson) -> Self {
        let plain = Self::new(group_arn(&json.name), &json.name, json.port);
        let time = |ms: Option<u64>, plain| ms.map_or(plain, Duration::from_millis);
        Self {
            load_balancer: json.load_balancer.as_deref().map(load_balancer_arn),
            path: json.path.unwrap_or(plain.path),
            matcher: json.matcher.unwrap_or(plain.matcher),
            interval: time(json.interval_ms, plain.interval),
            timeout: time(json.timeout_ms, plain.timeout),
            healthy: json.healthy.unwrap_or(plain.healthy),
            unhealthy: json.unhealthy.unwrap_or(plain.unhealthy),
            deregistration_delay: time(json.deregistration_delay_ms, plain.deregistration_delay),
            ..plain
        }
    }
}

/// What can be changed while it runs; what is not said stays.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SettingsJson {
    pub(crate) speed: Option<f64>,
    pub(crate) jitter: Option<f64>,
    /// How far reads lag, at most.
    pub(crate) stale_ms: Option<u64>,
    /// How often they do, from 0 to 1; always where only `stale_ms` is said.
    pub(crate) stale_chance: Option<f64>,
    /// The token buckets are on.
    pub(crate) buckets: Option<bool>,
    pub(crate) reuse: Option<ReuseJson>,
    pub(crate) events: Option<EventsJson>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReuseJson {
    Never,
    AfterDeprovisioning,
    AtOnce,
}

impl From<ReuseJson> for Reuse {
    fn from(json: ReuseJson) -> Self {
        match json {
            ReuseJson::Never => Self::Never,
            ReuseJson::AfterDeprovisioning => Self::AfterDeprovisioning,
            ReuseJson::AtOnce => Self::AtOnce,
        }
    }
}

/// The rule from ECS's events to a queue.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventsJson {
    /// The queue's name; null turns the rule off.
    pub(crate) queue: Option<String>,
    pub(crate) delay_ms: Option<(u64, u64)>,
    #[serde(default)]
    pub(crate) duplicate: f64,
    #[serde(default)]
    pub(crate) reorder: f64,
    #[serde(default)]
    pub(crate) lose: f64,
}
