use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use http::{HeaderName, Method, StatusCode};
use ipnet::IpNet;
use regex::{Regex, RegexBuilder};

use super::super::file::{self, File};
use super::super::node::At;
use super::super::problem::quoted;
use super::Build;
use super::activity::GatewayPolicy;
use super::services::{no_service, port};
use crate::lock::Lock;
use crate::model::{Graph, Kind};
use crate::route::{
    Action, Answer, Glob, HeaderChanges, HostPattern, Matcher, PathPattern, PathRewrite, Redirect, Rewrite,
    Rule,
};

/// The largest compiled regular expression, in bytes. Those that people write for paths have a few thousand.
const MAX_REGEX: usize = 1 << 20;

/// The conditions that a route and an activity rule have in common.
pub(super) struct Conditions<'f> {
    pub(super) path: Option<&'f file::OneOrMany>,
    pub(super) headers: Option<&'f BTreeMap<String, String>>,
    pub(super) methods: Option<&'f file::OneOrMany>,
    pub(super) source: Option<&'f file::OneOrMany>,
}

impl Build<'_> {
    pub(super) fn rules(
        &mut self,
        file: &File,
        at: &At<'_>,
        graph: &Option<Graph>,
        gateway: &GatewayPolicy,
        locks: &[Arc<Lock>],
    ) -> Vec<Arc<Rule>> {
        let services: HashMap<&str, At<'_>> = at.key("services").entries().collect();
        // By what stands there: one that is wrong, and was reported, is there all the same.
        let lock = |name: &str| locks.iter().find(|lock| **lock.name() == *name).cloned();
        let locks = at.key("locks").entries().map(|(name, _)| (name, lock(name))).collect();
        let routes = file.routes.as_deref().unwrap_or_default();
        let mut names: HashSet<String> = HashSet::new();
        for (index, name) in
            routes.iter().enumerate().filter_map(|(index, it)| it.name.as_ref().map(|it| (index, it)))
        {
            let place = at.key("routes").item(index).key("name");
            if name.is_empty() || name.len() > 100 || name.chars().any(char::is_control) {
                self.report(place.problem("a name has 1 to 100 characters that can be seen"));
            }
            if !names.insert(name.clone()) {
                self.report(place.problem(format!("{} is another route's name already", quoted(name))));
            }
        }
        let mut rules = Vec::with_capacity(routes.len());
        for (index, route) in routes.iter().enumerate() {
            let at = at.key("routes").item(index);
            let matcher = self.matcher(route, &at);
            let rewrite = self.rewrite(route, &at);
            let policy =
                route.activity.as_ref().map(|it| self.route_policy(it, &at.key("activity"), gateway));
            let lock = self.lock(route, &at, &locks);
            let action = self.action(route, &at, &matcher, &services, graph.as_ref());
            let name = route.name.clone().unwrap_or_else(|| unused_name(&matcher, &mut names));
            let rule =
                action.map(|action| Rule { name: name.into(), matcher, action, rewrite, policy, lock });
            rules.extend(rule.map(Arc::new));
        }
        rules
    }

    fn action(
        &mut self,
        route: &file::Route,
        at: &At<'_>,
        matcher: &Matcher,
        services: &HashMap<&str, At<'_>>,
        graph: Option<&Graph>,
    ) -> Option<Action> {
        const ACTIONS: [&str; 3] = ["service", "redirect", "respond"];
        let given: Vec<&str> = ACTIONS.into_iter().filter(|key| at.has(key)).collect();
        match *given {
            [] if ACTIONS.iter().all(|key| self.lacks(at, key)) => {
                self.report(at.key_problem("has none of `service`, `redirect` and `respond`"));
            }
            [first, second, ..] => {
                let message = format!("a route does one thing; `{first}` stands here too");
                self.report(at.key(second).key_problem(message));
            }
            _ => {}
        }
        if !given.is_empty() && !at.has("service") {
            let keys = ["strip_prefix", "rewrite", "request_headers", "response_headers", "activity"];
            for key in keys.into_iter().filter(|key| at.has(key)) {
                self.report(at.key(key).key_problem("goes with a `service` only"));
            }
        }
        if let Some(name) = &route.service {
            let place = at.key("service");
            if !services.contains_key(&**name) {
                self.report(place.problem(no_service(name, services)));
            }
            let spec = graph.and_then(|graph| graph.id(name).map(|id| graph.spec(id)));
            if let Some(spec) = spec
                && matches!(spec.kind, Kind::Process(_))
                && spec.upstream.is_none()
                && port(&spec.kind).is_none()
            {
                self.report(place.problem(format!("`{name}` has no `port` that requests could go to")));
            }
            Some(Action::Service((&**name).into()))
        } else if let Some(redirect) = &route.redirect {
            let place = at.key("redirect");
            let status = redirect.status.unwrap_or(307);
            let place =
                if matches!(status, 301..=303 | 307 | 308) { place.key("to") } else { place.key("status") };
            self.take(Redirect::new(redirect.to.as_deref()?, status, &matcher.hosts), &place)
                .map(Action::Redirect)
        } else {
            let respond = route.respond.as_ref()?;
            Some(Action::Respond(self.answer(respond, &at.key("respond"))))
        }
    }

    /// An answer of the gateway's own.
    pub(super) fn answer(&mut self, answer: &file::Answer, at: &At<'_>) -> Answer {
        let status = StatusCode::from_u16(answer.status.unwrap_or(200)).unwrap_or(StatusCode::OK);
        let body = answer.body.clone().unwrap_or_default();
        if !body.is_empty() && matches!(status.as_u16(), 204 | 205 | 304) {
            self.report(at.key("body").key_problem(format!("an answer of {} has no body", status.as_u16())));
        }
        let headers = self.header_map(answer.headers.as_ref(), &at.key("headers"));
        Answer { status, headers, body: body.into() }
    }

    fn matcher(&mut self, route: &file::Route, at: &At<'_>) -> Matcher {
        let mut matcher = self.conditions(
            &Conditions {
                path: route.path.as_ref(),
                headers: route.headers.as_ref(),
                methods: route.methods.as_ref(),
                source: route.source.as_ref(),
            },
            at,
        );
        matcher.hosts = self.each(route.host.as_ref(), &at.key("host"), HostPattern::new);
        let query = route.query.iter().flatten();
        matcher.query = query.map(|(name, value)| (name.clone(), Glob::new(value))).collect();
        matcher
    }

    pub(super) fn conditions(&mut self, conditions: &Conditions<'_>, at: &At<'_>) -> Matcher {
        let mut headers: Vec<(HeaderName, Glob)> = Vec::new();
        for (name, value) in conditions.headers.into_iter().flatten() {
            let name = self.header_name(name, &at.key("headers").key(name));
            headers.extend(name.map(|name| (name, Glob::new(value))));
        }
        Matcher {
            paths: self.each(conditions.path, &at.key("path"), PathPattern::new),
            headers,
            methods: self.each(conditions.methods, &at.key("methods"), method),
            sources: self.each(conditions.source, &at.key("source"), network),
            ..Matcher::default()
        }
    }

    fn rewrite(&mut self, route: &file::Route, at: &At<'_>) -> Rewrite {
        let strip_prefix = route.strip_prefix.as_deref().and_then(|prefix| {
            let place = at.key("strip_prefix");
            if !prefix.starts_with('/') || prefix.contains(['*', '?', '#']) {
                self.report(place.problem("a prefix begins with `/` and has no wildcard"));
            }
            let prefix = prefix.trim_end_matches('/');
            (!prefix.is_empty()).then(|| prefix.into())
        });
        let mut rewrite = Rewrite { strip_prefix, ..Rewrite::default() };
        if let Some(written) = &route.rewrite {
            let at = at.key("rewrite");
            for (key, other) in [("regex", "replace"), ("replace", "regex")] {
                if at.has(key) && self.lacks(&at, other) {
                    self.report(at.key(key).key_problem(format!("goes with `{other}` only")));
                }
            }
            let regex = written.regex.as_deref().and_then(|text| self.regex(text, &at.key("regex")));
            let replace = written.replace.as_deref();
            rewrite.path =
                regex.zip(replace).map(|(regex, replace)| PathRewrite { regex, replace: replace.into() });
            rewrite.host = written.host.as_deref().and_then(|host| {
                let parsed = host.parse().ok().filter(|_| !host.contains('@'));
                self.take(parsed.ok_or_else(|| format!("{} is no host", quoted(host))), &at.key("host"))
            });
        }
        rewrite.request_headers = self.changes(route.request_headers.as_ref(), &at.key("request_headers"));
        rewrite.response_headers = self.changes(route.response_headers.as_ref(), &at.key("response_headers"));
        rewrite
    }

    fn changes(&mut self, written: Option<&file::HeaderChanges>, at: &At<'_>) -> HeaderChanges {
        let Some(written) = written else { return HeaderChanges::default() };
        let mut remove = Vec::new();
        let names = written.remove.as_ref().map_or(&[][..], file::OneOrMany::as_slice);
        for (index, name) in names.iter().enumerate() {
            remove.extend(self.own_header(name, &at.key("remove").item(index)));
        }
        HeaderChanges {
            remove,
            set: self.headers(written.set.as_ref(), &at.key("set")),
            add: self.headers(written.add.as_ref(), &at.key("add")),
        }
    }

    pub(super) fn regex(&mut self, text: &str, at: &At<'_>) -> Option<Regex> {
        let regex = RegexBuilder::new(text).size_limit(MAX_REGEX).build();
        let regex = regex.map_err(|error| {
            // The last line is the reason; those before draw the expression.
            let all = error.to_string();
            let reason = all.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            format!("{} is no regular expression: {reason}", quoted(text))
        });
        self.take(regex, at)
    }
}

