//! Every way to be wrong, and the very line that says so.

use super::*;

/// Wraps a text into a configuration that is otherwise right. What is wrong is expected on line 3 and below.
const AROUND: &str = "listeners: [{ address: 127.0.0.1:0 }]\nroutes: [{ respond: {} }]\n";

fn lines(text: &str) -> Vec<String> {
    let shown = match load(text) {
        Ok(_) => panic!("accepted: {text}"),
        Err(problems) => problems.to_string(),
    };
    let mut lines: Vec<String> = shown.lines().map(str::to_owned).collect();
    let count = lines.pop().unwrap();
    let noun = if lines.len() == 1 { "problem" } else { "problems" };
    assert_eq!(count, format!("{} {noun}", lines.len()));
    lines
}

#[track_caller]
fn says(text: &str, expected: &[&str]) {
    assert_eq!(lines(text), expected, "in\n{text}");
}

#[track_caller]
fn says_within(text: &str, expected: &[&str]) {
    says(&format!("{AROUND}{text}"), expected);
}

/// The same for one service, on line 3.
#[track_caller]
fn says_of_service(service: &str, expected: &[&str]) {
    says_within(&format!("services: {{ a: {{ {service} }} }}"), expected);
}

/// The same for one route, on line 3, beside a service `web`.
#[track_caller]
fn says_of_route(route: &str, expected: &[&str]) {
    let around = "listeners: [{ address: 127.0.0.1:0 }]\nservices: { web: { upstream: http://web } }\n";
    says(&format!("{around}routes: [{{ {route} }}]"), expected);
}

#[test]
fn the_text_as_a_whole() {
    says("", &["t:1:1: is empty"]);
    says("# nothing\n", &["t:1:1: is empty"]);
    says("just words", &["t:1:1: expected a map, found text"]);
    says("[]", &["t:1:1: expected a map, found a list"]);
    says("a: {", &["t:2:1: is not YAML: while parsing a node, did not find expected node content"]);
    says(
        "a: *x",
        &[
            "t:1:4: is not YAML: while parsing node, found unknown anchor; a text that begins with `*` needs quotes",
        ],
    );
    says(&format!("{AROUND}---\na: b"), &["t:3:1: a second document begins here; there may be one only"]);
    says(
        &format!("{AROUND}limits: !big {{ max_held: 5 }}"),
        &["t:3:9: has the tag `!big`; tags have no meaning here"],
    );
    says("{}", &["t:1:1: the key `listeners` is missing", "t:1:1: the key `routes` is missing"]);
}

#[test]
fn keys_and_types() {
    says_within("limit: {}", &["t:3:1: limit: unknown key; did you mean `limits`?"]);
    says_within("Limits: {}", &["t:3:1: Limits: unknown key; did you mean `limits`?"]);
    says_within(
        "limits: { max-held: 5 }",
        &["t:3:11: limits.max-held: unknown key; did you mean `max_held`?"],
    );
    says_within(
        "shutdown: { zzz: 5 }",
        &["t:3:13: shutdown.zzz: unknown key; there are `drain_delay` and `drain_timeout`"],
    );
    says_within(
        "limits:\n  max_held: 5\n  max_held: 6",
        &["t:5:3: the key `max_held` stands here a second time; the first is on line 4"],
    );
    says_within("limits: { [a]: 5 }", &["t:3:11: a key must be one word, not a list or a map"]);
    says_within("limits:", &["t:3:1: limits: has no value; give it one, or leave the key out"]);
    says_within("limits: []", &["t:3:1: limits: expected a map, found a list"]);
    says_within("limits: 5", &["t:3:9: limits: expected a map, found a number"]);
    says_within(
        "limits: { max_held: many }",
        &["t:3:21: limits.max_held: expected a whole number, found text"],
    );
    says_within(
        "limits: { max_held: \"5\" }",
        &["t:3:21: limits.max_held: expected a whole number, found a number in quotes"],
    );
    says_within(
        "limits: { max_held: 1.5 }",
        &["t:3:21: limits.max_held: expected a whole number, found a number"],
    );
    says_within(
        "limits: { max_held: 0 }",
        &["t:3:21: limits.max_held: 0 is out of range; it goes from 1 to 10000000"],
    );
    says_within(
        "page: { detail: service }",
        &["t:3:17: page.detail: `service` is no word for this; did you mean `services`?"],
    );
    says_within(
        "page: { detail: all }",
        &["t:3:17: page.detail: `all` is no word for this; there are `services`, `progress` and `none`"],
    );
    says_within(
        "page: { detail: [none] }",
        &["t:3:9: page.detail: expected `services`, `progress` and `none`, found a list"],
    );
    says_within(
        "activity: { preset: yes }",
        &["t:3:21: activity.preset: expected `true` or `false`, found text"],
    );
    says_within("page: { name: {} }", &["t:3:9: page.name: expected text, found a map"]);
    says_within("<<: {}", &["t:3:1: \"<<\": merge keys are not understood; use `defaults`"]);
    says_within(
        "\"a\\u0007b.c\": 1",
        &[
            "t:3:1: \"a\\u{7}b.c\": unknown key; there are `activity`, `admin`, `aws`, `defaults`, `events`, `limits`, `listeners`, \
           `locks`, `page`, `routes`, `services`, `shutdown`, `timeouts`, `trace_headers`, `trusted_proxies` and `wake_limits`",
        ],
    );
}

