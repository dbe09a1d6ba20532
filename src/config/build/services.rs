use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::super::file::{self, DependsOn, File, OneOrMany};
use super::super::node::At;
use super::super::problem::quoted;
use super::super::value;
use super::super::walk::nearest;
use super::Build;
use crate::model::{
    Check, Condition, Dependency, Graph, GraphError, Kind, Limits, ProcessSpec, Protocol, Spec, StartOrder,
};

/// Where the limits of a service are written: in itself, or in `defaults`.
struct Written<'f> {
    idle_after: &'f Option<file::Duration>,
    wake_timeout: &'f Option<file::Duration>,
    hold_timeout: &'f Option<file::Duration>,
    page_after: &'f Option<file::Duration>,
    max_held: Option<usize>,
    answer_timeout: &'f Option<file::Duration>,
    max_in_flight: Option<u32>,
    expected_wake: &'f Option<file::Duration>,
}

macro_rules! written {
    ($from:expr) => {{
        let from = $from;
        Written {
            idle_after: &from.idle_after,
            wake_timeout: &from.wake_timeout,
            hold_timeout: &from.hold_timeout,
            page_after: &from.page_after,
            max_held: from.max_held,
            answer_timeout: &from.answer_timeout,
            max_in_flight: from.max_in_flight,
            expected_wake: &from.expected_wake,
        }
    }};
}