fn method(text: &str) -> Result<Method, String> {
    let method = Method::from_bytes(text.as_bytes()).map_err(|_| format!("{} is no method", quoted(text)))?;
    if text.bytes().any(|byte| byte.is_ascii_lowercase()) {
        return Err(format!(
            "{} is no method; they are told apart by case, as `{}`",
            quoted(text),
            text.to_uppercase()
        ));
    }
    Ok(method)
}

/// A range of addresses, or one address.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    let net = text.parse().or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from));
    let net: IpNet =
        net.map_err(|_| format!("{} is no range of addresses; write `10.0.0.0/8`", quoted(text)))?;
    if net.trunc() == net {
        Ok(net)
    } else {
        Err(format!("{} has bits beyond its prefix; is `{}` meant?", quoted(text), net.trunc()))
    }
}

/// A name from the first host and path, told apart by a number where that is taken.
fn unused_name(matcher: &Matcher, names: &mut HashSet<String>) -> String {
    let host = matcher.hosts.first().map(ToString::to_string).unwrap_or_default();
    let path = matcher.paths.first().map_or("/*".to_owned(), ToString::to_string);
    let name: String = format!("{host}{path}").chars().filter(|c| !c.is_control()).take(100).collect();
    let mut unused = name.clone();
    let mut number = 2;
    while !names.insert(unused.clone()) {
        unused = format!("{name} ({number})");
        number += 1;
    }
    unused
}
