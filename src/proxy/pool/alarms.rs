use crossbeam_queue::ArrayQueue;

use crate::clock::Alarm;

/// How many are kept.
const COUNT: usize = 256;

/// Alarms that were set and have not come, for the next who waits as long: to make one and to take it back for each
/// request would take the lock of all timers twice.
#[derive(Debug)]
pub(in super::super) struct Alarms(ArrayQueue<Alarm>);

impl Alarms {
    pub(super) fn new() -> Self {
        Self(ArrayQueue::new(COUNT))
    }

    pub(in super::super) fn take(&self) -> Alarm {
        self.0.pop().unwrap_or_default()
    }

    pub(in super::super) fn put(&self, alarm: Alarm) {
        // One too many is taken back.
        drop(self.0.push(alarm));
    }
}
