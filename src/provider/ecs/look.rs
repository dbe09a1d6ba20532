//! One look at services: as few requests as tell how they are doing.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::time::timeout;

use super::Ecs;
use super::api::Urgency;
use super::join;
use super::key::Key;
use super::ledger::{Ask, Look, View};
use super::raise::there_is;
use super::state::{Task, Wanted};
use super::trouble::Trouble;
use crate::model::{EcsSpec, Fault, Observation, Spec, Time};

/// A service of the look, and whether something went wrong with it so far.
#[derive(Debug)]
struct Seen {
    look: Look,
    describe: bool,
    ask: Ask,
    result: Result<(), Fault>,
}

/// One of the specs to look at.
type Asked<'a> = (&'a Arc<Spec>, &'a EcsSpec);

/// The services of one cluster in one look, by their keys.
type Round = BTreeMap<Key, Seen>;

impl Ecs {
    /// Looks at services of one cluster. Those that somebody is likely to wait for are asked about in requests of their
    /// own: they neither wait for the others nor lift them.
    pub(super) async fn look(&self, cluster: &str, specs: &[Asked<'_>]) -> Vec<Result<Observation, Fault>> {
        let now = self.clock.now();
        let is_waited_for =
            |ecs: &EcsSpec| self.ledger.with(&Key::of(ecs), |record| record.is_waited_for(now));
        let (waited, others): (Vec<Asked<'_>>, Vec<Asked<'_>>) =
            specs.iter().copied().partition(|(_, ecs)| is_waited_for(ecs));
        if others.is_empty() || waited.is_empty() {
            let urgency = if others.is_empty() { Urgency::Poll } else { Urgency::Watch };
            return self.look_at(cluster, specs, urgency).await;
        }
        let watch = async {
            // One answer brings both back.
            let watch = self.look_at(cluster, &others, Urgency::Watch);
            let late = |_| others.iter().map(|_| Err(self.no_answer())).collect();
            timeout(self.settings.request_timeout, watch).await.unwrap_or_else(late)
        };
        let poll = Box::pin(self.look_at(cluster, &waited, Urgency::Poll));
        let (polled, watched) = tokio::join!(poll, Box::pin(watch));
        let mut seen: BTreeMap<&str, Result<Observation, Fault>> = BTreeMap::new();
        seen.extend(waited.iter().map(|(spec, _)| &*spec.name).zip(polled));
        seen.extend(others.iter().map(|(spec, _)| &*spec.name).zip(watched));
        let of = |(spec, ecs): &Asked<'_>| {
            seen.get(&*spec.name).cloned().unwrap_or_else(|| Err(unanswered(&Key::of(ecs))))
        };
        specs.iter().map(of).collect()
    }

