//! What clients and tasks saw, in the order in which it happened.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The sort of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// Asked by a program; may be sent twice.
    Get,
    /// Not to be executed twice.
    Post,
    /// Answered piece by piece, for seconds.
    Stream,
    /// A browser that goes to a page.
    Page,
}

/// What a client got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Of which request.
    pub(crate) id: String,
    /// Its status.
    pub(crate) status: u16,
    /// The task that it says it comes from; none in what the gateway says itself.
    pub(crate) task: Option<String>,
    /// The service of that task.
    pub(crate) service: Option<String>,
    /// The request that the task says it answers.
    pub(crate) echo: Option<String>,
    /// It has a `Retry-After`.
    pub(crate) retry_after: bool,
    /// It is problem details.
    pub(crate) problem: bool,
    /// It is a page.
    pub(crate) html: bool,
    /// Its body came to its end.
    pub(crate) whole: bool,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A client is about to send a request to the gateway of this number.
    Sent { id: String, service: String, sort: Sort, via: u8 },
    /// A client got an answer.
    Answered(Answer),
    /// A client's connection was refused or ended before there was an answer, or there was none in a long time.
    Cut { id: String, how: String },
    /// A client went away without waiting for its answer.
    Left { id: String },
    /// A task took up a request, which the gateway had `sent` then.
    Executed { id: String, task: String, service: String, sent: Duration },
    /// A task has done with a request: it was answered, or its connection has gone.
    Done { id: String, task: String },
    /// A task began to run at an address.
    Began { task: String, service: String, address: String },
    /// A gateway had a task told to stop.
    Told { task: String },
    /// Somebody else had a task told to stop: a deployment, a scale-in, an operator.
    Ending { task: String },
    /// A task ended by itself, without having been told to.
    Died { task: String },
    /// What a task ran in is gone, and with it what was open; not told where the end of a task is its death.
    Gone { task: String },
    /// The desired count of a service was set, by a gateway or by somebody else.
    Counted { service: String, from: u32, to: u32, by_gateway: bool },
    /// A gateway was killed.
    Killed { gateway: u8 },
    /// It was started again.
    Back { gateway: u8 },
    /// Something went wrong, or right again.
    Fault(String),
    /// The faults are over and their traces, too: from now on everything has to work.
    Sound,
    /// Nobody comes any more, and there was time enough to go to sleep. Who has not, by service.
    Quiet { awake: Vec<String> },
}

/// An event and when it happened, since the start of the simulation.
pub(crate) type Entry = (Duration, Event);

/// The log that all share.
#[derive(Clone, Debug, Default)]
pub(crate) struct History(Arc<Mutex<Log>>);

#[derive(Debug, Default)]
struct Log {
    entries: Vec<Entry>,
    /// The time outside of every host.
    outside: Duration,
    closed: bool,
}

impl History {
    /// Notes that something happens now.
    pub(crate) fn tell(&self, event: Event) {
        let at = self.now();
        let mut log = self.0.lock().unwrap();
        if !log.closed {
            log.entries.push((at, event));
        }
    }

    /// The time since the start of the simulation.
    pub(crate) fn now(&self) -> Duration {
        turmoil::sim_elapsed().unwrap_or_else(|| self.0.lock().unwrap().outside)
    }

    /// Sets the time for what happens outside of every host.
    pub(crate) fn at(&self, now: Duration) {
        self.0.lock().unwrap().outside = now;
    }

    /// Ends the log and gives it out. What is told later, while the simulation is taken down, is not heard.
    pub(crate) fn close(&self) -> Vec<Entry> {
        let mut log = self.0.lock().unwrap();
        log.closed = true;
        std::mem::take(&mut log.entries)
    }
}

/// The history as text, a line an event.
pub(crate) fn text(entries: &[Entry]) -> String {
    let mut text = String::new();
    for (at, event) in entries {
        writeln!(text, "{:9.3} {event:?}", at.as_secs_f64()).unwrap();
    }
    text
}
