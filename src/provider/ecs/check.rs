//! Does the configuration fit what there is on AWS, and may the gateway do what it has to?
//!
//! Everything that is wrong is found at once; a service that is sound is served whatever is wrong with another.

mod permissions;
mod service;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use aws_config::SdkConfig;

use self::permissions::Permissions;
use super::api::{Api, SERVICES_PER_REQUEST, Urgency};
use super::state::{Definition, NoState, ServiceState, name_of};
use super::trouble::{Kind as Failure, Trouble};
use super::{Ecs, Settings};
use crate::model::{EcsSpec, Kind, Spec};

/// Something that the operator should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The service it is about, by its name in the configuration; `None`: more than one.
    pub service: Option<Arc<str>>,
    /// How bad it is.
    pub weight: Weight,
    /// What it is, in one sentence.
    pub words: String,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// All that is to be known, in the order of the configuration.
    pub findings: Vec<Finding>,
    /// Everything could be found out. Otherwise it is worth checking again.
    pub is_whole: bool,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// It cannot work like this.
    Wrong,
    /// It could not be found out.
    Unknown,
    /// It works, but something else may get in its way.
    Note,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.service {
            Some(service) => write!(f, "{service}: {}", self.words),
            None => f.write_str(&self.words),
        }
    }
}

/// How far a check goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// What a gateway looks at when it starts: reads only, and no more than it can afford with thousands of services.
    Start,
    /// Every permission for every service.
    Full,
}

impl Ecs {
    /// What is wrong with these services, and which permissions to read are missing. Makes no changes and tries none.
    pub async fn check(&self, specs: &[Arc<Spec>]) -> Report {
        Checker::new(&self.api, &self.settings, Depth::Start).check(specs).await
    }
}

/// What is wrong with these services, and which permissions are missing: those to read are used, those to change are
/// tried with requests that ask for something impossible. `seed` is that of the pauses between attempts.
pub async fn check(config: &SdkConfig, settings: &Settings, specs: &[Arc<Spec>], seed: u64) -> Vec<Finding> {
    let api = Api::new(config, settings, seed);
    Checker::new(&api, settings, Depth::Full).check(specs).await.findings
}

/// One service that is checked.
#[derive(Clone, Copy, Debug)]
struct Subject<'s> {
    spec: &'s Arc<Spec>,
    ecs: &'s EcsSpec,
}

/// A check under way.
struct Checker<'c> {
    api: &'c Api,
    settings: &'c Settings,
    depth: Depth,
    findings: Vec<Finding>,
    permissions: Permissions,
    /// Several services often share one.
    definitions: BTreeMap<String, Option<Definition>>,
    /// What could not be found out, each told once.
    told: BTreeSet<String>,
    /// AWS does not answer, or not to us: every further request would end the same way, after as long a wait.
    is_over: bool,
}

impl<'c> Checker<'c> {
    fn new(api: &'c Api, settings: &'c Settings, depth: Depth) -> Self {
        Self {
            api,
            settings,
            depth,
            findings: Vec::new(),
            permissions: Permissions::default(),
            definitions: BTreeMap::new(),
            told: BTreeSet::new(),
            is_over: false,
        }
    }

    async fn check(mut self, specs: &[Arc<Spec>]) -> Report {
        let mut clusters: BTreeMap<&str, Vec<Subject<'_>>> = BTreeMap::new();
        for spec in specs {
            if let Kind::Ecs(ecs) = &spec.kind {
                clusters.entry(name_of(&ecs.cluster)).or_default().push(Subject { spec, ecs });
            }
        }
        for subjects in clusters.values() {
            self.cluster(subjects).await;
        }
        self.queue().await;
        let mut findings = self.findings;
        findings.extend(self.permissions.findings());
        let order: BTreeMap<&str, usize> =
            specs.iter().enumerate().map(|(at, spec)| (&*spec.name, at)).collect();
        // A stable sort: what is found about one service keeps its order; what is about several comes last.
        findings.sort_by_key(|finding| {
            finding.service.as_ref().and_then(|name| order.get(&**name)).copied().unwrap_or(usize::MAX)
        });
        let is_whole = !self.is_over && findings.iter().all(|finding| finding.weight != Weight::Unknown);
        Report { findings, is_whole }
    }

