//! TagResource, UntagResource and ListTagsForResource, for services.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::params::texts;
use super::show::show_tags;
use crate::simulator::error::ApiError;
use crate::simulator::service::{Service, ServiceKey};
use crate::simulator::world::World;

/// How many tags a resource may have.
const LIMIT: usize = 50;

/// The tags in the parameters of a call.
pub(super) fn read_tags(params: &Value) -> BTreeMap<String, String> {
    let text = |tag: &Value, name: &str| tag[name].as_str().unwrap_or_default().to_owned();
    params["tags"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|tag| (text(tag, "key"), text(tag, "value")))
        .collect()
}

/// Adds tags, or changes them.
pub(super) fn tag(world: &mut World, params: &Value) -> Result<Value, ApiError> {
    let (key, service) = tagged(world, params)?;
    let mut tags = service.tags.clone();
    tags.extend(read_tags(params));
    if tags.len() > LIMIT {
        return Err(ApiError::invalid("The maximum number of tags for this resource has been reached."));
    }
    service.tags = tags;
    world.service_changed(&key);
    Ok(json!({}))
}

/// Takes tags away; those that are not there too.
pub(super) fn untag(world: &mut World, params: &Value) -> Result<Value, ApiError> {
    let (key, service) = tagged(world, params)?;
    for name in texts(params, "tagKeys") {
        service.tags.remove(name);
    }
    world.service_changed(&key);
    Ok(json!({}))
}

/// The tags of a service.
pub(super) fn list(world: &mut World, params: &Value) -> Result<Value, ApiError> {
    let (_, service) = tagged(world, params)?;
    Ok(json!({ "tags": show_tags(&service.tags) }))
}

fn tagged<'a>(world: &'a mut World, params: &Value) -> Result<(ServiceKey, &'a mut Service), ApiError> {
    let arn = params["resourceArn"].as_str().unwrap_or_default();
    let Some((_, path)) = arn.split_once(":service/") else {
        return Err(ApiError::invalid("Invalid resource ARN: only services have tags here."));
    };
    let key = path.split_once('/').map(|(cluster, name)| (cluster.to_owned(), name.to_owned()));
    let key = key.ok_or_else(|| ApiError::invalid("Long arn format must be used for tagging operations."))?;
    let missing =
        || ApiError::invalid("The specified service is inactive. Specify an active service and try again.");
    let service = world.services.get_mut(&key).ok_or_else(missing)?;
    Ok((key, service))
}