#[test]
fn variables() {
    let message = "the variable `NO` is not set; `${NO:-…}` gives it a default";
    says_within("page: { name: \"a ${NO} b\" }", &[&format!("t:3:15: page.name: {message}")]);
    says_within(
        "page: { name: \"${NO\" }",
        &["t:3:15: page.name: `${` without its `}`; write `$$` for a `$`"],
    );
    says_within(
        "page: { name: \"${1}\" }",
        &["t:3:15: page.name: `${1}` names no variable; write `$${` for a `${` that is meant as such"],
    );
    says_within(
        "limits: { max_held: \"${TOKEN}\" }",
        &["t:3:21: limits.max_held: expected a whole number, found text"],
    );
}

#[test]
fn listeners_and_admin() {
    let routes = "routes: [{ respond: {} }]\n";
    let form = "write an IP address and a port, as `127.0.0.1:8080`, `0.0.0.0:8080` or `[::]:8080`";
    says(&format!("{routes}listeners: []"), &["t:2:1: listeners: must not be empty"]);
    says(&format!("{routes}listeners: [{{}}]"), &["t:2:13: listeners[0]: the key `address` is missing"]);
    says(
        &format!("{routes}listeners: [{{ addres: \"1.2.3.4:5\" }}]"),
        &["t:2:15: listeners[0].addres: unknown key; did you mean `address`?"],
    );
    says(
        &format!("{routes}listeners: [{{ address: localhost:80 }}, 5, {{ address: 1.2.3.4 }}]"),
        &[
            &format!("t:2:24: listeners[0].address: `localhost:80` is no address; {form}"),
            "t:2:40: listeners[1]: expected a map, found a number",
            &format!("t:2:54: listeners[2].address: `1.2.3.4` is no address; {form}"),
        ],
    );
    says(
        &format!(
            "{routes}listeners: [{{ address: 1.2.3.4:5 }}, {{ address: 1.2.3.4:5, tls: {{ key: k }} }}]"
        ),
        &[
            "t:2:48: listeners[1].address: `1.2.3.4:5` is listened at twice",
            "t:2:59: listeners[1].tls: the key `certificate` is missing",
        ],
    );
    says_within(
        "admin: { address: 0.0.0.0:9900 }",
        &["t:3:1: admin: `0.0.0.0:9900` is not loopback; the key `token` is needed there"],
    );
    says_within(
        "admin: { address: 127.0.0.1:1, token: geheim }",
        &["t:3:39: admin.token: is too short; a token has 16 characters or more"],
    );
    says_within(
        "admin: { address: 127.0.0.1:1, token: 'a token with spaces' }",
        &["t:3:39: admin.token: may have letters, digits and punctuation of ASCII only"],
    );
    says_within(
        "admin: { address: 0.0.0.0:1, token: \"${NO}\" }",
        &["t:3:37: admin.token: the variable `NO` is not set; `${NO:-…}` gives it a default"],
    );
}

