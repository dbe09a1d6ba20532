//! What is accepted, and what it becomes.

mod hostile;
mod locks;
mod problems;
mod who;

use std::net::SocketAddr;

use http::Request;

use super::*;
use crate::model::{Address, Check, Condition, Detail, Kind, Protocol, StartOrder, TargetGroupCheck};
use crate::route::{Action, Head, Router, Verdict};

const TOKEN: &str = "0123456789abcdef";

/// Loads a text with one variable set, `TOKEN`.
fn load(text: &str) -> Result<Plan, Problems> {
    let variables = |name: &str| match name {
        "TOKEN" | "WAKEGATE_ADMIN_TOKEN" => Some(TOKEN.to_owned()),
        _ => None,
    };
    Config::text("t", text).with_variables(Arc::new(variables)).load()
}

/// The first page of the documentation, word by word.
const EXAMPLE: &str = r#"
listeners:
  - address: 0.0.0.0:8080                     # HTTP/1.1 and HTTP/2 (prior knowledge)
  - address: 0.0.0.0:8443
    tls: { certificate: tls/fullchain.pem, key: tls/key.pem }   # ALPN h2 and http/1.1

admin:
  address: 127.0.0.1:9900
  token: ${WAKEGATE_ADMIN_TOKEN}              # needed where the address is not loopback

defaults:                                     # every service may override each of these
  idle_after: 15m
  wake_timeout: 5m
  hold_timeout: 25s
  page_after: 1s
  max_held: 1000

services:
  web:
    ecs: { cluster: demo, service: shop-web, port: 8080, desired_count: 1 }
    health: { path: /healthz, status: 200-399, interval: 200ms }
    depends_on: [api]
  api:
    ecs: { cluster: demo, service: shop-api, port: 8080 }
    health: { path: /healthz }
    depends_on:
      db: { condition: healthy, start: after }
  db:
    process: { command: [postgres, -D, data], port: 5432 }
    health: { tcp: true }

