//! From the file to the plan: everything that the schema cannot say.

mod activity;
mod aws;
mod bounds;
mod ecs;
mod health;
mod listeners;
mod locks;
mod page;
mod routes;
mod services;
mod shutdown;
mod wake_limits;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::file::{self, File};
use super::node::At;
use super::plan::Plan;
use super::problem::{Problem, quoted};
use super::value;

/// Gathers problems while the plan is put together.
pub(super) struct Build<'b> {
    pub(super) problems: Vec<Problem>,
    /// Paths of keys that are mistyped rather than missing.
    pub(super) mistyped: HashSet<String>,
    /// What relative paths are relative to.
    pub(super) directory: &'b Path,
    /// Files that the plan was made from.
    pub(super) files: Vec<PathBuf>,
}

impl Build<'_> {
    /// The plan. Where there were problems, or there are some afterwards, it is not to be used.
    pub(super) fn plan(&mut self, file: &File, at: &At<'_>) -> Option<Plan> {
        let trusted = file.trusted_proxies.as_ref();
        let trusted_proxies = self.each(trusted, &at.key("trusted_proxies"), routes::network);
        let listeners = file.listeners.as_deref().unwrap_or_default();
        let listeners = self.listeners(listeners, trusted.is_some(), &at.key("listeners"));
        let admin = file.admin.as_ref().and_then(|admin| self.admin(admin, &at.key("admin"), &listeners));
        let graph = self.graph(file, at);
        let policy = self.gateway_policy(file.activity.as_ref(), &at.key("activity"));
        let locks = self.locks(file.locks.as_ref(), &at.key("locks"));
        let rules = self.rules(file, at, &graph, &policy, &locks);
        let aws = self.aws(file, at);
        let wake_limits = self.wake_limits(file.wake_limits.as_ref(), &at.key("wake_limits"));
        let page = self.page(file.page.as_ref(), &at.key("page"));
        let bounds = self.bounds(file.limits.as_ref(), &at.key("limits"));
        let timeouts = self.timeouts(file.timeouts.as_ref(), &at.key("timeouts"));
        let shutdown = self.shutdown(file.shutdown.as_ref(), &at.key("shutdown"));
        Some(Plan {
            listeners,
            trusted_proxies,
            makes_traces: !matches!(file.trace_headers, Some(file::TraceHeaders::Keep)),
            admin,
            graph: graph?,
            locks,
            rules,
            policy: policy.policy(),
            wake_limits,
            page,
            aws,
            bounds,
            timeouts,
            drain_delay: shutdown.delay,
            drain_timeout: shutdown.timeout,
            files: std::mem::take(&mut self.files),
        })
    }

    fn report(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// The value, if it is one; a problem at its place otherwise.
    fn take<T>(&mut self, result: Result<T, impl ToString>, at: &At<'_>) -> Option<T> {
        result.map_err(|error| self.report(at.problem(error.to_string()))).ok()
    }

    /// Whether a map neither has the key nor one that was probably meant to be it.
    fn lacks(&self, at: &At<'_>, key: &str) -> bool {
        at.is_map() && !at.has(key) && !self.mistyped.contains(at.key(key).path())
    }

    fn duration(&mut self, duration: Option<&file::Duration>, at: &At<'_>) -> Option<Duration> {
        self.take(value::duration(&duration?.0), at)
    }

    /// A duration that zero is none of.
    fn time(&mut self, duration: Option<&file::Duration>, at: &At<'_>) -> Option<Duration> {
        let duration = self.duration(duration, at)?;
        if duration.is_zero() {
            self.report(at.problem("must be more than nothing"));
            return None;
        }
        Some(duration)
    }

    /// Each value of a list, or the only one, read by `read`.
    fn each<T, E: ToString>(
        &mut self,
        values: Option<&file::OneOrMany>,
        at: &At<'_>,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Vec<T> {
        let values = values.map_or(&[][..], file::OneOrMany::as_slice);
        if values.is_empty() && at.node().is_some() {
            self.report(at.key_problem("must not be empty; leave the key out instead"));
        }
        let mut all = Vec::with_capacity(values.len());
        for (index, value) in values.iter().enumerate() {
            all.extend(self.take(read(value), &at.item(index)));
        }
        all
    }

    fn header_name(&mut self, name: &str, at: &At<'_>) -> Option<HeaderName> {
        let name = HeaderName::try_from(name).map_err(|_| format!("{} is no name of a header", quoted(name)));
        name.map_err(|message| self.report(at.key_problem(message))).ok()
    }

    fn header_value(&mut self, value: &str, at: &At<'_>) -> Option<HeaderValue> {
        self.take(HeaderValue::from_str(value).map_err(|_| "has a character that no header may have"), at)
    }

    /// Headers to be sent. Those that frame a message or belong to one connection are the gateway's own.
    fn headers<'f>(
        &mut self,
        headers: Option<impl IntoIterator<Item = (&'f String, &'f String)>>,
        at: &At<'_>,
    ) -> Vec<(HeaderName, HeaderValue)> {
        let mut all = Vec::new();
        for (name, value) in headers.into_iter().flatten() {
            let at = at.key(name);
            let (name, value) = (self.own_header(name, &at), self.header_value(value, &at));
            all.extend(name.zip(value));
        }
        all
    }

    /// The name of a header that a configuration may send or change.
    fn own_header(&mut self, name: &str, at: &At<'_>) -> Option<HeaderName> {
        const FRAMING: [&str; 9] = [
            "connection",
            "content-length",
            "keep-alive",
            "proxy-connection",
            "te",
            "trailer",
            "transfer-encoding",
            "upgrade",
            "host",
        ];
        let name = self.header_name(name, at)?;
        if name == "host" {
            self.report(
                at.key_problem("`host` is not changed as a header; use the route's `rewrite: { host: … }`"),
            );
        } else if FRAMING.contains(&name.as_str()) {
            self.report(
                at.key_problem(format!("`{name}` belongs to the connection, which the gateway keeps")),
            );
        }
        Some(name)
    }

    fn header_map<'f>(
        &mut self,
        headers: Option<impl IntoIterator<Item = (&'f String, &'f String)>>,
        at: &At<'_>,
    ) -> HeaderMap {
        self.headers(headers, at).into_iter().collect()
    }

    fn path(&self, path: &str) -> PathBuf {
        self.directory.join(path)
    }
}
