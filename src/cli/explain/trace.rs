use std::sync::Arc;

use http::header::HOST;
use http::{HeaderValue, Request};

use super::{Answer, Args, Explanation, ToService, wakes};
use crate::layer::Class;
use crate::lock::Lock;
use crate::model::{Graph, Spec, duration};
use crate::route::{Action, Ambiguous, Head, Policy, Router, Rule, Verdict};

/// Follows the request through the rules, as the gateway would.
pub fn trace(args: &Args, rules: &[Arc<Rule>], policy: &Policy, graph: &Graph) -> Explanation {
    let request = request(args);
    let head = Head::of(&request, args.from);
    let router = Router::of_rules(rules.iter().cloned());
    let found = router.find(&head);
    let rule = found.ok().flatten();
    let answer = match rule.map(|rule| (rule, &rule.action)) {
        None if found.is_err() => Answer::AtOnce(format!("400: {Ambiguous}")),
        None => Answer::AtOnce("404: no route matches".to_owned()),
        Some((_, Action::Respond(answer))) => {
            Answer::AtOnce(format!("{}, as the route says", answer.status.as_u16()))
        }
        Some((_, Action::Redirect(redirect))) => {
            Answer::AtOnce(match redirect.location(&head).as_ref().map(HeaderValue::to_str) {
                Some(Ok(to)) => format!("{} to {to}", redirect.status().as_u16()),
                _ => "400: there is nowhere to redirect this request to".to_owned(),
            })
        }
        Some((rule, Action::Service(name))) => match graph.id(name) {
            Some(id) => {
                let verdict = rule.policy.as_ref().unwrap_or(policy).verdict(&head);
                let spec = graph.spec(id);
                Answer::Service(ToService {
                    service: name.clone(),
                    sent_as: sent_as(request.clone(), rule),
                    policy: policy_words(verdict).to_owned(),
                    wakes: if verdict.wakes() { wakes(graph, id) } else { Vec::new() },
                    asleep: asleep(spec, Class::of(&request), verdict),
                })
            }
            None => Answer::AtOnce(format!("none: the route leads to `{name}`, which is not a service")),
        },
    };
    Explanation {
        request: format!("{} {}", args.method, args.url),
        route: rule.map(|rule| rule.name.clone()),
        lock: rule.and_then(|rule| rule.lock.as_deref()).map(lock_words),
        answer,
    }
}

fn request(args: &Args) -> Request<()> {
    let mut request = Request::new(());
    *request.method_mut() = args.method.clone();
    *request.uri_mut() = args.url.clone();
    for (name, value) in &args.headers {
        request.headers_mut().append(name, value.clone());
    }
    if !request.headers().contains_key(HOST)
        && let Some(host) = args.url.authority().and_then(|host| host.as_str().parse().ok())
    {
        request.headers_mut().insert(HOST, host);
    }
    request
}

fn sent_as(request: Request<()>, rule: &Rule) -> String {
    let mut parts = request.into_parts().0;
    if rule.rewrite.apply(&mut parts.uri, &mut parts.headers).is_err() {
        return "nothing: what the route makes of its path is none, so the answer is 400".to_owned();
    }
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    match parts.headers.get(HOST).and_then(|host| host.to_str().ok()) {
        Some(host) => format!("{} {path} to {host}", parts.method),
        None => format!("{} {path}", parts.method),
    }
}

fn lock_words(lock: &Lock) -> String {
    format!("{}: opened by {}; 401 without, and nothing wakes", lock.name(), lock.keys().join(" or "))
}

const fn policy_words(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Wakes => "wakes: it wakes the service, and keeps it awake",
        Verdict::Counts => "counts: it does not wake the service, but keeps it awake",
        Verdict::ServedIfAwake => "served_if_awake: it neither wakes the service nor keeps it awake",
        Verdict::AnsweredAsleep(_) => {
            "answered_while_asleep: it neither wakes the service nor keeps it awake"
        }
    }
}