    /// Looks at services of one cluster, with one urgency.
    async fn look_at(
        &self,
        cluster: &str,
        specs: &[Asked<'_>],
        urgency: Urgency,
    ) -> Vec<Result<Observation, Fault>> {
        let begun = self.clock.now();
        let told = self.events.as_ref().is_some_and(|events| events.tell_of(cluster));
        let mut round = Round::new();
        for (spec, ecs) in specs {
            let key = Key::of(ecs);
            if round.contains_key(&key) {
                // Two names for one service.
                self.ledger.with(&key, |record| record.asked_for_by(&spec.name));
                continue;
            }
            let seen = self.ledger.with(&key, |record| {
                record.asked_for_by(&spec.name);
                let look = record.look(begun, told);
                Seen { look, describe: record.wants_description(&look), ask: Ask::default(), result: Ok(()) }
            });
            round.insert(key, seen);
        }
        self.describe_services(cluster, &mut round, begun, urgency).await;
        self.describe_tasks(cluster, &mut round, begun, urgency).await;
        for (key, seen) in &round {
            if seen.result.is_ok() {
                self.resume_if_due(key);
            }
        }
        join::all(specs.iter().map(|(spec, ecs)| self.conclude(spec, ecs, &round, urgency))).await
    }

    async fn describe_services(&self, cluster: &str, round: &mut Round, begun: Time, urgency: Urgency) {
        let names: Vec<&str> =
            round.iter().filter(|(_, seen)| seen.describe).map(|(key, _)| &*key.service).collect();
        if names.is_empty() {
            return;
        }
        let answer = self.api.services(cluster, &names, urgency).await;
        let now = self.now();
        for (key, seen) in round.iter_mut().filter(|(_, seen)| seen.describe) {
            let state = match &answer {
                Ok(states) => states.get(&*key.service).cloned().ok_or_else(|| unanswered(key)),
                Err(trouble) => Err(trouble.fault()),
            };
            match state.and_then(|state| there_is(key, state)) {
                Ok(state) => self.ledger.with(key, |record| record.described(state, begun, now)),
                Err(fault) => seen.result = Err(fault),
            }
        }
    }

    /// Lists the tasks of the services that need it, then describes all that are to be described in one go.
    async fn describe_tasks(&self, cluster: &str, round: &mut Round, begun: Time, urgency: Urgency) {
        let wall = self.api.wall();
        for (key, seen) in round.iter_mut().filter(|(_, seen)| seen.result.is_ok()) {
            seen.ask = self.ledger.with(key, |record| record.ask(&seen.look, wall));
        }
        let lists = round.iter().map(|(key, seen)| async {
            // One that is slow does not hold up the others.
            let list = timeout(self.settings.request_timeout, self.list(key, &seen.ask, urgency));
            list.await.map_err(|_| self.no_answer())?.map_err(|trouble| trouble.fault())
        });
        let lists = join::all(lists).await;
        let mut owners: BTreeMap<Arc<str>, Key> = BTreeMap::new();
        for ((key, seen), listed) in round.iter_mut().zip(lists) {
            match listed {
                Ok(more) => {
                    let arns = seen.ask.describe.iter().cloned().chain(more);
                    owners.extend(arns.map(|arn| (arn, key.clone())));
                }
                Err(fault) => seen.result = Err(fault),
            }
        }
        let arns: Vec<Arc<str>> = owners.keys().cloned().collect();
        let answer = if arns.is_empty() {
            Ok((Vec::new(), Vec::new()))
        } else {
            self.api.tasks(cluster, &arns, urgency).await
        };
        match answer {
            Ok((tasks, missing)) => {
                if let Some(events) = &self.events {
                    events.compare(&tasks);
                }
                self.take_tasks(round, &owners, &tasks, &missing, begun);
            }
            Err(trouble) => {
                for key in owners.values() {
                    if let Some(seen) = round.get_mut(key) {
                        seen.result = Err(trouble.fault());
                    }
                }
            }
        }
    }

    /// Lists what is to be listed; answers with the tasks that are to be described because of it.
    async fn list(&self, key: &Key, ask: &Ask, urgency: Urgency) -> Result<Vec<Arc<str>>, Trouble> {
        let mut describe = Vec::new();
        if ask.list {
            let arns = self.api.list_tasks(&key.cluster, &key.service, Wanted::Running, urgency).await?;
            describe.extend(self.ledger.with(key, |record| record.ask_about(&arns)));
        }
        if ask.list_stopped {
            let arns = self.api.list_tasks(&key.cluster, &key.service, Wanted::Stopped, urgency).await?;
            describe.extend(self.ledger.with(key, |record| record.never_heard_of(&arns)));
        }
        Ok(describe)
    }

    fn take_tasks(
        &self,
        round: &Round,
        owners: &BTreeMap<Arc<str>, Key>,
        tasks: &[Task],
        missing: &[Arc<str>],
        begun: Time,
    ) {
        let wall = self.api.wall();
        for (key, seen) in round.iter().filter(|(_, seen)| seen.result.is_ok()) {
            let mine = |arn: &Arc<str>| owners.get(arn) == Some(key);
            let tasks = tasks.iter().filter(|task| mine(&task.arn)).cloned().collect();
            let missing: Vec<_> = missing.iter().filter(|arn| mine(arn)).cloned().collect();
            for name in self.ledger.tasks_described(key, tasks, &missing, begun, wall) {
                self.nudge.look_at(&name);
            }
            self.ledger.with(key, |record| {
                if seen.ask.list {
                    record.listed();
                }
                if seen.ask.list_stopped {
                    record.listed_stopped();
                }
            });
        }
    }

    /// What the engine is told of one spec.
    async fn conclude(
        &self,
        spec: &Spec,
        ecs: &EcsSpec,
        round: &Round,
        urgency: Urgency,
    ) -> Result<Observation, Fault> {
        let key = Key::of(ecs);
        round.get(&key).ok_or_else(|| unanswered(&key))?.result.clone()?;
        let group = match spec.target_group() {
            Some(group) if self.ledger.with(&key, |record| record.may_pass()) => {
                let health = self.api.target_health(&group.arn, urgency);
                let health = timeout(self.settings.request_timeout, health).await;
                let health = health.map_err(|_| self.no_answer())?;
                Some(health.map_err(|trouble| trouble.fault())?)
            }
            _ => None,
        };
        let view = View {
            port: ecs.port,
            only_running: ecs.port.is_none() || spec.upstream.is_some(),
            group: group.as_ref(),
            now: self.clock.now(),
        };
        self.ledger.view(&key, &view).ok_or_else(|| unanswered(&key))
    }
}

impl Ecs {
    /// Others of the same look do not wait for longer than one request may take.
    fn no_answer(&self) -> Fault {
        let seconds = self.settings.request_timeout.as_secs_f64();
        Fault::new(format!("no answer from AWS within {seconds:.1} seconds"))
            .told_as("The platform does not answer at the moment.")
    }
}

fn unanswered(key: &Key) -> Fault {
    Fault::new(format!("ECS did not say anything about {key}"))
}