#[test]
fn services() {
    let form = "write whole numbers with units, such as `250ms`, `15m` or `1h30m`";
    says_of_service("", &["t:3:13: services.a: has none of `process`, `ecs` and `upstream`"]);
    says_of_service(
        "proces: { command: a }",
        &["t:3:18: services.a.proces: unknown key; did you mean `process`?"],
    );
    says_of_service("process: 5", &["t:3:27: services.a.process: expected a map, found a number"]);
    says_of_service(
        "process: { command: [a] }, ecs: { cluster: c, service: s }",
        &["t:3:45: services.a.ecs: a service has one provider; `process` stands here too"],
    );
    says_of_service("process: {}", &["t:3:18: services.a.process: the key `command` is missing"]);
    says_of_service("process: { command: [] }", &["t:3:29: services.a.process.command: names no program"]);
    says_of_service(
        "process: { command: 'a \"b' }",
        &["t:3:38: services.a.process.command: the quote \" is not closed"],
    );
    says_of_service(
        "process: { command: a, port: 70000, env: { A=B: 1 } }",
        &[
            "t:3:47: services.a.process.port: 70000 is out of range; it goes from 0 to 65535",
            "t:3:61: services.a.process.env.\"A=B\": `A=B` is no name of a variable",
        ],
    );
    says_of_service(
        "process: { command: a, port: 80, replicas: 2 }",
        &["t:3:61: services.a.process.replicas: replicas cannot share one port; write `port: 0`"],
    );
    says_of_service(
        "ecs: { cluster: c, service: s, port: 0 }",
        &["t:3:55: services.a.ecs.port: 0 is out of range; it goes from 1 to 65535"],
    );
    says_of_service(
        "upstream: https://x",
        &[
            "t:3:28: services.a.upstream: `https://x` would need TLS to the service, which is not spoken here; write \
           `http://host:port`",
        ],
    );
    says_of_service(
        "upstream: http://x, idle_after: 15 minutes",
        &[&format!("t:3:50: services.a.idle_after: `15 minutes` is not a duration: {form}")],
    );
    says_of_service(
        "upstream: http://x, idle_after: 15",
        &["t:3:50: services.a.idle_after: `15` has no unit: write `15s`, `15m` or `15ms`"],
    );
    says_of_service(
        "upstream: http://x, idle_after: 0s",
        &["t:3:50: services.a.idle_after: must be more than nothing"],
    );
    says_of_service(
        "upstream: http://x, max_in_flight: 4294967296",
        &["t:3:53: services.a.max_in_flight: 4294967296 is out of range; it goes from 1 to 4294967295"],
    );
    says_of_service(
        "upstream: http://x, protocol: h3",
        &["t:3:48: services.a.protocol: `h3` is no word for this; did you mean `h2`?"],
    );
    says_within(
        "defaults: { page_after: 1 s }\nservices: { \"a b\": { upstream: http://x } }",
        &[
            &format!("t:3:25: defaults.page_after: `1 s` is not a duration: {form}"),
            "t:4:13: services.\"a b\": `a b` is no name of a service; it has letters, digits, `-`, `_` and `.`, \
             begins with a letter or digit, and has 63 characters at most",
        ],
    );
}

#[test]
fn health() {
    let says = |health: &str, expected: &[&str]| {
        says_of_service(&format!("upstream: http://x, health: {{ {health} }}"), expected);
    };
    says(
        "path: /, tcp: true",
        &["t:3:57: services.a.health.tcp: one check is enough; `path` stands here too"],
    );
    says(
        "path: healthz",
        &["t:3:54: services.a.health.path: a path begins with `/`, and has neither spaces nor `#`"],
    );
    says(
        "path: /, status: 2xx",
        &["t:3:65: services.a.health.status: `2xx` is no status or range of them; write \
                                     `200` or `200-399`"],
    );
    says(
        "path: /, status: [200, 9, 399-200]",
        &["t:3:71: services.a.health.status[1]: 9 is out of range; it goes from 100 to 599"],
    );
    says("status: 200", &["t:3:48: services.a.health.status: goes with a `path` only"]);
    says(
        "tcp: true, interval: 1ms",
        &["t:3:69: services.a.health.interval: is too short; `10ms` is the least"],
    );
    says_of_service(
        "process: { command: a }, health: { path: / }",
        &[
            "t:3:43: services.a.health: there is no port to check; give the service one, or take `health` out: it is then ready \
          as soon as it runs",
        ],
    );
}

