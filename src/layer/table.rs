//! The routes, each with what a request needs when it matches: looked up once, when the configuration is read.

use std::fmt;
use std::sync::Arc;

use crate::gate::Gate;
use crate::meter::RouteMeter;
use crate::model::{Graph, ServiceId};
use crate::page::Member;
use crate::route::{Action, Ambiguous, Head, Policy, Router, Rule, Verdict};

/// One route.
#[derive(Debug)]
pub struct Entry {
    /// As configured.
    pub rule: Arc<Rule>,
    /// Its service's gate, where it leads to one.
    pub gate: Option<Arc<Gate>>,
    pub(super) meter: Arc<RouteMeter>,
    /// The gates of the service's closure, dependencies first, and whether the service's door waits for each.
    closure: Vec<(Arc<Gate>, bool)>,
    pub(super) rewrites: bool,
    /// It has a lock, or may get the cookies of one.
    pub(super) keyed: bool,
}

impl Entry {
    /// Everything that the waiting page shows.
    pub(super) fn members(&self) -> Vec<Member> {
        let member = |(gate, needed_for_door): &(Arc<Gate>, bool)| Member {
            name: gate.name().clone(),
            view: gate.watch(),
            needed_for_door: *needed_for_door,
        };
        self.closure.iter().map(member).collect()
    }
}

/// All routes, in their order.
pub struct Table {
    router: Router<Arc<Entry>>,
    policy: Policy,
}

impl Table {
    /// The table of these rules over the services of `graph`. `gate` finds a service's gate, `meter` the counters of
    /// the route of a name ([`Metrics::meter`](crate::metrics::Metrics::meter)).
    pub fn new(
        rules: impl IntoIterator<Item = impl Into<Arc<Rule>>>,
        policy: Policy,
        graph: &Graph,
        gate: impl Fn(ServiceId) -> Arc<Gate>,
        meter: impl Fn(&str) -> Arc<RouteMeter>,
    ) -> Self {
        let rules: Vec<Arc<Rule>> = rules.into_iter().map(Into::into).collect();
        let cookies = rules.iter().any(|rule| rule.lock.as_ref().is_some_and(|lock| lock.has_links()));
        let entry = |rule: Arc<Rule>| {
            let id = match &rule.action {
                Action::Service(name) => graph.id(name),
                Action::Redirect(_) | Action::Respond(_) => None,
            };
            let matcher = rule.matcher.clone();
            let entry = Entry {
                gate: id.map(&gate),
                meter: meter(&rule.name),
                closure: id.map(|id| closure(graph, id, &gate)).unwrap_or_default(),
                rewrites: !rule.rewrite.is_empty(),
                keyed: cookies || rule.lock.is_some(),
                rule,
            };
            (matcher, Arc::new(entry))
        };
        Self { router: Router::new(rules.into_iter().map(entry).collect()), policy }
    }

    /// The first route that matches.
    ///
    /// # Errors
    /// [`Ambiguous`] where another would match if the path were read as some servers do.
    pub fn find(&self, head: &Head<'_>) -> Result<Option<&Arc<Entry>>, Ambiguous> {
        self.router.find(head)
    }

    /// What a request may do on this route.
    pub fn verdict<'a>(&'a self, entry: &'a Entry, head: &Head<'_>) -> &'a Verdict {
        entry.rule.policy.as_ref().unwrap_or(&self.policy).verdict(head)
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("routes", &self.router.len()).finish_non_exhaustive()
    }
}

fn closure(graph: &Graph, id: ServiceId, gate: impl Fn(ServiceId) -> Arc<Gate>) -> Vec<(Arc<Gate>, bool)> {
    let mut held_by = vec![false; graph.len()];
    held_by[id.index()] = true;
    let mut open = vec![id];
    while let Some(at) = open.pop() {
        for edge in graph.dependencies(at).iter().filter(|edge| edge.holds_door()) {
            if !std::mem::replace(&mut held_by[edge.to.index()], true) {
                open.push(edge.to);
            }
        }
    }
    graph.closure(id).into_iter().map(|member| (gate(member), held_by[member.index()])).collect()
}
