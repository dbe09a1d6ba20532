//! The targets behind an open door, and how many requests each is serving.

use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use crate::model::Target;

/// One target behind the door.
///
/// It lives as long as the door knows it or a request is on its way to it; whatever hangs on it (the proxy's
/// connections) goes with it.
pub struct Slot {
    target: Target,
    in_flight: AtomicU32,
    attached: OnceLock<Box<dyn Any + Send + Sync>>,
}

impl Slot {
    /// Whom it leads to.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// How many requests it is serving.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::SeqCst)
    }

    /// The thing of this type that hangs on the slot, made at its first use. `None` when a thing of another type
    /// hangs there already.
    pub fn attached<T: Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> Option<&T> {
        self.attached.get_or_init(|| Box::new(make())).downcast_ref()
    }

    pub(super) fn leave(&self) {
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
    }

    /// Counts one in, unless that would be more than `limit`.
    fn try_enter(&self, limit: u32) -> bool {
        if limit == u32::MAX {
            self.in_flight.fetch_add(1, Ordering::SeqCst);
            return true;
        }
        // Never above the limit, not even for a moment: one that waits would take that for a full target, and
        // nobody would call it when the moment is over.
        let one_more = |count| (count < limit).then_some(count + 1);
        self.in_flight.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_more).is_ok()
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot")
            .field("target", &self.target)
            .field("in_flight", &self.in_flight())
            .finish_non_exhaustive()
    }
}

/// All targets behind one door.
#[derive(Debug)]
pub(super) struct Slots {
    all: Vec<Arc<Slot>>,
    limit: u32,
    turn: AtomicUsize,
}

impl Slots {
    pub(super) fn none() -> Self {
        Self { all: Vec::new(), limit: u32::MAX, turn: AtomicUsize::new(0) }
    }

    /// These targets in place of the present ones; a target that stays keeps its slot.
    pub(super) fn replaced_by(&self, targets: Vec<Target>, limit: Option<u32>) -> Self {
        let slot = |target: Target| {
            self.all.iter().find(|slot| slot.target == target).cloned().unwrap_or_else(|| {
                Arc::new(Slot { target, in_flight: AtomicU32::new(0), attached: OnceLock::new() })
            })
        };
        Self {
            all: targets.into_iter().map(slot).collect(),
            limit: limit.unwrap_or(u32::MAX),
            turn: AtomicUsize::new(0),
        }
    }

    /// The same targets under another limit.
    pub(super) fn limited_to(&self, limit: Option<u32>) -> Self {
        Self { all: self.all.clone(), limit: limit.unwrap_or(u32::MAX), turn: AtomicUsize::new(0) }
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Slot>> {
        self.all.iter()
    }

    /// Takes a place at the target with the fewest requests in flight, equals by turns, of those that are
    /// `allowed`.
    pub(super) fn pick(&self, allowed: impl Fn(&Arc<Slot>) -> bool) -> Option<Arc<Slot>> {
        let allowed = |slot: &&Arc<Slot>| allowed(slot);
        let best = match self.all.as_slice() {
            [] => return None,
            [only] => Some(only).filter(allowed)?,
            many => {
                let turn = self.turn.fetch_add(1, Ordering::Relaxed) % many.len();
                let (before, after) = many.split_at(turn);
                after.iter().chain(before).filter(allowed).min_by_key(|slot| slot.in_flight())?
            }
        };
        best.try_enter(self.limit).then(|| best.clone())
    }
}
