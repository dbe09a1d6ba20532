//! The JSON schema of the file, made from [`File`](super::file::File).

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::file::File;

/// The schema that the file is checked against.
pub(super) static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let mut schema =
        SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<File>().to_value();
    visit(&mut schema, &without_null);
    schema
});

/// The JSON schema (draft 2020-12) of the configuration file, for editors and other checkers. Numbers and truth
/// values may be written as references to variables too, since those are filled in after the text was parsed.
pub fn schema() -> String {
    let mut schema = SCHEMA.clone();
    visit(&mut schema, &or_variable);
    format!("{schema:#}")
}

fn visit(schema: &mut Value, change: &dyn Fn(&mut Value)) {
    match schema {
        Value::Object(map) => map.values_mut().for_each(|inner| visit(inner, change)),
        Value::Array(items) => items.iter_mut().for_each(|inner| visit(inner, change)),
        _ => return,
    }
    change(schema);
}

/// An optional key may be left out; that does not mean it may be `null`, which is nearly always a value that was
/// forgotten.
fn without_null(schema: &mut Value) {
    let Some(map) = schema.as_object_mut() else { return };
    if let Some(Value::Array(types)) = map.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = &**types {
            let only = only.clone();
            map.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(branches)) = map.get_mut("anyOf") {
        branches.retain(|branch| branch.get("type") != Some(&json!("null")));
        if let [Value::Object(only)] = &mut **branches {
            let only = std::mem::take(only);
            map.remove("anyOf");
            for (key, value) in only {
                map.entry(key).or_insert(value);
            }
        }
    }
}

fn or_variable(schema: &mut Value) {
    let Some(map) = schema.as_object_mut() else { return };
    // In maps of one's own making (headers, variables), `8080` and `true` are as good as `"8080"` and `"true"`.
    if map.get("additionalProperties").is_some_and(|values| values["type"] == "string") {
        map.insert("additionalProperties".to_owned(), json!({ "type": ["string", "number", "boolean"] }));
    }
    let Some(Value::String(name)) = map.get("type") else { return };
    if matches!(&**name, "integer" | "number" | "boolean") {
        let types = json!([name, "string"]);
        map.insert("type".to_owned(), types);
        map.insert("pattern".to_owned(), json!(r"\$\{"));
    }
}
