//! Reading of parameters that many actions have.

use serde_json::{Value, json};

use crate::simulator::error::ApiError;
use crate::simulator::service::{ServiceKey, ServiceStatus};
use crate::simulator::world::World;

/// A name out of a name or an ARN.
pub(super) fn name_of(name_or_arn: &str) -> &str {
    name_or_arn.rsplit('/').next().unwrap_or(name_or_arn)
}

/// The name of the cluster that a call means: `default` where it says none.
pub(super) fn cluster(world: &World, params: &Value) -> Result<String, ApiError> {
    let name = name_of(params["cluster"].as_str().unwrap_or("default"));
    match world.clusters.contains(name) {
        true => Ok(name.to_owned()),
        false => Err(ApiError::new("ClusterNotFoundException", "Cluster not found.")),
    }
}

/// The service that a call means, in whatever state it is.
pub(super) fn service(world: &World, params: &Value, field: &str) -> Result<ServiceKey, ApiError> {
    let cluster = cluster(world, params)?;
    let Some(name) = params[field].as_str() else {
        return Err(ApiError::invalid(format!("{field} cannot be empty.")));
    };
    let key = (cluster, name_of(name).to_owned());
    match world.services.contains_key(&key) {
        true => Ok(key),
        false => Err(ApiError::new("ServiceNotFoundException", "Service not found.")),
    }
}

/// The service that a call means, which has to be ACTIVE.
pub(super) fn active_service(world: &World, params: &Value) -> Result<ServiceKey, ApiError> {
    let key = service(world, params, "service")?;
    match world.services.get(&key).map(|service| service.status) {
        Some(ServiceStatus::Active) => Ok(key),
        _ => Err(ApiError::new("ServiceNotActiveException", "Service was not ACTIVE.")),
    }
}

/// The texts of a list; none where there is no list.
pub(super) fn texts<'a>(params: &'a Value, field: &str) -> Vec<&'a str> {
    params[field].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// A list that has to have from one to `most` elements.
pub(super) fn some_texts<'a>(params: &'a Value, field: &str, most: usize) -> Result<Vec<&'a str>, ApiError> {
    let texts = texts(params, field);
    let mut title = field.to_owned();
    title[..1].make_ascii_uppercase();
    match texts.len() {
        0 => Err(ApiError::invalid(format!("{title} cannot be empty."))),
        many if many > most => {
            Err(ApiError::invalid(format!("{title} list cannot have more than {most} elements.")))
        }
        _ => Ok(texts),
    }
}

/// A count that must not be below zero.
pub(super) fn count(params: &Value, field: &str) -> Result<Option<u32>, ApiError> {
    match &params[field] {
        Value::Null => Ok(None),
        value => match value.as_u64().and_then(|count| u32::try_from(count).ok()) {
            Some(count) => Ok(Some(count)),
            None => Err(ApiError::invalid(format!("{field} cannot be less than 0."))),
        },
    }
}

/// One page of `all`, under this name, with the token of the next where there is one.
pub(super) fn page(all: Vec<String>, params: &Value, field: &str, usual: usize) -> Result<Value, ApiError> {
    let size = match params["maxResults"].as_i64() {
        None => usual,
        Some(size @ 1..=100) => usize::try_from(size).unwrap_or(usual),
        Some(_) => return Err(ApiError::invalid("maxResults must be between 1 and 100.")),
    };
    // The token names the last one of the page before, so that what comes and goes in between moves nothing.
    let after = params["nextToken"].as_str().unwrap_or_default();
    let mut rest: Vec<String> =
        all.into_iter().filter(|each| after.is_empty() || each.as_str() > after).collect();
    let more = rest.len() > size;
    rest.truncate(size);
    let token = rest.last().filter(|_| more).cloned();
    let mut answer = json!({ field: rest });
    if let Some(token) = token {
        answer["nextToken"] = json!(token);
    }
    Ok(answer)
}
