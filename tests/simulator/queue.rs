//! Standard queues: at least once, in no promised order, with visibility timeouts and delays. No sockets, no clock:
//! every method is told the time. The wire forms are in [`super::queue_api`].

use std::collections::BTreeMap;
use std::time::Duration;

/// How long a received message stays hidden unless somebody says otherwise.
pub(crate) const VISIBILITY: Duration = Duration::from_secs(30);

/// All queues of the account, by name.
#[derive(Debug, Default)]
pub(crate) struct Queues {
    queues: BTreeMap<String, Queue>,
}

impl Queues {
    /// Makes the queue unless it is there.
    pub(crate) fn create(&mut self, name: &str, visibility: Option<Duration>) -> &mut Queue {
        let queue = self.queues.entry(name.to_owned()).or_default();
        if let Some(visibility) = visibility {
            queue.visibility = visibility;
        }
        queue
    }

    pub(crate) fn get(&mut self, name: &str) -> Option<&mut Queue> {
        self.queues.get_mut(name)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.queues.keys().map(String::as_str)
    }
}

/// One queue.
#[derive(Debug)]
pub(crate) struct Queue {
    /// How long a received message stays hidden, where the receiver does not say.
    pub(crate) visibility: Duration,
    /// By the order of sending.
    messages: BTreeMap<u64, Message>,
    sent: u64,
}

impl Default for Queue {
    fn default() -> Self {
        Self { visibility: VISIBILITY, messages: BTreeMap::new(), sent: 0 }
    }
}

#[derive(Debug)]
struct Message {
    body: String,
    sent: Duration,
    visible: Duration,
    received: u64,
    first_received: Option<Duration>,
}

/// A message as its receiver gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) id: String,
    /// What deletes it, or changes how long it stays hidden.
    pub(crate) handle: String,
    pub(crate) body: String,
    pub(crate) sent: Duration,
    /// How often it was received, this time included.
    pub(crate) received: u64,
    pub(crate) first_received: Duration,
}

/// How many messages there are, approximately as AWS says, exactly as we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Depth {
    /// To be had now.
    pub(crate) visible: usize,
    /// Received, and hidden for now.
    pub(crate) in_flight: usize,
    /// Sent, and not to be had before a time to come.
    pub(crate) delayed: usize,
}

impl Queue {
    /// Takes a message that can be received after `delay`, and gives its id. Different delays are how messages overtake
    /// each other.
    pub(crate) fn send(&mut self, body: String, now: Duration, delay: Duration) -> String {
        self.sent += 1;
        let message = Message { body, sent: now, visible: now + delay, received: 0, first_received: None };
        self.messages.insert(self.sent, message);
        id(self.sent)
    }

    /// Up to `limit` messages, the longest visible first, which are then hidden for `visibility`.
    pub(crate) fn receive(&mut self, limit: usize, visibility: Duration, now: Duration) -> Vec<Received> {
        let mut due: Vec<(Duration, u64)> = self
            .messages
            .iter()
            .filter(|(_, it)| it.visible <= now)
            .map(|(key, it)| (it.visible, *key))
            .collect();
        due.sort_unstable();
        due.truncate(limit);
        due.into_iter().filter_map(|(_, key)| self.hand_out(key, visibility, now)).collect()
    }

    fn hand_out(&mut self, key: u64, visibility: Duration, now: Duration) -> Option<Received> {
        let message = self.messages.get_mut(&key)?;
        message.received += 1;
        message.visible = now + visibility;
        let first_received = *message.first_received.get_or_insert(now);
        Some(Received {
            id: id(key),
            handle: format!("receipt-{key}-{}", message.received),
            body: message.body.clone(),
            sent: message.sent,
            received: message.received,
            first_received,
        })
    }

    /// When the next message can be received that cannot be now.
    pub(crate) fn next_visible(&self, now: Duration) -> Option<Duration> {
        self.messages.values().map(|it| it.visible).filter(|visible| *visible > now).min()
    }

    /// Deletes a message; one that is gone already is no error. False is a handle that never was.
    pub(crate) fn delete(&mut self, handle: &str) -> bool {
        let Some(key) = self.key(handle) else { return false };
        self.messages.remove(&key);
        true
    }

    /// Hides a message for this long from now on. False is a handle that never was.
    pub(crate) fn hide(&mut self, handle: &str, visibility: Duration, now: Duration) -> bool {
        let Some(key) = self.key(handle) else { return false };
        if let Some(message) = self.messages.get_mut(&key) {
            message.visible = now + visibility;
        }
        true
    }

    /// Deletes everything.
    pub(crate) fn purge(&mut self) {
        self.messages.clear();
    }

    /// How many messages there are.
    pub(crate) fn depth(&self, now: Duration) -> Depth {
        let mut depth = Depth { visible: 0, in_flight: 0, delayed: 0 };
        for message in self.messages.values() {
            let count = match (message.visible <= now, message.received > 0) {
                (true, _) => &mut depth.visible,
                (false, true) => &mut depth.in_flight,
                (false, false) => &mut depth.delayed,
            };
            *count += 1;
        }
        depth
    }

    /// Any handle that a message was ever received with names it, as on AWS's standard queues.
    fn key(&self, handle: &str) -> Option<u64> {
        let (key, _) = handle.strip_prefix("receipt-")?.split_once('-')?;
        key.parse().ok().filter(|key| *key <= self.sent)
    }
}

fn id(key: u64) -> String {
    format!("5ee7aa5e-0000-4000-8000-{key:012x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HIDDEN: Duration = Duration::from_secs(10);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn bodies(received: &[Received]) -> Vec<&str> {
        received.iter().map(|it| it.body.as_str()).collect()
    }

    #[test]
    fn a_message_that_is_not_deleted_comes_back() {
        let mut queue = Queue::default();
        queue.send("a".to_owned(), at(0), at(0));
        let first = queue.receive(10, HIDDEN, at(1));
        assert_eq!(bodies(&first), ["a"]);
        assert!(queue.receive(10, HIDDEN, at(10)).is_empty(), "still hidden");
        assert_eq!(queue.next_visible(at(10)), Some(at(11)));
        let second = queue.receive(10, HIDDEN, at(11));
        assert_eq!((second[0].id == first[0].id, second[0].received), (true, 2));
        assert!(queue.delete(&first[0].handle), "an older handle names it too");
        assert!(queue.receive(10, HIDDEN, at(99)).is_empty());
        assert!(!queue.delete("receipt-7-1"), "never handed out");
    }

    #[test]
    fn a_delayed_message_is_overtaken() {
        let mut queue = Queue::default();
        queue.send("slow".to_owned(), at(0), at(3));
        queue.send("fast".to_owned(), at(1), at(0));
        assert_eq!(queue.depth(at(1)), Depth { visible: 1, in_flight: 0, delayed: 1 });
        assert_eq!(bodies(&queue.receive(1, HIDDEN, at(3))), ["fast"]);
        assert_eq!(bodies(&queue.receive(9, HIDDEN, at(3))), ["slow"]);
        assert_eq!(queue.depth(at(3)), Depth { visible: 0, in_flight: 2, delayed: 0 });
    }

    #[test]
    fn hiding_for_no_time_gives_it_back_at_once() {
        let mut queue = Queue::default();
        queue.send("a".to_owned(), at(0), at(0));
        let received = queue.receive(1, HIDDEN, at(0));
        assert!(queue.hide(&received[0].handle, at(0), at(2)));
        assert_eq!(bodies(&queue.receive(1, HIDDEN, at(2))), ["a"]);
    }
}
