//! `wakegate explain`: what would become of a request, without sending it.

mod trace;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method, Uri};

pub use trace::trace;

use super::graph::{shown, words};
use super::{Failure, load, output};
use crate::config::Config;
use crate::model::{Graph, ServiceId};

/// Tell which route a request takes, what it would wake, and what is answered while that sleeps
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "Example:\n  wakegate explain --config wakegate.yaml GET http://shop.demo.example.com/cart -H 'accept: text/html'"
)]
pub struct Args {
    /// The method, such as GET
    #[arg(value_name = "METHOD")]
    pub method: Method,
    /// The URL, with the host that the routes look at
    #[arg(value_name = "URL")]
    pub url: Uri,
    /// A header of the request; may be given more than once
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The address that the request comes from
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub from: IpAddr,
}

impl Args {
    pub(super) fn run(&self, config: &Config) -> Result<(), Failure> {
        let plan = load(config)?;
        output::print(&trace(self, &plan.rules, &plan.policy, &plan.graph).to_string())
    }
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("has no colon: write 'name: value'")?;
    let name = name.trim().parse().map_err(|_| "does not begin with a header's name".to_owned())?;
    let value = value.trim().parse().map_err(|_| "has characters that no header may have".to_owned())?;
    Ok((name, value))
}

/// What would become of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The request: method and URL.
    pub request: String,
    /// The route that matches, by its name; `None` where none does.
    pub route: Option<Arc<str>>,
    /// What opens the route's lock, where it has one; whoever has nothing of it gets 401, and wakes nothing.
    pub lock: Option<String>,
    /// What that route does.
    pub answer: Answer,
}

/// What a route does with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Answered at once, in these words: not found, a redirect, a fixed response.
    AtOnce(String),
    /// Goes to a service.
    Service(ToService),
}

/// A request's way to a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToService {
    /// The service.
    pub service: Arc<str>,
    /// What it sees: method, path, query and host.
    pub sent_as: String,
    /// What the activity policy says of the request, and why.
    pub policy: String,
    /// What would wake, dependencies first: see [`wakes`]. Empty where the request wakes nothing.
    pub wakes: Vec<Wakes>,
    /// What is answered while the service sleeps.
    pub asleep: String,
}

/// One service that a request would wake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wakes {
    /// Its name.
    pub name: Arc<str>,
    /// What it asks of its dependencies: `db healthy, before its start`.
    pub needs: Vec<String>,
}

/// What waking this service wakes, dependencies first.
pub fn wakes(graph: &Graph, service: ServiceId) -> Vec<Wakes> {
    let closure = graph.closure(service).into_iter();
    closure
        .map(|id| Wakes {
            name: graph.spec(id).name.clone(),
            needs: graph
                .dependencies(id)
                .iter()
                .map(|edge| format!("{} {}", graph.spec(edge.to).name, words(*edge)))
                .collect(),
        })
        .collect()
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", shown(&self.request))?;
        let mut line = |label: &str, text: &str| writeln!(f, "{label:<9} {}", shown(text));
        line("route", self.route.as_deref().unwrap_or("none matches"))?;
        if let Some(lock) = &self.lock {
            line("lock", lock)?;
        }
        let to = match &self.answer {
            Answer::AtOnce(words) => return line("answer", words),
            Answer::Service(to) => to,
        };
        line("service", &to.service)?;
        line("sent as", &to.sent_as)?;
        line("policy", &to.policy)?;
        let width = to.wakes.iter().map(|wakes| wakes.name.chars().count()).max().unwrap_or(0);
        for (index, wakes) in to.wakes.iter().enumerate() {
            let label = if index == 0 { "wakes" } else { "" };
            if wakes.needs.is_empty() {
                line(label, &wakes.name)?;
            } else {
                line(label, &format!("{:<width$}  needs {}", wakes.name, wakes.needs.join("; ")))?;
            }
        }
        if to.wakes.is_empty() {
            line("wakes", "nothing")?;
        }
        line("asleep", &to.asleep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Condition, Dependency, Kind, Spec, StartOrder};

    fn graph() -> Graph {
        let mut api = Spec::new("api", Kind::External("fake".into()));
        api.depends_on = vec![Dependency {
            on: "database".into(),
            condition: Condition::Healthy,
            start: StartOrder::After,
        }];
        Graph::new([api, Spec::new("database", Kind::External("fake".into()))]).unwrap()
    }

    #[test]
    fn the_way_to_a_service_is_told_in_order() {
        let graph = graph();
        let explanation = Explanation {
            request: "GET http://shop.example.com/api/cart".into(),
            route: Some("routes[0]".into()),
            lock: Some("team: opened by a password; 401 without, and nothing wakes".into()),
            answer: Answer::Service(ToService {
                service: "api".into(),
                sent_as: "GET /cart".into(),
                policy: "wakes the service".into(),
                wakes: wakes(&graph, graph.id("api").unwrap()),
                asleep: "held for 25s, then 503".into(),
            }),
        };
        let expected = "\
GET http://shop.example.com/api/cart

route     routes[0]
lock      team: opened by a password; 401 without, and nothing wakes
service   api
sent as   GET /cart
policy    wakes the service
wakes     database
          api       needs database healthy, before its start
asleep    held for 25s, then 503
";
        assert_eq!(explanation.to_string(), expected);
    }

    #[test]
    fn an_answer_at_once_needs_no_more_words() {
        let explanation = Explanation {
            request: "GET /x".into(),
            route: None,
            lock: None,
            answer: Answer::AtOnce("404: no route matches".into()),
        };
        assert_eq!(
            explanation.to_string(),
            "GET /x\n\nroute     none matches\nanswer    404: no route matches\n"
        );
    }

    #[test]
    fn headers_are_read_as_curl_reads_them() {
        let (name, value) = header("X-Tenant:  acme:1 ").unwrap();
        assert_eq!((name.as_str(), value.to_str().unwrap()), ("x-tenant", "acme:1"));
        for wrong in ["accept", ": x", "a b: c", "a: b\nc"] {
            assert!(header(wrong).is_err(), "{wrong}");
        }
    }
}