impl Build<'_> {
    /// The services and their edges; `None` where they make no graph.
    pub(super) fn graph(&mut self, file: &File, at: &At<'_>) -> Option<Graph> {
        let defaults = match &file.defaults {
            Some(defaults) => self.limits(&written!(defaults), &Limits::default(), &at.key("defaults")),
            None => Limits::default(),
        };
        let none = BTreeMap::new();
        let services = file.services.as_ref().unwrap_or(&none);
        let places: HashMap<&str, At<'_>> = at.key("services").entries().collect();
        let mut specs = Vec::new();
        let mut jobs: BTreeSet<Arc<str>> = BTreeSet::new();
        // In the file's order, which the map does not keep.
        for (name, place) in at.key("services").entries() {
            let Some(service) = services.get(name) else { continue };
            let Some(mut spec) = self.spec(name, service, &defaults, &place) else { continue };
            spec.depends_on = self.dependencies(service, &place.key("depends_on"), &places);
            let awaited = spec.depends_on.iter().filter(|edge| edge.condition == Condition::Completed);
            for edge in awaited {
                jobs.insert(edge.on.clone());
                let on_a_process = services.get(&*edge.on).is_none_or(|service| service.process.is_some());
                if !on_a_process {
                    let message =
                        format!("`{}` runs on and on; only a `process` can be `completed`", edge.on);
                    self.report(place.key("depends_on").key(&edge.on).problem(message));
                }
            }
            specs.push(spec);
        }
        for spec in &mut specs {
            if let Kind::Process(process) = &mut spec.kind {
                process.job = jobs.contains(&spec.name);
            }
        }
        self.ecs_twins(&specs, &at.key("services"));
        match Graph::new(specs) {
            Ok(graph) => Some(graph),
            Err(errors) => {
                for error in errors {
                    self.no_graph(&error, &places);
                }
                None
            }
        }
    }

    fn no_graph(&mut self, error: &GraphError, places: &HashMap<&str, At<'_>>) {
        let service = match error {
            GraphError::Cycle(path) => path.first(),
            // The service that is missing was found wrong itself.
            GraphError::Missing { .. } if !self.problems.is_empty() => return,
            GraphError::Missing { service, .. } | GraphError::Duplicate(service) => Some(service),
        };
        if let Some(place) = service.and_then(|name| places.get(&**name)) {
            self.report(place.key("depends_on").key_problem(error.to_string()));
        }
    }

    fn spec(&mut self, name: &str, service: &file::Service, defaults: &Limits, at: &At<'_>) -> Option<Spec> {
        if !is_name(name) {
            let message = format!(
                "{} is no name of a service; it has letters, digits, `-`, `_` and `.`, begins with a letter or \
                 digit, and has 63 characters at most",
                quoted(name)
            );
            self.report(at.key_problem(message));
        }
        if at.has("process") && at.has("ecs") {
            self.report(at.key("ecs").key_problem("a service has one provider; `process` stands here too"));
        }
        if ["process", "ecs", "upstream"].iter().all(|key| self.lacks(at, key)) {
            self.report(at.key_problem("has none of `process`, `ecs` and `upstream`"));
        }
        let upstream = service.upstream.as_deref();
        let upstream = upstream.and_then(|text| self.take(value::upstream(text), &at.key("upstream")));
        let mut count = 1;
        let kind = if let Some(process) = &service.process {
            count = process.replicas.unwrap_or(1);
            Kind::Process(self.process(process, &at.key("process")))
        } else if let Some(ecs) = &service.ecs {
            count = ecs.desired_count.unwrap_or(1);
            Kind::Ecs(self.ecs(ecs, &at.key("ecs")))
        } else {
            Kind::Fixed
        };
        let has_address = upstream.is_some() || port(&kind).is_some() || matches!(kind, Kind::Fixed);
        let health = self.health(service.health.as_ref(), &at.key("health"), has_address);
        let by_group = health.as_ref().is_some_and(|health| matches!(health.check, Check::TargetGroup(_)));
        if by_group && !(matches!(kind, Kind::Ecs(_)) && upstream.is_some()) {
            self.report(at.key("health").key("target_group").key_problem(
                "goes with `ecs` and an `upstream`, the load balancer's address; without one, targets are tasks and \
                 are checked by `path` or `tcp`",
            ));
        }
        let protocol = match service.protocol {
            Some(file::Protocol::H2) => Protocol::H2,
            Some(file::Protocol::Http1) | None => Protocol::Http1,
        };
        let limits = self.limits(&written!(service), defaults, at);
        Some(Spec { count, upstream, protocol, health, limits, ..Spec::new(name, kind) })
    }

    fn process(&mut self, process: &file::Process, at: &At<'_>) -> ProcessSpec {
        let command = process.command.as_ref().map(|command| self.command(command, &at.key("command")));
        if process.replicas.is_some_and(|count| count > 1) && process.port.is_some_and(|port| port != 0) {
            self.report(at.key("replicas").problem("replicas cannot share one port; write `port: 0`"));
        }
        for name in process.env.iter().flatten().map(|(name, _)| name) {
            if name.is_empty() || name.contains(['=', '\0']) {
                let message = format!("{} is no name of a variable", quoted(name));
                self.report(at.key("env").key(name).key_problem(message));
            }
        }
        let stop_timeout = self.duration(process.stop_timeout.as_ref(), &at.key("stop_timeout"));
        ProcessSpec {
            command: command.unwrap_or_default(),
            env: process.env.clone().unwrap_or_default(),
            directory: process.directory.as_deref().map(|directory| self.path(directory)),
            port: process.port,
            stop_timeout: stop_timeout.unwrap_or(Duration::from_secs(10)),
            job: false,
        }
    }

    /// A program with its arguments.
    pub(super) fn command(&mut self, command: &OneOrMany, at: &At<'_>) -> Vec<String> {
        let words = match command {
            OneOrMany::One(line) => self.take(value::words(line), at),
            OneOrMany::Many(words) => Some(words.clone()),
        };
        let words = words.unwrap_or_else(|| vec!["reported".to_owned()]);
        if words.first().is_none_or(String::is_empty) {
            self.report(at.problem("names no program"));
        }
        if words.iter().any(|word| word.contains('\0')) {
            self.report(at.problem("has a NUL character"));
        }
        words
    }

    fn dependencies(
        &mut self,
        service: &file::Service,
        at: &At<'_>,
        places: &HashMap<&str, At<'_>>,
    ) -> Vec<Dependency> {
        let mut all: Vec<Dependency> = Vec::new();
        let mut add = |build: &mut Self, on: &str, edge: Option<&file::Dependency>, at: &At<'_>| {
            if !places.contains_key(on) {
                build.report(at.key_problem(no_service(on, places)));
            } else if all.iter().any(|other| &*other.on == on) {
                build.report(at.problem(format!("`{on}` stands here twice")));
            } else {
                let condition = match edge.and_then(|edge| edge.condition) {
                    Some(file::Condition::Started) => Condition::Started,
                    Some(file::Condition::Healthy) | None => Condition::Healthy,
                    Some(file::Condition::Completed) => Condition::Completed,
                };
                let start = match edge.and_then(|edge| edge.start) {
                    Some(file::Start::After) => StartOrder::After,
                    Some(file::Start::Together) if condition == Condition::Completed => {
                        let message =
                            "`completed` implies `start: after`: what has run to its end was there before";
                        build.report(at.key("start").problem(message));
                        StartOrder::After
                    }
                    None if condition == Condition::Completed => StartOrder::After,
                    Some(file::Start::Together) | None => StartOrder::Together,
                };
                all.push(Dependency { on: on.into(), condition, start });
            }
        };
        match &service.depends_on {
            None => {}
            Some(DependsOn::Names(names)) => {
                for (index, name) in names.iter().enumerate() {
                    add(self, name, None, &at.item(index));
                }
            }
            Some(DependsOn::Map(edges)) => {
                for (name, place) in at.entries() {
                    add(self, name, edges.get(name), &place);
                }
            }
        }
        all
    }

    fn limits(&mut self, written: &Written<'_>, base: &Limits, at: &At<'_>) -> Limits {
        let mut time = |duration: &Option<file::Duration>, key| self.time(duration.as_ref(), &at.key(key));
        let idle_after = time(written.idle_after, "idle_after");
        let wake_timeout = time(written.wake_timeout, "wake_timeout");
        let expected_wake = time(written.expected_wake, "expected_wake");
        let answer_timeout = time(written.answer_timeout, "answer_timeout");
        let hold_timeout = self.duration(written.hold_timeout.as_ref(), &at.key("hold_timeout"));
        let page_after = self.duration(written.page_after.as_ref(), &at.key("page_after"));
        Limits {
            idle_after: idle_after.unwrap_or(base.idle_after),
            wake_timeout: wake_timeout.unwrap_or(base.wake_timeout),
            hold_timeout: hold_timeout.unwrap_or(base.hold_timeout),
            page_after: page_after.unwrap_or(base.page_after),
            max_held: written.max_held.unwrap_or(base.max_held),
            answer_timeout: answer_timeout.unwrap_or(base.answer_timeout),
            max_in_flight: written.max_in_flight.or(base.max_in_flight),
            expected_wake: expected_wake.or(base.expected_wake),
        }
    }
}

/// The port that a provider knows of.
pub(super) fn port(kind: &Kind) -> Option<u16> {
    match kind {
        Kind::Process(process) => process.port,
        Kind::Ecs(ecs) => ecs.port,
        _ => None,
    }
}

/// That there is no service of this name, and which one may be meant.
pub(super) fn no_service(name: &str, places: &HashMap<&str, At<'_>>) -> String {
    let mut names: Vec<&str> = places.keys().copied().collect();
    names.sort_unstable();
    match nearest(name, names.into_iter()) {
        Some(near) => format!("there is no service {}; did you mean `{near}`?", quoted(name)),
        None => format!("there is no service {}", quoted(name)),
    }
}

/// Names stand in addresses of the admin API and in metrics.
fn is_name(name: &str) -> bool {
    name.len() <= 63
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}