#[test]
fn dependencies() {
    let says = |services: &str, expected: &[&str]| {
        says(&format!("{AROUND}services:\n  db: {{ process: {{ command: db }} }}\n{services}"), expected);
    };
    let says_of = |edge: &str, expected: &[&str]| {
        says(&format!("  api: {{ process: {{ command: a }}, depends_on: {edge} }}"), expected);
    };
    says_of("[dbb]", &["t:5:48: services.api.depends_on[0]: there is no service `dbb`; did you mean `db`?"]);
    says_of("{ zoo: {} }", &["t:5:49: services.api.depends_on.zoo: there is no service `zoo`"]);
    says_of("[db, db]", &["t:5:52: services.api.depends_on[1]: `db` stands here twice"]);
    says_of("db", &["t:5:47: services.api.depends_on: expected a map or a list, found text"]);
    says_of(
        "{ db: { condition: ready } }",
        &[
            "t:5:66: services.api.depends_on.db.condition: `ready` is no word for this; there are `started`, `healthy` \
           and `completed`",
        ],
    );
    says_of(
        "{ db: { condition: completed, start: together } }",
        &[
            "t:5:84: services.api.depends_on.db.start: `completed` implies `start: after`: what has run to its end was \
           there before",
        ],
    );
    says_of(
        "[api]",
        &["t:5:35: services.api.depends_on: services depend on each other in a circle: api -> api"],
    );
    says(
        "  a: { process: { command: a }, depends_on: [b] }\n  b: { upstream: http://b, depends_on: [c] }\n  c: { \
         upstream: http://c, depends_on: [a] }\n  d: { upstream: http://d, depends_on: { b: { condition: completed } } }",
        &[
            "t:5:33: services.a.depends_on: services depend on each other in a circle: a -> b -> c -> a",
            "t:8:42: services.d.depends_on.b: `b` runs on and on; only a `process` can be `completed`",
        ],
    );
}

#[test]
fn a_wrong_service_is_there_all_the_same() {
    says_within(
        "services:\n  a: 5\n  b: { upstream: http://b, depends_on: [a] }",
        &["t:4:6: services.a: expected a map, found a number"],
    );
}

#[test]
fn route_conditions() {
    says_of_route(
        "service: web, host: [a.example, \"*\", \"a b\"]",
        &[
            "t:3:44: routes[0].host[1]: `*` may only stand as the whole first label, as in `*.example.com`",
            "t:3:49: routes[0].host[2]: a host has labels of letters, digits, `-` and `_` with a dot between; write \
             other alphabets in their `xn--` form",
        ],
    );
    says_of_route(
        "service: web, host: [], path: api, methods: get, source: [10.0.0.1/8, x]",
        &[
            "t:3:26: routes[0].host: must not be empty; leave the key out instead",
            "t:3:42: routes[0].path: a path begins with `/`",
            "t:3:56: routes[0].methods: `get` is no method; they are told apart by case, as `GET`",
            "t:3:70: routes[0].source[0]: `10.0.0.1/8` has bits beyond its prefix; is `10.0.0.0/8` meant?",
            "t:3:82: routes[0].source[1]: `x` is no range of addresses; write `10.0.0.0/8`",
        ],
    );
    says_of_route(
        "service: web, headers: { 'a b': c }",
        &["t:3:37: routes[0].headers.\"a b\": `a b` is no name of a header"],
    );
    says_within(
        "services: {}\nactivity: { rules: [{ path: x }] }",
        &[
            "t:4:21: activity.rules[0]: the key `action` is missing",
            "t:4:29: activity.rules[0].path: a path begins with `/`",
        ],
    );
}

