//! The control API, `/_simulator/…`: what a person or a test does to the world from outside, beside what AWS's APIs can
//! do, and what it wants to know of it. JSON in, JSON out; an error is `{"error": …}`.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use http_body_util::Full;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::error::ApiError;
use super::groups::Settings;
use super::handle::Simulator;
use super::past::Stale;
use super::service::{Service, ServiceKey, ServiceSetup};
use super::setup::{AppJson, DeployJson, FaultJson, GroupJson, ServiceJson, SettingsJson};
use super::task::Task;
use super::world::World;

/// Where the control API is.
pub(crate) const PREFIX: &str = "/_simulator/";

const NOT_FOUND: (StatusCode, &str) = (StatusCode::NOT_FOUND, "there is no such thing");

type Failure = (StatusCode, String);

impl Simulator {
    /// Answers a call of the control API; `path` begins with [`PREFIX`].
    pub(super) fn control(&self, method: &Method, path: &str, body: &[u8]) -> Response<Full<Bytes>> {
        let parts: Vec<&str> =
            path.trim_start_matches(PREFIX).split('/').filter(|part| !part.is_empty()).collect();
        let (status, answer) = match self.act(method, &parts, body) {
            Ok(answer) => (StatusCode::OK, answer),
            Err((status, error)) => (status, json!({ "error": error })),
        };
        let mut response = Response::new(Full::new(Bytes::from(format!("{answer}\n"))));
        *response.status_mut() = status;
        let json = http::HeaderValue::from_static("application/json");
        response.headers_mut().insert(http::header::CONTENT_TYPE, json);
        response
    }

    fn act(&self, method: &Method, parts: &[&str], body: &[u8]) -> Result<Value, Failure> {
        match (method.as_str(), parts) {
            // It begins with a look at the world, and so cannot be done from within.
            ("POST", ["services", cluster, name, "deploy"]) => {
                let wanted = parse::<DeployJson>(body)?;
                self.service(cluster, name).ok_or_else(not_found)?;
                self.deploy(cluster, name, wanted.image.as_deref(), wanted.app.map(Into::into));
                self.act(&Method::GET, &["services", cluster, name], b"")
            }
            (method, parts) => self.with(|world| act(world, method, parts, body)),
        }
    }
}

fn act(world: &mut World, method: &str, parts: &[&str], body: &[u8]) -> Result<Value, Failure> {
    match (method, parts) {
        ("GET", ["state"]) => Ok(state(world)),
        ("GET", ["calls"]) => Ok(world.calls.iter().map(call).collect()),
        ("GET", ["requests"]) => Ok(requests(world)),
        ("PUT", ["settings"]) => set(world, parse(body)?),
        ("POST", ["services"]) => create(world, body),
        ("POST", ["target-groups"]) => {
            let settings = Settings::from(parse::<GroupJson>(body)?);
            let arn = settings.arn.clone();
            world.wings.groups.set(settings);
            Ok(json!({ "arn": arn }))
        }
        ("POST", ["faults"]) => Ok(json!({ "fault": world.faults.set(parse::<FaultJson>(body)?.into()) })),
        ("DELETE", ["faults"]) => {
            world.faults.clear(None);
            Ok(json!({}))
        }
        ("DELETE", ["faults", number]) => {
            world.faults.clear(Some(number.parse().map_err(|_| not_found())?));
            Ok(json!({}))
        }
        (method, ["services", cluster, name, rest @ ..]) => {
            let key = ((*cluster).to_owned(), (*name).to_owned());
            if !world.services.contains_key(&key) {
                return Err(not_found());
            }
            of_service(world, method, &key, rest, body)
        }
        (method, ["tasks", id, rest @ ..]) => {
            let arn = world.tasks.values().find(|task| task.id() == *id).map(|task| task.arn.clone());
            of_task(world, method, &arn.ok_or_else(not_found)?, rest, body)
        }
        _ => Err(not_found()),
    }
}

fn of_service(
    world: &mut World,
    method: &str,
    key: &ServiceKey,
    rest: &[&str],
    body: &[u8],
) -> Result<Value, Failure> {
    match (method, rest) {
        ("GET", []) => {}
        ("DELETE", []) => world.delete_service(key),
        ("POST", ["desired"]) => {
            let count = parse::<Value>(body)?["count"].as_u64().and_then(|count| u32::try_from(count).ok());
            world.set_desired(key, count.ok_or_else(|| bad("there is no count"))?, false);
        }
        ("PUT", ["app"]) => {
            let app = parse::<AppJson>(body)?;
            if let Some(service) = world.services.get_mut(key) {
                service.app = app.into();
            }
        }
        _ => return Err(not_found()),
    }
    world.services.get(key).map(|it| service(it, world)).ok_or_else(not_found)
}

