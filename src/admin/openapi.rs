//! The API's description for programs: OpenAPI 3.1.

use std::sync::LazyLock;

use bytes::Bytes;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::status::{ServiceList, ServiceStatus};

/// The whole document. It tells nothing of this gateway but its version.
pub(super) static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| format!("{:#}\n", document()).into());

fn document() -> Value {
    let settings = SchemaSettings::draft2020_12()
        .with(|it| {
            it.definitions_path = "/components/schemas".into();
            it.meta_schema = None;
        })
        .for_serialize();
    let mut generator = settings.into_generator();
    for schema in [ServiceStatus::add_to, ServiceList::add_to, ProblemBody::add_to, LeaseBody::add_to] {
        schema(&mut generator);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Wakegate's admin API",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "MIT", "identifier": "MIT" },
            "description": "Status, wake, sleep, leases, events and metrics of one gateway. The token is needed where \
                one is configured.",
        },
        "security": [{ "token": [] }],
        "paths": paths(),
        "components": {
            "schemas": generator.take_definitions(true),
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
        },
    })
}

fn paths() -> Value {
    let status = || json_of("#/components/schemas/ServiceStatus");
    let one = |summary: &str| read(summary, &status(), &[404]);
    json!({
        "/healthz": { "get": open("Whether the process is alive", "200", &text()) },
        "/readyz": { "get": with(
            open("Whether the gateway accepts requests", "200", &text()),
            "503", &answer("It starts or drains", &text()),
        ) },
        "/openapi.json": {
            "get": open("This document", "200", &json!({ "application/json": { "schema": { "type": "object" } } })),
        },
        "/metrics": { "get": read("Metrics, as Prometheus reads them", &text(), &[]) },
        "/api/services": {
            "get": read("Every service, in the order of the configuration", &json_of("#/components/schemas/ServiceList"), &[]),
        },
        "/api/services/{name}": { "parameters": [name()], "get": one("One service") },
        "/api/services/{name}/wake": {
            "parameters": [name()],
            "post": change("Wake it and everything it depends on", "202", Some(status()), None),
        },
        "/api/services/{name}/sleep": {
            "parameters": [name()],
            "post": change("Put it to sleep; 409 says why it stays awake", "202", Some(status()), None),
        },
        "/api/services/{name}/lease": {
            "parameters": [name()],
            "put": change(
                "Wake it and keep it awake for a time from now", "200", Some(status()), Some("#/components/schemas/LeaseBody"),
            ),
            "delete": change("End its lease", "204", None, None),
        },
        "/api/events": {
            "get": with(
                read("What happens from now on, as server-sent events", &json!({
                    "text/event-stream": { "schema": { "type": "string" } },
                }), &[]),
                "503", &retry("As many event streams as may be are open"),
            ),
        },
    })
}

fn name() -> Value {
    json!({
        "name": "name", "in": "path", "required": true, "description": "The service, as the configuration calls it",
        "schema": { "type": "string", "minLength": 1 },
    })
}

/// An operation that needs no token.
fn open(summary: &str, status: &str, content: &Value) -> Value {
    json!({ "summary": summary, "security": [], "responses": { status: answer("Done", content) } })
}

/// An operation that changes nothing.
fn read(summary: &str, content: &Value, problems: &[u16]) -> Value {
    let mut responses = Map::from_iter([("200".to_owned(), answer("Done", content))]);
    responses
        .extend([400, 401, 403].iter().chain(problems).map(|status| (status.to_string(), problem(*status))));
    json!({ "summary": summary, "responses": responses })
}

/// An operation on a service. Without a `body` of its own it takes none, or `{}`.
fn change(summary: &str, status: &str, content: Option<Value>, body: Option<&str>) -> Value {
    let done = content.map_or_else(|| json!({ "description": "Done" }), |content| answer("Done", &content));
    let mut responses = Map::from_iter([(status.to_owned(), done)]);
    let problems = [400, 401, 403, 404, 408, 409, 413];
    responses.extend(problems.map(|status| (status.to_string(), problem(status))));
    responses.insert("503".to_owned(), retry("The gateway is going down"));
    let nothing = json!({ "schema": { "type": "object", "additionalProperties": false } });
    let content = body.map_or(nothing, |schema| json!({ "schema": { "$ref": schema } }));
    json!({
        "summary": summary,
        "requestBody": { "required": body.is_some(), "content": { "application/json": content } },
        "responses": responses,
    })
}

