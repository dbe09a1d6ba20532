//! Descriptions that several ask for at the same moment, in as few requests as may be: a graph wakes as one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::api::{Api, SERVICES_PER_REQUEST, Urgency};
use super::join;
use super::key::Key;
use super::state::{NoState, ServiceState};
use super::trouble::Trouble;

/// How long the first waits for others. The engine sends the calls of a graph in one go.
const OTHERS_WITHIN: Duration = Duration::from_millis(2);

/// What became of a service that was asked for.
pub(super) type Answer = Result<Result<ServiceState, NoState>, Trouble>;

/// Gathers questions about services.
#[derive(Debug, Default)]
pub(super) struct Gather {
    waiting: Arc<Mutex<BTreeMap<Arc<str>, Vec<Waiting>>>>,
}

#[derive(Debug)]
struct Waiting {
    service: Arc<str>,
    answer: oneshot::Sender<Answer>,
}

impl Gather {
    /// Describes a service, together with others of its cluster that are asked for now. Somebody waits for it.
    pub(super) async fn describe(&self, api: &Arc<Api>, key: &Key) -> Answer {
        let (answer, answered) = oneshot::channel();
        let is_first = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let of_cluster = waiting.entry(key.cluster.clone()).or_default();
            of_cluster.push(Waiting { service: key.service.clone(), answer });
            of_cluster.len() == 1
        };
        if is_first {
            // A task of its own: the others still wait when the first is given up.
            tokio::spawn(ask(api.clone(), self.waiting.clone(), key.cluster.clone()));
        }
        match answered.await {
            Ok(answer) => answer,
            // The task has failed. Alone, then.
            Err(_) => one(api, key).await,
        }
    }
}

async fn ask(api: Arc<Api>, waiting: Arc<Mutex<BTreeMap<Arc<str>, Vec<Waiting>>>>, cluster: Arc<str>) {
    tokio::time::sleep(OTHERS_WITHIN).await;
    let mut all = waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&cluster).unwrap_or_default();
    let mut parts = Vec::new();
    while !all.is_empty() {
        let rest = all.split_off(all.len().min(SERVICES_PER_REQUEST));
        parts.push(std::mem::replace(&mut all, rest));
    }
    join::all(parts.into_iter().map(|part| answer(&api, &cluster, part))).await;
}

async fn answer(api: &Api, cluster: &str, part: Vec<Waiting>) {
    let mut names: Vec<&str> = part.iter().map(|waiting| &*waiting.service).collect();
    names.sort_unstable();
    names.dedup();
    let answer = api.services(cluster, &names, Urgency::Wake).await;
    for Waiting { service, answer: back } in part {
        let mine = match &answer {
            Ok(services) => Ok(services.get(&*service).cloned().unwrap_or(Err(NoState::Missing))),
            Err(trouble) => Err(trouble.clone()),
        };
        // Whoever asked may have given up.
        drop(back.send(mine));
    }
}

async fn one(api: &Api, key: &Key) -> Answer {
    let mut services = api.services(&key.cluster, &[&key.service], Urgency::Wake).await?;
    Ok(services.remove(&*key.service).unwrap_or(Err(NoState::Missing)))
}
