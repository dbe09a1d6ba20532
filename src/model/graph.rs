use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::{Condition, ServiceId, Spec, StartOrder};

/// One edge of a graph, seen from either end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// The service at the other end.
    pub to: ServiceId,
    /// What must be true of the dependency.
    pub condition: Condition,
    /// When the dependent's start is called.
    pub start: StartOrder,
}

impl Edge {
    /// Whether the dependent's door waits for the dependency.
    pub fn holds_door(self) -> bool {
        self.condition != Condition::Started
    }

    /// Whether the dependent's start waits for the condition, not for the call's acknowledgement alone.
    pub fn holds_start(self) -> bool {
        self.start == StartOrder::After || self.condition == Condition::Completed
    }
}

/// The services and their `depends_on` edges; acyclic from the moment it is built.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    specs: Vec<Arc<Spec>>,
    by_name: HashMap<Arc<str>, ServiceId>,
    dependencies: Vec<Vec<Edge>>,
    dependents: Vec<Vec<Edge>>,
}

/// Why a set of services is no graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GraphError {
    /// Two services of one name.
    Duplicate(Arc<str>),
    /// `service` depends on a name that is not there.
    Missing {
        /// The dependent.
        service: Arc<str>,
        /// The name it asks for.
        on: Arc<str>,
    },
    /// The names along a cycle; the first is not repeated at the end.
    Cycle(Vec<Arc<str>>),
}

impl fmt::Display for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duplicate(name) => write!(f, "the service `{name}` is defined twice"),
            Self::Missing { service, on } => {
                write!(f, "`{service}` depends on `{on}`, which is not a service")
            }
            Self::Cycle(path) => {
                write!(f, "services depend on each other in a circle: ")?;
                for name in path {
                    write!(f, "{name} -> ")?;
                }
                f.write_str(path.first().map_or("", |first| first))
            }
        }
    }
}

impl std::error::Error for GraphError {}

impl Graph {
    /// Builds the graph. Every problem is reported: all missing names, and one cycle a strongly connected part.
    ///
    /// # Errors
    /// The list of what is wrong, never empty.
    pub fn new(specs: impl IntoIterator<Item = Spec>) -> Result<Self, Vec<GraphError>> {
        let specs: Vec<Arc<Spec>> = specs.into_iter().map(Arc::new).collect();
        let mut errors = Vec::new();
        let mut by_name = HashMap::with_capacity(specs.len());
        for (index, spec) in specs.iter().enumerate() {
            let id = ServiceId(u32::try_from(index).unwrap_or(u32::MAX));
            if by_name.insert(spec.name.clone(), id).is_some() {
                errors.push(GraphError::Duplicate(spec.name.clone()));
            }
        }
        let mut dependencies = vec![Vec::new(); specs.len()];
        let mut dependents = vec![Vec::new(); specs.len()];
        for (index, spec) in specs.iter().enumerate() {
            for dependency in &spec.depends_on {
                let Some(&to) = by_name.get(&dependency.on) else {
                    errors
                        .push(GraphError::Missing { service: spec.name.clone(), on: dependency.on.clone() });
                    continue;
                };
                let (condition, start) = (dependency.condition, dependency.start);
                dependencies[index].push(Edge { to, condition, start });
                let to_dependent = ServiceId(u32::try_from(index).unwrap_or(u32::MAX));
                dependents[to.index()].push(Edge { to: to_dependent, condition, start });
            }
        }
        let graph = Self { specs, by_name, dependencies, dependents };
        errors.extend(graph.cycles());
        if errors.is_empty() { Ok(graph) } else { Err(errors) }
    }

    /// How many services there are.
    pub fn len(&self) -> usize {
        self.specs.len()
    }

    /// Whether there is no service at all.
    pub fn is_empty(&self) -> bool {
        self.specs.is_empty()
    }

    /// Every handle, in the order the services were given.
    pub fn ids(&self) -> impl Iterator<Item = ServiceId> + use<> {
        (0..u32::try_from(self.specs.len()).unwrap_or(u32::MAX)).map(ServiceId)
    }

    /// The service's description.
    pub fn spec(&self, id: ServiceId) -> &Arc<Spec> {
        &self.specs[id.index()]
    }

    /// The handle of the service of this name.
    pub fn id(&self, name: &str) -> Option<ServiceId> {
        self.by_name.get(name).copied()
    }