routes:                                       # first match wins, top to bottom
  - host: "*.demo.example.com"
    path: /api/*
    headers: { x-tenant: acme }
    service: api
    strip_prefix: /api
  - path: /*
    service: web
"#;

#[test]
fn the_documented_example_is_accepted() {
    let plan = load(EXAMPLE).unwrap();
    assert_eq!(plan.listeners[0].address, SocketAddr::from(([0, 0, 0, 0], 8080)));
    let tls = plan.listeners[1].tls.as_ref().unwrap();
    assert_eq!(tls.certificates[0].chain, Pem::File("tls/fullchain.pem".into()));
    assert_eq!(plan.files, [Path::new("tls/fullchain.pem"), Path::new("tls/key.pem")]);
    assert_eq!(plan.admin.as_ref().unwrap().token.as_deref(), Some(TOKEN));
    let shown = format!("{plan:?}");
    assert!(shown.contains("api") && !shown.contains(TOKEN), "{shown}");

    let names: Vec<&str> = plan.graph.ids().map(|id| &*plan.graph.spec(id).name).collect();
    assert_eq!(names, ["web", "api", "db"], "in the file's order");
    let api = plan.graph.spec(plan.graph.id("api").unwrap());
    assert_eq!(api.depends_on[0].condition, Condition::Healthy);
    assert_eq!(api.depends_on[0].start, StartOrder::After);
    let web = plan.graph.spec(plan.graph.id("web").unwrap());
    let health = web.health.as_ref().unwrap();
    assert!(
        matches!(&health.check, Check::Http(check) if check.status == [(200, 399)] && check.path == "/healthz")
    );
    assert_eq!(health.interval.as_millis(), 200);

    let request = Request::get("/api/carts")
        .header("host", "shop.demo.example.com")
        .header("x-tenant", "acme")
        .body(())
        .unwrap();
    let (mut parts, ()) = request.into_parts();
    let router = Router::of_rules(plan.rules.clone());
    let rule = router.find(&Head::of_parts(&parts, [127, 0, 0, 1].into())).unwrap().unwrap().clone();
    assert!(matches!(&rule.action, Action::Service(name) if &**name == "api"));
    assert_eq!(&*rule.name, "*.demo.example.com/api/*");
    rule.rewrite.apply(&mut parts.uri, &mut parts.headers).unwrap();
    assert_eq!(parts.uri, "/carts");
    parts.headers.remove("x-tenant");
    let rule = router.find(&Head::of_parts(&parts, [127, 0, 0, 1].into())).unwrap().unwrap();
    assert!(matches!(&rule.action, Action::Service(name) if &**name == "web"));
}

fn complete() -> Plan {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/complete.yaml");
    Config::file(path).with_variables(Arc::new(|_| None)).load().unwrap()
}

#[test]
fn the_complete_example_is_accepted() {
    let plan = complete();
    let spec = |name| plan.graph.spec(plan.graph.id(name).unwrap());
    let Kind::Process(web) = &spec("web").kind else { panic!("a process") };
    assert_eq!(spec("web").count, 2);
    assert_eq!(web.env["API_URL"], "http://127.0.0.1:8091");
    assert!(web.directory.as_ref().unwrap().ends_with("examples/web"), "beside the file");
    assert_eq!(spec("web").limits.max_in_flight, Some(64));
    assert_eq!(spec("db").limits.max_in_flight, Some(256), "from the defaults");
    let Kind::Process(api) = &spec("api").kind else { panic!("a process") };
    assert_eq!((api.port, api.job), (Some(8091), false));
    assert_eq!(api.command, ["python3", "-m", "api", "--verbose"]);
    let Kind::Process(migrate) = &spec("migrate").kind else { panic!("a process") };
    assert!(migrate.job);
    assert_eq!(spec("migrate").health, None);
    assert_eq!(spec("api").health.as_ref().unwrap().check, Check::Tcp);
    assert_eq!(spec("chat").protocol, Protocol::H2);
    assert_eq!(spec("legacy").upstream, Some(Address::Name("legacy.internal".into(), 8080)));
    assert!(!spec("legacy").sleeps());
    let group = TargetGroupCheck {
        arn: "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/search/0123456789abcdef"
            .to_owned(),
        healthy: 2,
    };
    assert_eq!(spec("search").health.as_ref().unwrap().check, Check::TargetGroup(group));
    let queue = "https://sqs.eu-west-1.amazonaws.com/123456789012/wakegate".to_owned();
    assert_eq!(
        plan.aws,
        Aws { queue_url: Some(queue), ..Aws::default() },
        "the defaults are what stands there"
    );
    assert_eq!(plan.page.detail, Detail::Services);
    assert_eq!(plan.bounds, crate::model::Bounds::default());
    assert_eq!(plan.timeouts, crate::model::Timeouts::default());
    assert_eq!((plan.drain_delay.as_secs(), plan.drain_timeout.as_secs()), (5, 20));

    let request = Request::get("/wp-login.php").body(()).unwrap();
    let verdict = plan.policy.verdict(&Head::of(&request, [127, 0, 0, 1].into()));
    assert_eq!(verdict, &Verdict::Wakes);
    let request = Request::get("/api/poll").header("user-agent", "backup-7").body(()).unwrap();
    let head = Head::of(&request, [127, 0, 0, 1].into());
    assert_eq!(plan.policy.verdict(&head), &Verdict::ServedIfAwake);
    let policy = plan.rules[0].policy.as_ref().unwrap();
    assert_eq!(policy.verdict(&head), &Verdict::Counts, "the route's rules go first");
    let request = Request::get("/x").header("user-agent", "backup-7").body(()).unwrap();
    let head = Head::of(&request, [127, 0, 0, 1].into());
    assert_eq!(policy.verdict(&head), &Verdict::ServedIfAwake, "then the gateway's");
    let request = Request::get("/x").header("user-agent", "Googlebot/2.1").body(()).unwrap();
    let head = Head::of(&request, [127, 0, 0, 1].into());
    assert_eq!(policy.verdict(&head), &Verdict::Wakes, "the route has no preset");
}

/// Every key of the schema stands in the complete example, but for the two that exclude others there.
#[test]
fn the_complete_example_is_complete() {
    fn keys(schema: &serde_json::Value, all: &mut std::collections::BTreeSet<String>) {
        match schema {
            serde_json::Value::Object(map) => {
                if let Some(properties) = map.get("properties").and_then(|it| it.as_object()) {
                    all.extend(properties.keys().cloned());
                }
                map.values().for_each(|inner| keys(inner, all));
            }
            serde_json::Value::Array(items) => items.iter().for_each(|inner| keys(inner, all)),
            _ => {}
        }
    }
    let schema: serde_json::Value = serde_json::from_str(&schema()).unwrap();
    let mut all = std::collections::BTreeSet::new();
    keys(&schema, &mut all);
    assert!(all.len() > 70, "{} keys", all.len());
    let text = include_str!("../../examples/complete.yaml");
    let missing: Vec<&String> = all.iter().filter(|key| !text.contains(&format!("{key}:"))).collect();
    assert_eq!(missing, Vec::<&String>::new());
}

#[test]
fn json_is_accepted_and_variables_may_be_numbers() {
    let text = r#"{"listeners": [{"address": "127.0.0.1:0"}],
        "services": {"a": {"process": {"command": ["a"], "port": "${PORT:-81}", "env": {"B": 1, "C": true}}}},
        "routes": [{"service": "a", "activity": {"preset": "${NO:-false}"}}]}"#;
    let plan = load(text).unwrap();
    let Kind::Process(process) = &plan.graph.spec(plan.graph.id("a").unwrap()).kind else {
        panic!("a process")
    };
    assert_eq!(process.port, Some(81));
    assert_eq!((&*process.env["B"], &*process.env["C"]), ("1", "true"));
    assert_eq!(&*plan.rules[0].name, "/*");
}

#[test]
fn routes_without_services_are_enough() {
    let plan =
        load("listeners: [{ address: 127.0.0.1:0 }]\nroutes: [{ respond: {} }, { redirect: { to: /x } }]")
            .unwrap();
    assert!(plan.graph.is_empty());
    assert!(plan.admin.is_none());
    assert_eq!(&*plan.rules[1].name, "/* (2)");
}

#[test]
fn aliases_repeat_values() {
    let text = "
listeners: [{ address: 127.0.0.1:0 }]
services:
  a: { process: { command: [a], port: 1 }, health: &health { path: /healthz } }
  b: { process: { command: [b], port: 2 }, health: *health }
routes: [{ service: a }]";
    let plan = load(text).unwrap();
    let health = |name| plan.graph.spec(plan.graph.id(name).unwrap()).health.clone().unwrap();
    assert_eq!(health("a"), health("b"));
}

#[test]
fn a_variable_cannot_bring_structure() {
    let variables = |_: &str| Some("x, b: [1]\n- {}".to_owned());
    let text = "listeners: [{ address: 127.0.0.1:0 }]\nroutes: [{ respond: { body: \"${X}\" } }]";
    let plan = Config::text("t", text).with_variables(Arc::new(variables)).load().unwrap();
    let Action::Respond(answer) = &plan.rules[0].action else { panic!("an answer") };
    assert_eq!(&*answer.body, b"x, b: [1]\n- {}");
}

#[test]
fn the_flag_goes_before_the_file_variable_and_that_before_the_text() {
    let both: Variables = Arc::new(|name| Some(format!("of {name}")));
    assert_eq!(Config::find(Some("flag.yaml".into()), both.clone()).unwrap().name(), "flag.yaml");
    assert_eq!(Config::find(None, both).unwrap().name(), "of WAKEGATE_CONFIG_FILE");
    let text: Variables = Arc::new(|name| Some(if name == "WAKEGATE_CONFIG" { "{" } else { "" }.to_owned()));
    assert_eq!(Config::find(None, text).unwrap().name(), "WAKEGATE_CONFIG");
    let none = Config::find(None, Arc::new(|_| None)).unwrap_err().to_string();
    assert!(none.starts_with("configuration: none is given; use --config FILE"), "{none}");
}

#[test]
fn the_files_of_the_page_are_read_from_beside_the_configuration() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("wakegate.yaml");
    std::fs::write(directory.path().join("page.html"), "<p>soon</p>").unwrap();
    std::fs::write(directory.path().join("logo.svg"), "<svg/>").unwrap();
    let text = "listeners: [{ address: 127.0.0.1:0 }]\nroutes: [{ respond: {} }]\n\
                page: { template_file: page.html, logo: logo.svg }";
    std::fs::write(&path, text).unwrap();
    let plan = Config::file(&path).load().unwrap();
    assert_eq!(plan.page.template.as_deref(), Some("<p>soon</p>"));
    assert_eq!(plan.page.logo.as_deref(), Some("data:image/svg+xml;base64,PHN2Zy8+"));
    assert_eq!(
        plan.files,
        [path.clone(), directory.path().join("page.html"), directory.path().join("logo.svg")]
    );

    std::fs::remove_file(directory.path().join("page.html")).unwrap();
    let problems = Config::file(&path).load().unwrap_err();
    assert_eq!(problems.all()[0].path, "page.template_file");
    assert!(
        problems.to_string().contains(":3:24: page.template_file: `page.html` cannot be read: "),
        "{problems}"
    );
}