#[test]
fn route_actions() {
    says_of_route("path: /", &["t:3:10: routes[0]: has none of `service`, `redirect` and `respond`"]);
    says_of_route("servce: web", &["t:3:12: routes[0].servce: unknown key; did you mean `service`?"]);
    says_of_route(
        "service: web, respond: {}",
        &["t:3:26: routes[0].respond: a route does one thing; `service` stands here too"],
    );
    says_of_route(
        "service: webb",
        &["t:3:21: routes[0].service: there is no service `webb`; did you mean `web`?"],
    );
    says_of_route(
        "respond: {}, strip_prefix: /x",
        &["t:3:25: routes[0].strip_prefix: goes with a `service` only"],
    );
    says_of_route(
        "redirect: { to: \"https://{host}/\" }, host: \"*.example\"",
        &[
            "t:3:28: routes[0].redirect.to: `{host}` needs a route whose `host` lists each host exactly, without \
           wildcards",
        ],
    );
    says_of_route(
        "redirect: { to: /x, status: 305 }",
        &["t:3:40: routes[0].redirect.status: 305 is no redirect; use 301, 302, 303, 307 or 308"],
    );
    says_of_route(
        "respond: { status: 204, body: x, headers: { content-length: 5, Host: x, x-y: \"a\\nb\" } }",
        &[
            "t:3:36: routes[0].respond.body: an answer of 204 has no body",
            "t:3:56: routes[0].respond.headers.content-length: `content-length` belongs to the connection, which the \
             gateway keeps",
            "t:3:75: routes[0].respond.headers.Host: `host` is not changed as a header; use the route's `rewrite: { \
             host: … }`",
            "t:3:89: routes[0].respond.headers.x-y: has a character that no header may have",
        ],
    );
    says(
        "listeners: [{ address: 127.0.0.1:0 }]\nservices: { w: { process: { command: w } } }\nroutes: [{ service: w }]",
        &["t:3:21: routes[0].service: `w` has no `port` that requests could go to"],
    );
    says(
        "listeners: [{ address: 127.0.0.1:0 }]\nroutes: [{ name: x, respond: {} }, { name: x, respond: {} }]",
        &["t:2:44: routes[1].name: `x` is another route's name already"],
    );
}

#[test]
fn rewrites_and_activity() {
    says_of_route(
        "service: web, strip_prefix: api, rewrite: { regex: '(', replace: x, host: 'a b' }",
        &[
            "t:3:40: routes[0].strip_prefix: a prefix begins with `/` and has no wildcard",
            "t:3:63: routes[0].rewrite.regex: `(` is no regular expression: unclosed group",
            "t:3:86: routes[0].rewrite.host: `a b` is no host",
        ],
    );
    says_of_route(
        "service: web, rewrite: { replace: x }",
        &["t:3:37: routes[0].rewrite.replace: goes with `regex` only"],
    );
    says_of_route(
        "service: web, request_headers: { remove: [a b] }",
        &["t:3:54: routes[0].request_headers.remove[0]: `a b` is no name of a header"],
    );
    says_within(
        "activity: { rules: [{ action: wakes, answer: {} }, { action: wake }, { action: counts, user_agent_regex: '[' }] }",
        &[
            "t:3:38: activity.rules[0].answer: goes with `action: answered_while_asleep` only",
            "t:3:62: activity.rules[1].action: `wake` is no word for this; did you mean `wakes`?",
            "t:3:106: activity.rules[2].user_agent_regex: `[` is no regular expression: unclosed character class",
        ],
    );
    says_within(
        "page: { logo: x.bmp, template: a, template_file: b }",
        &[
            "t:3:15: page.logo: a logo is a svg, png, jpg, webp or gif file, or a `data:` URI",
            "t:3:35: page.template_file: one template is enough; `template` stands here too",
            "t:3:50: page.template_file: `b` cannot be read: No such file or directory (os error 2)",
        ],
    );
}

