//! What EventBridge tells through a queue: ECS says by itself what changes, and nobody needs to ask all the time.
//!
//! Events come at least once and in any order. Nothing is lost with them: polling goes on slowly beside them, and
//! takes over where they fail to come. Each gateway needs a queue of its own, for a message goes to one reader only.
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_cwe_events.html>

mod message;
mod silence;
mod task;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};

use self::message::{Heard, News};
use self::silence::Silence;
use super::api::{Api, Message};
use super::ledger::Ledger;
use super::state::{Task, Wanted, scope_of};
use super::trouble::Trouble;
use crate::clock::Clock;
use crate::model::Time;
use crate::net::BoxFuture;
use crate::provider::Nudge;

/// How long one request waits for a message; the most that SQS allows.
const POLL: Duration = Duration::from_secs(20);
/// The queue counts as heard for so long after a request that succeeded.
const HEARD_FOR: Duration = Duration::from_secs(60);
/// An event older than this says how it was: what it tells of may be gone, and its address somebody else's.
const OLD: Duration = Duration::from_secs(30);
/// The pauses after requests that failed grow from this …
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// … to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// An empty answer that comes sooner than this did not wait for a message; then the reader does.
const HASTY: Duration = Duration::from_secs(1);
/// How many kinds of unreadable messages are told apart in the log.
const COMPLAINTS: usize = 16;

/// Where messages come from.
trait Queue: Send + Sync {
    /// The next messages; waits for one for as long as a request can.
    fn receive(&self) -> BoxFuture<'_, Result<Vec<Message>, Trouble>>;

    /// They were read.
    fn delete(&self, receipts: Vec<String>) -> BoxFuture<'_, Result<(), Trouble>>;
}

/// A queue of SQS.
#[derive(Debug)]
struct Sqs {
    api: Arc<Api>,
    url: String,
}

impl Queue for Sqs {
    fn receive(&self) -> BoxFuture<'_, Result<Vec<Message>, Trouble>> {
        Box::pin(self.api.receive(&self.url, POLL))
    }

    fn delete(&self, receipts: Vec<String>) -> BoxFuture<'_, Result<(), Trouble>> {
        Box::pin(async move { self.api.delete(&self.url, &receipts).await })
    }
}

/// The events, being read until this is dropped.
#[derive(Debug)]
pub(super) struct Events {
    hearing: Arc<Hearing>,
    reader: AbortHandle,
}

impl Events {
    /// Begins to read the queue. Must be called within a tokio runtime.
    pub(super) fn follow(
        api: Arc<Api>,
        queue_url: &str,
        ledger: Arc<Ledger>,
        clock: Clock,
        nudge: Nudge,
        seed: u64,
    ) -> Self {
        let hearing = Arc::new(Hearing { clock, state: Mutex::default() });
        let wall = {
            let api = api.clone();
            move || api.wall()
        };
        let queue = Sqs { api, url: queue_url.to_owned() };
        let reader = Reader {
            queue,
            wall,
            ledger,
            nudge,
            hearing: hearing.clone(),
            random: fastrand::Rng::with_seed(seed),
            complaints: BTreeSet::new(),
            cannot_delete: false,
        };
        let reader = tokio::spawn(reader.run()).abort_handle();
        Self { hearing, reader }
    }

    /// Whether changes in this cluster (its name) are told: the queue was read within the last minute, and has brought
    /// news of the cluster before. A queue that no rule writes to is read without an error, too.
    pub(super) fn tell_of(&self, cluster: &str) -> bool {
        self.hearing.tells_of(cluster)
    }

    /// These tasks were described: where one changed and no event comes of it, the cluster is told of no longer, until
    /// another event of it comes.
    pub(super) fn compare(&self, tasks: &[Task]) {
        self.hearing.saw(tasks);
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// What was heard so far.
#[derive(Debug)]
struct Hearing {
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: Option<Time>,
    clusters: BTreeSet<String>,
    silence: Silence,
}

impl Hearing {
    fn tells_of(&self, cluster: &str) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        if state.clusters.contains(cluster) && state.silence.is_of(cluster, now) {
            tracing::warn!(
                cluster,
                "the queue no longer brings every event of cluster {cluster}: ECS is polled; look at the rule that \
                 fills the queue, and whether somebody else reads it"
            );
            state.clusters.remove(cluster);
            state.silence.forget(cluster);
        }
        state.last.is_some_and(|last| now.since(last) < HEARD_FOR) && state.clusters.contains(cluster)
    }

    fn saw(&self, tasks: &[Task]) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        for task in tasks.iter().filter(|task| state.clusters.contains(&task.cluster)).collect::<Vec<_>>() {
            state.silence.saw(task, now);
        }
    }

