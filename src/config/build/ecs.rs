use std::collections::BTreeMap;

use super::super::file;
use super::super::node::At;
use super::super::problem::quoted;
use super::Build;
use crate::model::{EcsSpec, Kind, Spec};

impl Build<'_> {
    pub(super) fn ecs(&mut self, ecs: &file::Ecs, at: &At<'_>) -> EcsSpec {
        for (value, what) in [(&ecs.cluster, "cluster"), (&ecs.service, "service")] {
            if let Some(text) = value {
                self.take(identifier(text, what), &at.key(what));
            }
        }
        let (cluster, service) =
            (ecs.cluster.clone().unwrap_or_default(), ecs.service.clone().unwrap_or_default());
        if let Some(its) = cluster_in(&service)
            && !cluster.is_empty()
            && its != name_of(&cluster)
        {
            let message = format!("is of the cluster {}, not of {}", quoted(its), quoted(name_of(&cluster)));
            self.report(at.key("service").problem(message));
        }
        EcsSpec { cluster, service, port: ecs.port, desired_count: ecs.desired_count }
    }

    /// Two services of the configuration must not mean one of ECS: the one that is idle would stop the one that is
    /// not. `at` is the place of all services.
    pub(super) fn ecs_twins(&mut self, specs: &[Spec], at: &At<'_>) {
        let mut seen: BTreeMap<(&str, &str), &str> = BTreeMap::new();
        for spec in specs {
            let Kind::Ecs(ecs) = &spec.kind else { continue };
            let key = (name_of(&ecs.cluster), name_of(&ecs.service));
            if key.0.is_empty() || key.1.is_empty() {
                continue;
            }
            if let Some(first) = seen.get(&key) {
                let message = format!(
                    "means the same service of ECS as `{first}`: when one of them is idle, it would stop the other; \
                     keep one of them and let both routes name it"
                );
                self.report(at.key(&spec.name).key("ecs").key_problem(message));
            } else {
                seen.insert(key, &spec.name);
            }
        }
    }
}

/// The name or the ARN of a cluster or a service.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html>
fn identifier(text: &str, what: &str) -> Result<(), String> {
    let is_sound = match text.strip_prefix("arn:") {
        None => is_name(text),
        Some(rest) => {
            let parts: Vec<&str> = rest.splitn(5, ':').collect();
            match parts.as_slice() {
                [partition, "ecs", region, account, resource] => {
                    let mut names = resource.split('/');
                    let most = if what == "service" { 2 } else { 1 };
                    names.next() == Some(what)
                        && (1..=most).contains(&names.clone().count())
                        && names.all(is_name)
                        && [partition, region].iter().all(|part| is_name(part))
                        && !account.is_empty()
                        && account.bytes().all(|byte| byte.is_ascii_digit())
                }
                _ => false,
            }
        }
    };
    if is_sound {
        return Ok(());
    }
    Err(format!(
        "{} is neither the name of a {what} (letters, digits, `-` and `_`, 255 at most) nor its ARN",
        quoted(text)
    ))
}

fn is_name(text: &str) -> bool {
    (1..=255).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// The name at the end of an ARN; a name is its own.
fn name_of(text: &str) -> &str {
    text.rsplit('/').next().unwrap_or(text)
}

/// The cluster that the ARN of a service names; those of old name none.
fn cluster_in(service: &str) -> Option<&str> {
    let (_, resource) = service.strip_prefix("arn:")?.split_once(":service/")?;
    Some(resource.split_once('/')?.0)
}