fn with(mut operation: Value, status: &str, response: &Value) -> Value {
    operation["responses"][status] = response.clone();
    operation
}

fn answer(description: &str, content: &Value) -> Value {
    json!({ "description": description, "content": content })
}

fn json_of(schema: &str) -> Value {
    json!({ "application/json": { "schema": { "$ref": schema } } })
}

fn text() -> Value {
    json!({ "text/plain": { "schema": { "type": "string" } } })
}

fn problem(status: u16) -> Value {
    let what = match status {
        400 => "The request makes no sense",
        401 => "The token is needed, or another was shown",
        403 => "It comes from another site's page, or by a name that is not the API's",
        404 => "There is no such service",
        408 => "The body did not come in time",
        409 => "The service is not in a state for this",
        _ => "The body is too large",
    };
    let mut answer = answer(what, &problem_content());
    if status == 401 {
        answer["headers"] =
            json!({ "WWW-Authenticate": { "required": true, "schema": { "type": "string" } } });
    }
    answer
}

fn retry(what: &str) -> Value {
    let mut answer = answer(what, &problem_content());
    answer["headers"] = json!({ "Retry-After": { "required": true, "schema": { "type": "integer" } } });
    answer
}

fn problem_content() -> Value {
    json!({ "application/problem+json": { "schema": { "$ref": "#/components/schemas/ProblemBody" } } })
}

/// Adds a type to the document's schemas.
trait AddTo: JsonSchema + Sized {
    fn add_to(generator: &mut SchemaGenerator) {
        generator.subschema_for::<Self>();
    }
}

impl<T: JsonSchema> AddTo for T {}

/// A problem, RFC 9457. Without a `type`, the title is the status's own phrase.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "here for its schema")]
struct ProblemBody {
    /// The status's phrase.
    title: String,
    /// The status.
    #[schemars(range(min = 400, max = 599))]
    status: u16,
    /// What happened and what to do.
    detail: String,
}

/// A lease that is asked for.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "here for its schema")]
struct LeaseBody {
    /// How long from now: whole numbers with the units `d`, `h`, `m`, `s`, `ms`, longer units first, as `2h` or `1h30m`.
    /// More than nothing, and a year at most.
    #[schemars(
        regex(
            pattern = r"^([1-9][0-9]?d)?([1-9][0-9]{0,2}h)?([1-9][0-9]{0,3}m)?([1-9][0-9]{0,5}s)?([1-9][0-9]{0,8}ms)?$"
        ),
        length(min = 2)
    )]
    r#for: String,
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::super::resource::Resource;
    use super::*;

    /// Every path names a resource, which takes exactly the methods that the document tells of it.
    #[test]
    fn it_tells_of_every_path_and_method() {
        let document: Value = serde_json::from_slice(&DOCUMENT).unwrap();
        let paths = document["paths"].as_object().unwrap();
        for (path, item) in paths {
            let resource = Resource::of(&path.replace("{name}", "web")).unwrap();
            for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
                let told = item.get(method.as_str().to_lowercase());
                assert_eq!(told.is_some(), resource.check_method(&method).is_ok(), "{method} {path}");
                let security = told.and_then(|it| it.get("security"));
                assert!(security.is_none() || resource.is_open(), "{method} {path}");
            }
        }
        assert_eq!(paths.len(), Resource::COUNT);
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn references(value: &Value, all: &mut Vec<String>) {
            match value {
                Value::Object(map) => {
                    all.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
                    map.values().for_each(|inner| references(inner, all));
                }
                Value::Array(items) => items.iter().for_each(|inner| references(inner, all)),
                _ => {}
            }
        }
        let document = document();
        let mut all = Vec::new();
        references(&document, &mut all);
        assert!(all.len() > 10);
        for reference in all {
            assert!(document.pointer(&reference[1..]).is_some(), "{reference}");
        }
        let status = &document["components"]["schemas"]["ServiceStatus"];
        assert!(
            status["required"].as_array().unwrap().contains(&json!("fault")),
            "null is told, not left out"
        );
    }
}
