//! RegisterTaskDefinition, DescribeTaskDefinition and ListTaskDefinitions.

use serde_json::{Value, json};

use super::params;
use crate::simulator::error::ApiError;
use crate::simulator::world::World;

/// A new revision.
pub(super) fn register(world: &mut World, params: &Value) -> Result<Value, ApiError> {
    let definition = world.register_definition(params)?;
    Ok(json!({ "taskDefinition": definition.shown }))
}

/// A revision; the latest where none is named.
pub(super) fn describe(world: &mut World, params: &Value) -> Result<Value, ApiError> {
    let name = params["taskDefinition"].as_str().unwrap_or_default();
    match world.definition(name) {
        Some(definition) => Ok(json!({ "taskDefinition": definition.shown, "tags": [] })),
        None => Err(ApiError::new("ClientException", "Unable to describe task definition.")),
    }
}

/// The ARNs of all revisions, or of one family's, a hundred to a page.
pub(super) fn list(world: &mut World, params: &Value) -> Result<Value, ApiError> {
    let prefix = params["familyPrefix"].as_str();
    let families = world.definitions.iter().filter(|(family, _)| prefix.is_none_or(|only| only == *family));
    let mut arns: Vec<_> = families.flat_map(|(_, all)| all.iter().map(|each| each.arn.clone())).collect();
    arns.sort();
    params::page(arns, params, "taskDefinitionArns", 100)
}