    /// Checks the services of one cluster.
    async fn cluster(&mut self, subjects: &[Subject<'_>]) {
        let mut reader = None;
        // What was learnt of some goes before the next are asked for: there may be thousands.
        for batch in subjects.chunks(SERVICES_PER_REQUEST) {
            for (subject, state) in self.describe(batch).await {
                self.service(subject, &state).await;
                if self.depth == Depth::Full {
                    self.try_changing(subject, &state).await;
                }
                reader = reader.or(Some(subject));
            }
        }
        if let Some(subject) = reader {
            self.try_reading(subject).await;
        }
    }

    /// Describes services of one cluster; those that there are.
    async fn describe<'s>(&mut self, subjects: &[Subject<'s>]) -> Vec<(Subject<'s>, ServiceState)> {
        let mut sound = Vec::new();
        let Some(first) = subjects.first().filter(|_| !self.is_over) else { return sound };
        let names: BTreeSet<&str> = subjects.iter().map(|subject| subject.ecs.service.as_str()).collect();
        let names: Vec<&str> = names.into_iter().collect();
        match self.api.services(&first.ecs.cluster, &names, Urgency::Watch).await {
            Ok(states) => {
                for subject in subjects {
                    match states.get(&subject.ecs.service) {
                        Some(Ok(state)) => sound.push((*subject, state.clone())),
                        Some(Err(NoState::Nonsense(nonsense))) => {
                            let words = format!("what ECS says of it makes no sense: {nonsense}");
                            self.found(*subject, Weight::Unknown, words);
                        }
                        Some(Err(NoState::Refused(trouble))) => self.failed(Some(*subject), trouble),
                        Some(Err(NoState::Missing)) | None => {
                            let EcsSpec { cluster, service, .. } = subject.ecs;
                            let words = format!("ECS has no service `{service}` in cluster `{cluster}`");
                            self.found(*subject, Weight::Wrong, words);
                        }
                    }
                }
            }
            Err(Trouble { kind: Failure::ClusterNotFound, .. }) => {
                for subject in subjects {
                    let words = format!("ECS has no cluster `{}`", subject.ecs.cluster);
                    self.found(*subject, Weight::Wrong, words);
                }
            }
            Err(trouble) => {
                for subject in subjects {
                    self.failed(Some(*subject), &trouble);
                }
            }
        }
        sound
    }

    /// Checks one service that there is.
    async fn service(&mut self, subject: Subject<'_>, state: &ServiceState) {
        let findings = service::of_itself(subject.spec, subject.ecs, state);
        self.found_all(subject, findings);
        if service::wants_addresses(subject.spec, subject.ecs) {
            if state.task_definition.is_empty() {
                let words = "its task sets carry task definitions of their own: its port was not checked";
                self.found(subject, Weight::Note, words.to_owned());
            } else if let Some(definition) = self.definition(subject, &state.task_definition).await {
                self.found_all(subject, service::of_its_definition(subject.ecs, &definition));
            }
        }
        if let Some(group) = subject.spec.target_group() {
            self.target_group(subject, state, &group.arn).await;
        }
    }

    async fn definition(&mut self, subject: Subject<'_>, arn: &str) -> Option<Definition> {
        if let Some(known) = self.definitions.get(arn) {
            return known.clone();
        }
        let found = self.ask(subject, self.api.task_definition(arn)).await;
        if !self.is_over {
            self.definitions.insert(arn.to_owned(), found.clone());
        }
        found
    }

    async fn target_group(&mut self, subject: Subject<'_>, state: &ServiceState, arn: &str) {
        if self.is_over {
            return;
        }
        match self.api.target_group(arn).await {
            Ok(group) => self.found_all(subject, service::of_its_group(state, &group)),
            Err(Trouble { kind: Failure::ServiceNotFound | Failure::Invalid, .. }) => {
                self.found(subject, Weight::Wrong, format!("there is no target group `{arn}`"));
                return;
            }
            Err(trouble) => self.failed(Some(subject), &trouble),
        }
        self.ask(subject, self.api.target_health(arn, Urgency::Watch)).await;
    }

    /// Whether the queue can be read; and emptied, in a full check.
    async fn queue(&mut self) {
        let Some(url) = self.settings.queue_url.as_deref() else { return };
        if self.is_over {
            return;
        }
        match self.api.try_receive(url).await {
            Ok(()) if self.depth == Depth::Full => {
                if let Err(trouble) = self.api.try_delete(url).await {
                    self.failed(None, &trouble);
                }
            }
            Ok(()) => {}
            Err(Trouble { kind: Failure::ServiceNotFound | Failure::Invalid, words, .. }) => {
                let words = format!("there is no queue `{url}`: {words}");
                self.findings.push(Finding { service: None, weight: Weight::Wrong, words });
            }
            Err(trouble) => self.failed(None, &trouble),
        }
    }

    /// The answer to a request about a service, where there is one; otherwise it is noted why not.
    async fn ask<T>(
        &mut self,
        subject: Subject<'_>,
        request: impl Future<Output = Result<T, Trouble>>,
    ) -> Option<T> {
        if self.is_over {
            return None;
        }
        request.await.map_err(|trouble| self.failed(Some(subject), &trouble)).ok()
    }

    /// Notes a request that failed; a missing permission together with those who miss it.
    fn failed(&mut self, subject: Option<Subject<'_>>, trouble: &Trouble) {
        match &trouble.kind {
            Failure::Denied { action, resource } => {
                self.permissions.lacks(action, resource, subject.map(|subject| &subject.spec.name));
            }
            Failure::Expired | Failure::Unreachable => {
                self.is_over = true;
                let weight = if trouble.kind == Failure::Expired { Weight::Wrong } else { Weight::Unknown };
                self.tell_once(weight, trouble.to_string());
            }
            _ => self.tell_once(Weight::Unknown, trouble.to_string()),
        }
    }

    fn tell_once(&mut self, weight: Weight, words: String) {
        if self.told.insert(words.clone()) {
            self.findings.push(Finding { service: None, weight, words });
        }
    }

    fn found(&mut self, subject: Subject<'_>, weight: Weight, words: String) {
        self.findings.push(Finding { service: Some(subject.spec.name.clone()), weight, words });
    }

    fn found_all(&mut self, subject: Subject<'_>, findings: Vec<(Weight, String)>) {
        for (weight, words) in findings {
            self.found(subject, weight, words);
        }
    }
}
