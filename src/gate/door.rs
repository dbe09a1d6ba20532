//! One word of memory: whether the door stands open, and how many are inside.
//!
//! Both in one word make "count, then look" and "shut, then count" one step each, so there is no order of memory
//! operations to get wrong between them. A loom test checks every interleaving (`tests/it/gate_loom.rs`).

use super::sync::{AtomicU64, Ordering};

const OPEN: u64 = 1 << 63;

/// Open or shut, and a count.
#[derive(Debug)]
pub(super) struct Door(AtomicU64);

impl Door {
    /// Shut, with nobody inside.
    pub(super) fn shut_and_empty() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Counts one in and looks: `true`, inside. `false`, the door was shut and the count is given back.
    pub(super) fn enter(&self) -> bool {
        if self.0.fetch_add(1, Ordering::SeqCst) & OPEN != 0 {
            return true;
        }
        self.0.fetch_sub(1, Ordering::SeqCst);
        false
    }

    /// Counts one in whatever the door: the queue's holder has looked already.
    pub(super) fn count_in(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    /// Counts one out.
    pub(super) fn leave(&self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }

    /// Opens the door.
    pub(super) fn open(&self) {
        self.0.fetch_or(OPEN, Ordering::SeqCst);
    }

    /// Shuts the door and counts who is inside, in one step.
    pub(super) fn shut(&self) -> u64 {
        self.0.fetch_and(!OPEN, Ordering::SeqCst) & !OPEN
    }

    /// How many are inside.
    pub(super) fn count(&self) -> u64 {
        self.0.load(Ordering::SeqCst) & !OPEN
    }
}