fn asleep(spec: &Spec, class: Class, verdict: &Verdict) -> String {
    if !spec.sleeps() {
        return "it has no provider, so it never sleeps".to_owned();
    }
    if !verdict.wakes() {
        let status = verdict.answer().map_or(503, |answer| answer.status.as_u16());
        return format!("{status} at once; the service sleeps on");
    }
    let patience = duration::format(class.patience(&spec.limits));
    match class {
        Class::Navigation { .. } => format!("held for {patience}, then the waiting page (503)"),
        Class::Grpc { .. } => format!("held for {patience}, then grpc-status 14"),
        Class::Other => format!("held for {patience}, then 503"),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::model::{Condition, Dependency, Kind, StartOrder};
    use crate::route::{HostPattern, Matcher, PathPattern, Rewrite};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn rule(name: &str, path: &str, action: Action) -> Rule {
        Rule {
            name: name.into(),
            matcher: Matcher {
                hosts: vec![HostPattern::new("*.example.com").unwrap()],
                paths: vec![PathPattern::new(path).unwrap()],
                ..Matcher::default()
            },
            action,
            rewrite: Rewrite::default(),
            policy: None,
            lock: None,
        }
    }

    fn explain(line: &[&str]) -> String {
        let mut web = Spec::new("web", Kind::External("fake".into()));
        web.depends_on =
            vec![Dependency { on: "db".into(), condition: Condition::Healthy, start: StartOrder::Together }];
        let far = Spec::new("far", Kind::Fixed);
        let graph = Graph::new([web, Spec::new("db", Kind::External("fake".into())), far]).unwrap();
        let teapot = crate::route::Answer::new(http::StatusCode::IM_A_TEAPOT);
        let rules = [
            rule("tea", "/tea", Action::Respond(teapot)),
            rule("far", "/far/*", Action::Service("far".into())),
            rule("web", "/*", Action::Service("web".into())),
        ]
        .map(Arc::new);
        let args = Line::parse_from([&["explain"], line].concat()).args;
        trace(&args, &rules, &Policy::new([], true), &graph).to_string()
    }

    #[test]
    fn a_browser_gets_the_page() {
        let expected = "\
GET http://shop.example.com/cart?id=1

route     web
service   web
sent as   GET /cart?id=1 to shop.example.com
policy    wakes: it wakes the service, and keeps it awake
wakes     db
          web  needs db healthy
asleep    held for 1s, then the waiting page (503)
";
        assert_eq!(
            explain(&["GET", "http://shop.example.com/cart?id=1", "-H", "accept: text/html"]),
            expected
        );
    }

    #[test]
    fn others_are_held_or_answered() {
        let url = "http://shop.example.com/";
        let said = explain(&["POST", url]);
        assert!(said.contains("asleep    held for 25s, then 503\n"), "{said}");
        let said = explain(&["POST", url, "-H", "content-type: application/grpc", "-H", "grpc-timeout: 2S"]);
        assert!(said.contains("asleep    held for 2s, then grpc-status 14\n"), "{said}");
        let said = explain(&["GET", url, "-H", "user-agent: ELB-HealthChecker/2.0"]);
        assert!(
            said.contains("wakes     nothing\n") && said.contains("at once; the service sleeps on"),
            "{said}"
        );
        let said = explain(&["GET", "/far/away", "-H", "host: a.example.com"]);
        assert!(
            said.contains("sent as   GET /far/away to a.example.com\n") && said.contains("never sleeps"),
            "{said}"
        );
    }

    #[test]
    fn what_no_service_sees_is_answered_at_once() {
        let said = explain(&["GET", "http://shop.example.com/tea"]);
        assert!(said.ends_with("route     tea\nanswer    418, as the route says\n"), "{said}");
        let said = explain(&["GET", "http://example.org/"]);
        assert!(said.ends_with("route     none matches\nanswer    404: no route matches\n"), "{said}");
    }
}