#[test]
fn names_of_ecs() {
    let neither = "(letters, digits, `-` and `_`, 255 at most) nor its ARN";
    says_of_service(
        "ecs: { cluster: '', service: 'shop web' }",
        &[
            &format!("t:3:34: services.a.ecs.cluster: `` is neither the name of a cluster {neither}"),
            &format!("t:3:47: services.a.ecs.service: `shop web` is neither the name of a service {neither}"),
        ],
    );
    says_of_service(
        "ecs: { cluster: 'arn:aws:ecs:eu-west-1:123456789012:service/demo', service: 'arn:aws:ecs::1:service/demo/web' }",
        &[
            &format!(
                "t:3:34: services.a.ecs.cluster: `arn:aws:ecs:eu-west-1:123456789012:service/demo` is neither the name \
                 of a cluster {neither}"
            ),
            &format!(
                "t:3:94: services.a.ecs.service: `arn:aws:ecs::1:service/demo/web` is neither the name of a service \
                 {neither}"
            ),
        ],
    );
    says_of_service(
        "ecs: { cluster: demo, service: 'arn:aws:ecs:eu-west-1:123456789012:service/other/web' }",
        &["t:3:49: services.a.ecs.service: is of the cluster `other`, not of `demo`"],
    );
    let sound = "listeners: [{ address: 127.0.0.1:0 }]\nroutes: [{ respond: {} }]\nservices: { a: { ecs: { \
                 cluster: 'arn:aws-cn:ecs:cn-north-1:123456789012:cluster/demo', \
                 service: 'arn:aws-cn:ecs:cn-north-1:123456789012:service/demo/Shop_web-1' } } }";
    assert!(Config::text("t", sound).load().is_ok());
}

#[test]
fn two_names_for_one_service_of_ecs() {
    let services = "services: { a: { ecs: { cluster: demo, service: web } }, \
                    b: { ecs: { cluster: 'arn:aws:ecs:eu-west-1:1:cluster/demo', service: web } }, \
                    c: { ecs: { cluster: other, service: web } } }";
    let twins = "t:3:63: services.b.ecs: means the same service of ECS as `a`: when one of them is idle, it would stop the \
                 other; keep one of them and let both routes name it";
    says_within(services, &[twins]);
}

#[test]
fn amazon_ecs() {
    let group = "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/g/1";
    says_of_service(
        &format!("process: {{ command: a, port: 1 }}, health: {{ target_group: '{group}' }}"),
        &[
            "t:3:62: services.a.health.target_group: goes with `ecs` and an `upstream`, the load balancer's address; \
           without one, targets are tasks and are checked by `path` or `tcp`",
        ],
    );
    says_of_service(
        &format!("ecs: {{ cluster: c, service: s, port: 1 }}, health: {{ target_group: '{group}' }}"),
        &[
            "t:3:70: services.a.health.target_group: goes with `ecs` and an `upstream`, the load balancer's address; \
           without one, targets are tasks and are checked by `path` or `tcp`",
        ],
    );
    says_of_service(
        "ecs: { cluster: c, service: s }, upstream: 'http://lb', health: { target_group: mine }",
        &["t:3:98: services.a.health.target_group: is no ARN of a target group; such a one is \
           `arn:aws:elasticloadbalancing:REGION:ACCOUNT:targetgroup/NAME/ID`"],
    );
    says_of_service(
        "upstream: 'http://lb', health: { tcp: true, healthy_targets: 2 }",
        &["t:3:62: services.a.health.healthy_targets: goes with a `target_group` only"],
    );
    says_within(
        "events: { queue_url: mine }",
        &["t:3:22: events.queue_url: is no URL of a queue; such a one is \
           `https://sqs.REGION.amazonaws.com/ACCOUNT/NAME`"],
    );
    says_within("events: {}", &["t:3:1: events: the key `queue_url` is missing"]);
    says_within("aws: { poll_every: 0s }", &["t:3:20: aws.poll_every: must be more than nothing"]);
    says_within(
        "aws: { budget_percent: 0 }",
        &["t:3:24: aws.budget_percent: 0 is out of range; it goes from 1 to 100"],
    );
}