    /// What the service needs, directly.
    pub fn dependencies(&self, id: ServiceId) -> &[Edge] {
        &self.dependencies[id.index()]
    }

    /// What needs the service, directly.
    pub fn dependents(&self, id: ServiceId) -> &[Edge] {
        &self.dependents[id.index()]
    }

    /// The service with all that it depends on, dependencies before their dependents.
    pub fn closure(&self, id: ServiceId) -> Vec<ServiceId> {
        let mut order = Vec::new();
        let mut seen = vec![false; self.len()];
        // Depth first with an explicit stack: a long chain must not overflow the program's.
        let mut stack = vec![(id, 0)];
        seen[id.index()] = true;
        while let Some((at, next)) = stack.pop() {
            if let Some(edge) = self.dependencies(at).get(next) {
                stack.push((at, next + 1));
                if !std::mem::replace(&mut seen[edge.to.index()], true) {
                    stack.push((edge.to, 0));
                }
            } else {
                order.push(at);
            }
        }
        order
    }

    /// Every service, dependents before what they need.
    pub fn dependents_first(&self) -> Vec<ServiceId> {
        let mut order = Vec::with_capacity(self.len());
        let mut seen = vec![false; self.len()];
        for root in self.ids() {
            for id in self.closure(root) {
                if !std::mem::replace(&mut seen[id.index()], true) {
                    order.push(id);
                }
            }
        }
        order.reverse();
        order
    }

    /// One cycle for every part of the graph that has some.
    fn cycles(&self) -> Vec<GraphError> {
        const NEW: u8 = 0;
        const OPEN: u8 = 1;
        const DONE: u8 = 2;
        let mut state = vec![NEW; self.len()];
        let mut found = Vec::new();
        for root in self.ids() {
            if state[root.index()] != NEW {
                continue;
            }
            let mut stack = vec![(root, 0)];
            state[root.index()] = OPEN;
            while let Some((at, next)) = stack.pop() {
                let Some(edge) = self.dependencies(at).get(next) else {
                    state[at.index()] = DONE;
                    continue;
                };
                stack.push((at, next + 1));
                match state[edge.to.index()] {
                    NEW => {
                        state[edge.to.index()] = OPEN;
                        stack.push((edge.to, 0));
                    }
                    OPEN => {
                        let from = stack.iter().position(|(id, _)| *id == edge.to).unwrap_or(0);
                        let path = stack[from..].iter().map(|(id, _)| self.spec(*id).name.clone());
                        found.push(GraphError::Cycle(path.collect()));
                    }
                    _ => {}
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Dependency, Kind};
    use super::*;

    fn spec(name: &str, needs: &[&str]) -> Spec {
        let mut spec = Spec::new(name, Kind::Fixed);
        spec.depends_on = needs
            .iter()
            .map(|on| Dependency {
                on: (*on).into(),
                condition: Condition::Healthy,
                start: StartOrder::Together,
            })
            .collect();
        spec
    }

    #[test]
    fn closure_lists_dependencies_first_and_each_once() {
        let graph = Graph::new([
            spec("web", &["api", "cache"]),
            spec("api", &["db"]),
            spec("cache", &["db"]),
            spec("db", &[]),
            spec("other", &[]),
        ])
        .unwrap();
        let names: Vec<&str> =
            graph.closure(graph.id("web").unwrap()).into_iter().map(|id| &*graph.spec(id).name).collect();
        assert_eq!(names, ["db", "api", "cache", "web"]);
        let order = graph.dependents_first();
        let place = |name: &str| order.iter().position(|id| *graph.spec(*id).name == *name).unwrap();
        assert_eq!(order.len(), 5);
        assert!(place("web") < place("api") && place("cache") < place("db") && place("api") < place("db"));
    }

    #[test]
    fn a_cycle_is_named_as_a_path() {
        let errors = Graph::new([spec("a", &["b"]), spec("b", &["c"]), spec("c", &["b"])]).unwrap_err();
        assert_eq!(errors, [GraphError::Cycle(vec!["b".into(), "c".into()])]);
        assert!(errors[0].to_string().ends_with("b -> c -> b"));
    }

    #[test]
    fn every_missing_name_is_reported() {
        let errors = Graph::new([spec("a", &["x", "y"]), spec("a", &[])]).unwrap_err();
        assert_eq!(errors.len(), 3);
    }
}
