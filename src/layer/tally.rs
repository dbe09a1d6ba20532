//! What a routed request is counted as in the end.

use std::sync::Arc;

use super::Entry;
use crate::meter::Outcome;

/// Counts a request once, when it comes to its end. One that is dropped on its way has been left by its client.
pub(super) struct Tally {
    entry: Arc<Entry>,
    outcome: Outcome,
}

impl Tally {
    pub(super) fn new(entry: Arc<Entry>) -> Self {
        Self { entry, outcome: Outcome::Left }
    }

    pub(super) fn entry(&self) -> &Entry {
        &self.entry
    }

    pub(super) fn shared_entry(&self) -> Arc<Entry> {
        self.entry.clone()
    }

    /// The request has come to this end.
    pub(super) fn ends(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        self.entry.meter.count(self.outcome);
    }
}