fn of_task(world: &mut World, method: &str, arn: &str, rest: &[&str], body: &[u8]) -> Result<Value, Failure> {
    match (method, rest) {
        ("GET", []) => {}
        ("POST", ["stop"]) => world.stop_task(arn, "UserInitiated", "Task stopped by user"),
        ("POST", ["protect"]) => {
            let time = parse::<Value>(body)?["for_ms"].as_u64().map(Duration::from_millis);
            world.protect(arn, time);
        }
        _ => return Err(not_found()),
    }
    world.tasks.get(arn).map(task).ok_or_else(not_found)
}

/// One service, or a list of them: all are made, or the first that cannot be is the error.
fn create(world: &mut World, body: &[u8]) -> Result<Value, Failure> {
    let all: Vec<ServiceJson> = match parse::<Value>(body)? {
        Value::Array(_) => parse(body)?,
        _ => vec![parse(body)?],
    };
    let mut made = Vec::new();
    for setup in all {
        let key = world.set_up(ServiceSetup::from(setup)).map_err(refused)?;
        made.extend(world.services.get(&key).map(|it| service(it, world)));
    }
    Ok(Value::Array(made))
}

fn set(world: &mut World, settings: SettingsJson) -> Result<Value, Failure> {
    if let Some(speed) = settings.speed {
        if !(speed.is_finite() && speed > 0.0) {
            return Err(bad("speed must be above zero"));
        }
        world.timings.speed = speed;
    }
    if let Some(jitter) = settings.jitter {
        world.timings.jitter = jitter;
    }
    if let Some(ms) = settings.stale_ms {
        let chance = settings.stale_chance.unwrap_or(1.0);
        world.set_stale(Stale { window: Duration::from_millis(ms), chance });
    }
    if let Some(on) = settings.buckets {
        world.buckets.on = on;
    }
    if let Some(reuse) = settings.reuse {
        world.pool.reuse = reuse.into();
    }
    if let Some(events) = settings.events {
        let bus = &mut world.wings.bus;
        if let Some((least, most)) = events.delay_ms {
            bus.delay = (Duration::from_millis(least), Duration::from_millis(most));
        }
        (bus.duplicate, bus.reorder, bus.lose) = (events.duplicate, events.reorder, events.lose);
        if let Some(queue) = &events.queue {
            world.wings.queues.create(queue, None);
        }
        world.wings.bus.queue = events.queue;
    }
    Ok(json!({}))
}

// === What it tells ===

fn state(world: &World) -> Value {
    let faults: Vec<Value> = world
        .faults
        .all()
        .iter()
        .map(|(number, fault)| json!({ "fault": number, "kind": format!("{:?}", fault.kind), "times": fault.times }))
        .collect();
    json!({
        "now_ms": millis(world.now),
        "speed": world.timings.speed,
        "services": world.services.values().map(|it| service(it, world)).collect::<Vec<_>>(),
        "faults": faults,
        "queues": world.wings.queues.names().collect::<Vec<_>>(),
    })
}

fn service(service: &Service, world: &World) -> Value {
    let tasks: Vec<_> = service.tasks.iter().filter_map(|arn| world.tasks.get(arn)).map(task).collect();
    json!({
        "cluster": service.key.0,
        "name": service.key.1,
        "arn": service.arn,
        "status": service.status.as_str(),
        "desired": service.desired,
        "running": service.running,
        "pending": service.pending,
        "tags": service.tags,
        "deployments": service.deployments.iter().map(|it| json!({
            "id": it.id, "rollout": it.rollout.as_str(), "reason": it.reason,
        })).collect::<Vec<_>>(),
        "tasks": tasks,
    })
}

fn task(task: &Task) -> Value {
    json!({
        "arn": task.arn,
        "status": task.status.as_str(),
        "told_to_stop": task.stop_wanted,
        "told_at_ms": task.stamps.stopping.map(millis),
        "ip": task.ip.map(|ip| ip.to_string()),
        "port": task.port,
        "version": task.version,
        "stopped_reason": task.stopped_reason,
        "started_by": task.started_by,
    })
}

fn call(call: &super::call::Call) -> Value {
    json!({
        "at_ms": millis(call.at),
        "api": call.api,
        "action": call.action,
        "services": call.services,
        "bucket": call.bucket,
        "outcome": call.outcome,
        "request": call.request,
    })
}

/// Every request that any app saw.
fn requests(world: &World) -> Value {
    let seen = world.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    seen.iter()
        .map(|it| {
            json!({
                "at_ms": millis(it.at),
                "task": it.task_arn,
                "service": it.service,
                "id": it.id,
                "method": it.method,
                "path": it.path,
                "host": it.host,
                "told_to_stop": it.told_to_stop,
                "status": it.status,
            })
        })
        .collect()
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

// === What it refuses ===

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| bad(&error.to_string()))
}

fn bad(error: &str) -> Failure {
    (StatusCode::BAD_REQUEST, error.to_owned())
}

fn not_found() -> Failure {
    (NOT_FOUND.0, NOT_FOUND.1.to_owned())
}

fn refused(error: ApiError) -> Failure {
    (StatusCode::CONFLICT, error.message)
}
