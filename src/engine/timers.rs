use std::collections::BTreeSet;

use crate::model::{ServiceId, Time};

/// The next moment that matters for each service, earliest first.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Timers {
    order: BTreeSet<(Time, ServiceId)>,
    set: Vec<Option<Time>>,
}

impl Timers {
    pub(super) fn new(services: usize) -> Self {
        Self { order: BTreeSet::new(), set: vec![None; services] }
    }

    /// Puts the service's timer in place of the one it had.
    pub(super) fn arm(&mut self, id: ServiceId, at: Option<Time>) {
        let present = &mut self.set[id.index()];
        if *present == at {
            return;
        }
        if let Some(old) = present.take() {
            self.order.remove(&(old, id));
        }
        if let Some(new) = at {
            self.order.insert((new, id));
        }
        *present = at;
    }

    pub(super) fn first(&self) -> Option<Time> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Takes out a service whose timer is due.
    pub(super) fn pop_due(&mut self, now: Time) -> Option<ServiceId> {
        let (at, id) = *self.order.first()?;
        if at > now {
            return None;
        }
        self.arm(id, None);
        Some(id)
    }
}