    fn heard(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).last = Some(self.clock.now());
    }

    fn heard_of(&self, news: &News) {
        let cluster = news.cluster();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.clusters.contains(cluster) {
            tracing::info!(cluster, "the queue brings events of cluster {cluster}");
            state.clusters.insert(cluster.to_owned());
        }
        if let News::Task(task) = news {
            state.silence.heard(task);
        }
    }
}

/// Reads a queue for ever.
struct Reader<Q, W> {
    queue: Q,
    wall: W,
    ledger: Arc<Ledger>,
    nudge: Nudge,
    hearing: Arc<Hearing>,
    random: fastrand::Rng,
    complaints: BTreeSet<String>,
    /// The last messages could not be deleted.
    cannot_delete: bool,
}

impl<Q: Queue, W: Fn() -> SystemTime + Send> Reader<Q, W> {
    async fn run(mut self) {
        let mut failures = 0;
        loop {
            let began = Instant::now();
            match self.queue.receive().await {
                Ok(messages) => {
                    if failures > 0 {
                        tracing::info!("the event queue can be read again");
                    }
                    failures = 0;
                    self.hearing.heard();
                    if messages.is_empty() && began.elapsed() < HASTY {
                        sleep(HASTY).await;
                    }
                    self.take(messages).await;
                }
                Err(trouble) => {
                    if failures == 0 {
                        tracing::warn!(error = %trouble, "the event queue cannot be read; ECS is polled meanwhile");
                    }
                    failures += 1;
                    sleep(self.pause(failures)).await;
                }
            }
        }
    }

    /// At random, so that many gateways do not come back at one moment; never none at all.
    fn pause(&mut self, failures: u32) -> Duration {
        let ceiling = FIRST_PAUSE.saturating_mul(1 << failures.min(6)).min(LONGEST_PAUSE);
        ceiling.mul_f64(0.5f64.mul_add(self.random.f64(), 0.5))
    }

    /// Passes on what the messages say, then deletes them: what is lost in between comes again.
    async fn take(&mut self, messages: Vec<Message>) {
        let mut names = BTreeSet::new();
        let mut receipts = Vec::new();
        for Message { receipt, body } in messages {
            match message::read(&body) {
                Ok(Some(heard)) => names.extend(self.tell(heard)),
                Ok(None) => {}
                Err(wrong) => self.complain(wrong.to_string()),
            }
            receipts.push(receipt);
        }
        // After all of them: one look serves for many events.
        for name in &names {
            self.nudge.look_at(name);
        }
        if receipts.is_empty() {
            return;
        }
        match self.queue.delete(receipts).await {
            Ok(()) => self.cannot_delete = false,
            Err(trouble) if !self.cannot_delete => {
                tracing::warn!(error = %trouble, "what was read cannot be deleted from the event queue: it comes again and again");
                self.cannot_delete = true;
            }
            Err(_) => {}
        }
    }

    /// Tells the ledger. Answers with the names of the specs that are worth another look.
    fn tell(&self, heard: Heard) -> Vec<Arc<str>> {
        let wall = (self.wall)();
        let ours = self.ledger.scope(heard.news.cluster());
        if ours.as_deref().is_some_and(|ours| scope_of(heard.news.arn()) != Some(ours)) {
            // Of another account or region, whose cluster has the same name.
            tracing::debug!(arn = heard.news.arn(), "an event is of somebody else's cluster");
            return Vec::new();
        }
        if ours.is_some() {
            self.hearing.heard_of(&heard.news);
        }
        match heard.news {
            // As long as nothing of the cluster was described, nobody knows whose it is.
            News::Task(task) if ours.is_none() || is_past(&task, heard.at, wall) => {
                let service = task.service.as_deref().unwrap_or_default();
                self.ledger.service_changed(&task.cluster, service)
            }
            News::Task(task) => self.ledger.task_changed(*task, wall),
            News::Service { cluster, service, name, .. } => {
                tracing::debug!(cluster, service, name, "ECS tells of a service");
                self.ledger.service_changed(&cluster, &service)
            }
        }
    }

    fn complain(&mut self, words: String) {
        if self.complaints.len() < COMPLAINTS && !self.complaints.contains(&words) {
            tracing::warn!(error = words, "a message of the event queue is of no use");
            self.complaints.insert(words);
        }
    }
}

/// Whether the event may be overtaken: it says that a task runs, but it is old. A stop has no way back, so it always holds.
fn is_past(task: &Task, at: SystemTime, wall: SystemTime) -> bool {
    task.desired == Wanted::Running && wall.duration_since(at).is_ok_and(|age| age > OLD)
}
