//! What is known of services and their tasks, from answers and from events.
//!
//! Everything here is bookkeeping: no call is made, and the time is an argument. What to ask next is worked out in
//! [`ask`], what the engine is told in [`view`], and which tasks are believed in [`trust`].

mod ask;
mod death;
mod record;
mod tags;
mod task;
#[cfg(test)]
mod tests;
mod trust;
mod view;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::key::Key;
use super::state::{Task, scope_of};
use crate::clock::Clock;
use crate::model::Time;
pub(super) use ask::{Ask, Look};
pub(super) use record::Record;
pub(super) use trust::Lowering;
pub(super) use view::View;

/// What is known of every service that was asked for.
#[derive(Debug)]
pub(super) struct Ledger {
    clock: Clock,
    settle: Duration,
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    // In boxes: half of the places in a tree's nodes are empty.
    records: BTreeMap<Key, Box<Record>>,
    /// Whose an address is: the task that was made last of all that ever showed it.
    owners: BTreeMap<IpAddr, Owner>,
}

#[derive(Clone, Debug)]
struct Owner {
    task: Arc<str>,
    service: Key,
    made_at: Option<SystemTime>,
}

/// The moment of a bookkeeping, by both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    /// The gateway's.
    pub(super) time: Time,
    /// AWS's, as far as this machine knows it.
    pub(super) wall: SystemTime,
}

impl Ledger {
    /// A ledger that knows nothing. For `settle` after a change of our own, answers may be from before it.
    pub(super) fn new(clock: Clock, settle: Duration) -> Self {
        Self { clock, settle, books: Mutex::default() }
    }

    /// Reads or changes what is known of a service.
    pub(super) fn with<R>(&self, key: &Key, work: impl FnOnce(&mut Record) -> R) -> R {
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        work(books.records.entry(key.clone()).or_insert_with(|| Record::new(self.settle).into()))
    }

    /// Takes the news of an event: the service's tasks are what it says from now on, unless more is known already.
    /// Answers with the names of the specs that are worth another look; none where nothing is new, or where nobody
    /// ever asked for the service.
    pub(super) fn task_changed(&self, task: Task, wall: SystemTime) -> Vec<Arc<str>> {
        let Some(service) = &task.service else { return Vec::new() };
        let key = Key::new(&task.cluster, service);
        let now = Now { time: self.clock.now(), wall };
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(record) = books.records.get_mut(&key) else { return Vec::new() };
        let mut names = Vec::new();
        let claim = task.clone();
        if record.heard_of(task, now) {
            names.extend(record.names());
            names.extend(books.claim(&key, &claim));
        }
        names
    }

    /// Where the services of a cluster (its name) are: partition, region and account, as their ARNs begin. `None` until
    /// one was described.
    pub(super) fn scope(&self, cluster: &str) -> Option<String> {
        let books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        let of_cluster =
            books.records.range(Key::new(cluster, "")..).take_while(|(key, _)| &*key.cluster == cluster);
        of_cluster
            .filter_map(|(_, record)| record.state())
            .find_map(|state| scope_of(&state.arn).map(str::to_owned))
    }

    /// Something happened to the service itself that its description will tell: it is described anew at the next
    /// look. Answers with the names of the specs that are worth one.
    pub(super) fn service_changed(&self, cluster: &str, service: &str) -> Vec<Arc<str>> {
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(record) = books.records.get_mut(&Key::new(cluster, service)) else { return Vec::new() };
        record.outdated(self.clock.now());
        record.names().collect()
    }

    /// Takes the answer of `DescribeTasks` in a look begun at `begun`: the service's tasks, and those of the ones
    /// asked for that ECS does not know. Answers with the names of other specs that are worth another look.
    pub(super) fn tasks_described(
        &self,
        key: &Key,
        tasks: Vec<Task>,
        missing: &[Arc<str>],
        begun: Time,
        wall: SystemTime,
    ) -> Vec<Arc<str>> {
        let now = Now { time: self.clock.now(), wall };
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        let mut names = Vec::new();
        for task in tasks {
            names.extend(books.claim(key, &task));
            books.record(key, self.settle).task_described(task, begun, now);
        }
        let record = books.record(key, self.settle);
        for arn in missing {
            record.task_missing(arn, begun);
        }
        record.tidy(now.time);
        names
    }

    /// The observation to be made of what is known.
    pub(super) fn view(&self, key: &Key, view: &View<'_>) -> Option<crate::model::Observation> {
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        let Books { records, owners } = &mut *books;
        let record = records.get_mut(key)?;
        let owns = |task: &Task| {
            task.address.and_then(|address| owners.get(&address)).is_none_or(|owner| owner.task == task.arn)
        };
        record.observation(view, owns)
    }
}

impl Books {
    fn record(&mut self, key: &Key, settle: Duration) -> &mut Record {
        self.records.entry(key.clone()).or_insert_with(|| Record::new(settle).into())
    }

    /// Enters whose a task's address is. An address that ECS gives to a task was given back by whoever had it,
    /// whatever is still believed of that one. Answers with the names of those who lose one by it.
    fn claim(&mut self, key: &Key, task: &Task) -> Vec<Arc<str>> {
        let Some(address) = task.address else { return Vec::new() };
        let owner = Owner { task: task.arn.clone(), service: key.clone(), made_at: task.created_at };
        let Some(before) = self.owners.get(&address).cloned() else {
            self.owners.insert(address, owner);
            return Vec::new();
        };
        // One that was made earlier may get its address later: it waited for one. But not from one that has it.
        let has = self.records.get(&before.service).is_some_and(|record| record.believes(&before.task));
        let ended = !has && task.desired == super::state::Wanted::Running;
        if before.task == owner.task || (before.made_at > owner.made_at && !ended) {
            return Vec::new();
        }
        self.owners.insert(address, owner);
        match self.records.get(&before.service) {
            Some(record) if record.is_up(&before.task) => record.names().collect(),
            _ => Vec::new(),
        }
    }
}
