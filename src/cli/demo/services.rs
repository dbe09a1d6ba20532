//! The demo's services, as specs.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::Duration;

use super::CHILD_VERB;
use super::child::Role;
use crate::model::{
    Check, Condition, Dependency, Health, HttpCheck, Kind, Limits, ProcessSpec, Spec, StartOrder,
};
use crate::net::free_port;

/// Observed quiet after which the demo's services go to sleep, so that 20 s after a visit all of them do.
pub const IDLE_AFTER: Duration = Duration::from_secs(15);

/// The demo's services, to be run from the binary `exe` on ports that are free now. The one to route to is `web`.
///
/// # Errors
/// No free ports on the loopback address, or a path to the binary that is not UTF-8.
pub fn services(exe: &Path) -> io::Result<Vec<Spec>> {
    let exe = exe.to_str().ok_or_else(|| io::Error::other("the path of this program is not UTF-8"))?;
    // All three at once: a port that is given back could be picked again.
    let held = [(); 3].map(|()| free_port());
    let mut ports = Vec::new();
    for listener in held {
        ports.push(listener.and_then(|listener| Ok((listener.local_addr()?.port(), listener)))?);
    }
    let [db, api, web] = [0, 1, 2].map(|index| ports[index].0);
    let at = |port: u16| format!("127.0.0.1:{port}");
    Ok(vec![
        service(exe, Role::Web, Some(web), 1000, &[("API", at(api))])
            .needs(Role::Api, Condition::Healthy)
            .needs(Role::Worker, Condition::Started)
            .spec,
        service(exe, Role::Api, Some(api), 1500, &[("DB", at(db))]).needs(Role::Db, Condition::Healthy).spec,
        service(exe, Role::Db, Some(db), 2000, &[]).spec,
        service(exe, Role::Worker, None, 4000, &[]).spec,
    ])
}

struct Service {
    spec: Spec,
}

fn service(exe: &str, role: Role, port: Option<u16>, boot_ms: u64, knows: &[(&str, String)]) -> Service {
    let mut env: BTreeMap<String, String> =
        knows.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    env.insert("BOOT_MS".to_owned(), boot_ms.to_string());
    let process = ProcessSpec {
        command: [exe, CHILD_VERB, role.as_str()].map(str::to_owned).into(),
        env,
        directory: None,
        port,
        stop_timeout: Duration::from_secs(5),
        job: false,
    };
    let mut spec = Spec::new(role.as_str(), Kind::Process(process));
    spec.health = port.map(|_| Health {
        check: Check::Http(HttpCheck { path: "/healthz".to_owned(), status: vec![(200, 299)], host: None }),
        interval: Duration::from_millis(200),
        timeout: Duration::from_secs(1),
    });
    let expected_wake = Some(Duration::from_millis(boot_ms));
    spec.limits = Limits { idle_after: IDLE_AFTER, expected_wake, ..Limits::default() };
    Service { spec }
}

impl Service {
    fn needs(mut self, role: Role, condition: Condition) -> Self {
        let on = role.as_str().into();
        self.spec.depends_on.push(Dependency { on, condition, start: StartOrder::Together });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Graph;

    #[test]
    fn the_services_are_a_graph_with_a_port_each_but_for_the_worker() {
        let graph = Graph::new(services(Path::new("/bin/wakegate")).unwrap()).unwrap();
        let closure = graph.closure(graph.id("web").unwrap());
        assert_eq!(closure.len(), 4);
        let mut ports = Vec::new();
        for id in closure {
            let Kind::Process(process) = &graph.spec(id).kind else { panic!("not a process") };
            assert_eq!(process.command[..2], ["/bin/wakegate", "demo-child"]);
            assert_eq!(process.command[2], *graph.spec(id).name);
            assert_eq!(process.port.is_some(), graph.spec(id).health.is_some());
            ports.extend(process.port);
        }
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 3);
    }
}
