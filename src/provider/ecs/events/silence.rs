use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::super::state::{LastStatus, Task};
use crate::model::Time;

/// How long an event may take from the change of a task to here.
const LATE: Duration = Duration::from_secs(15);
/// How many tasks are followed; more than that begin anew.
const MOST: usize = 20_000;

/// What events should have told by now: changes of tasks that were seen otherwise.
///
/// A rule that was taken away, or one for other events, leaves a queue that can be read and says nothing.
#[derive(Debug, Default)]
pub(super) struct Silence(BTreeMap<Arc<str>, Followed>);

#[derive(Debug)]
struct Followed {
    cluster: String,
    /// The newest version that was seen or heard of. It rises with each change that ECS makes an event of.
    version: u64,
    /// When the change to it was seen, of which no event has come yet.
    owed_since: Option<Time>,
}

impl Silence {
    /// The task was described.
    pub(super) fn saw(&mut self, task: &Task, now: Time) {
        match self.0.get_mut(&task.arn) {
            Some(known) if known.version < task.version => {
                known.version = task.version;
                known.owed_since.get_or_insert(now);
            }
            Some(_) => {}
            // What became of it before is nobody's debt.
            None => self.follow(task),
        }
    }

    /// An event told of the task.
    pub(super) fn heard(&mut self, task: &Task) {
        if task.last >= LastStatus::Stopped {
            self.0.remove(&task.arn);
            return;
        }
        match self.0.get_mut(&task.arn) {
            Some(known) if known.version <= task.version => {
                known.version = task.version;
                known.owed_since = None;
            }
            Some(_) => {}
            None => self.follow(task),
        }
    }

    /// Whether an event of this cluster is overdue.
    pub(super) fn is_of(&self, cluster: &str, now: Time) -> bool {
        self.0.values().any(|task| {
            task.cluster == cluster && task.owed_since.is_some_and(|since| now.since(since) > LATE)
        })
    }

    /// What this cluster owes is forgotten.
    pub(super) fn forget(&mut self, cluster: &str) {
        self.0.retain(|_, task| task.cluster != cluster);
    }

    fn follow(&mut self, task: &Task) {
        // One that has stopped changes no more.
        if task.last >= LastStatus::Stopped {
            return;
        }
        if self.0.len() >= MOST {
            self.0.clear();
        }
        let followed = Followed { cluster: task.cluster.clone(), version: task.version, owed_since: None };
        self.0.insert(task.arn.clone(), followed);
    }
}
