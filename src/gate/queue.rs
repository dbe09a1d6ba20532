//! Who waits before the door, oldest first, and the ramp by which they go in.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::oneshot;

use super::pass::{Answer, Pass};
use crate::model::{Fault, Limits};

/// How many of those who waited go to one target at first. Measured: the cheapest release has 16 to 64 on the
/// way to a target at once.
const RAMP_START: usize = 32;

/// The bound of held requests for a whole gateway, shared by its gates.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    held: AtomicUsize,
}

impl Budget {
    /// At most `limit` requests are held at once.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, held: AtomicUsize::new(0) })
    }

    /// How many are held now.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::SeqCst)
    }

    fn take(&self) -> bool {
        if self.held.fetch_add(1, Ordering::SeqCst) < self.limit {
            return true;
        }
        self.give_back(1);
        false
    }

    pub(super) fn give_back(&self, count: usize) {
        self.held.fetch_sub(count, Ordering::SeqCst);
    }
}

/// Somebody who waits.
#[derive(Debug)]
pub(super) struct Waiter {
    id: u64,
    counts: bool,
    sender: oneshot::Sender<Answer>,
}

impl Waiter {
    pub(super) fn counts(&self) -> bool {
        self.counts
    }

    /// Hands the pass over, or back where the holder has gone.
    pub(super) fn admit(self, pass: Pass) -> Option<Pass> {
        self.sender.send(Ok(pass)).err().and_then(Result::ok)
    }

    pub(super) fn refuse(self, fault: Fault) {
        // Its holder may have gone in this moment; then nobody needs the reason.
        drop(self.sender.send(Err(fault.into())));
    }
}

/// The state of a gate that is kept under its lock.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: VecDeque<Waiter>,
    next_id: u64,
    max_held: usize,
    max_in_flight: Option<u32>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// `released` of those who waited have gone in and were not answered yet; at most `ramp` may.
    Open {
        released: usize,
        ramp: usize,
    },
    Shut {
        fault: Option<Fault>,
    },
}

impl Queue {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            waiting: VecDeque::new(),
            next_id: 0,
            max_held: limits.max_held,
            max_in_flight: limits.max_in_flight,
            state: State::Shut { fault: None },
        }
    }

    pub(super) fn set_limits(&mut self, limits: &Limits) {
        self.max_held = limits.max_held;
        self.max_in_flight = limits.max_in_flight;
    }

    pub(super) fn max_in_flight(&self) -> Option<u32> {
        self.max_in_flight
    }

    pub(super) fn len(&self) -> u64 {
        self.waiting.len() as u64
    }

    // === Who waits ===

    /// A place at the end, if one is free here and in the gateway's budget.
    pub(super) fn push(&mut self, counts: bool, budget: &Budget) -> Option<(u64, oneshot::Receiver<Answer>)> {
        if self.waiting.len() >= self.max_held || !budget.take() {
            return None;
        }
        let (sender, receiver) = oneshot::channel();
        let id = self.next_id;
        self.next_id += 1;
        self.waiting.push_back(Waiter { id, counts, sender });
        Some((id, receiver))
    }

    /// Takes out the oldest, as one that goes in now.
    pub(super) fn pop(&mut self) -> Option<Waiter> {
        let waiter = self.waiting.pop_front()?;
        if let State::Open { released, .. } = &mut self.state {
            *released += 1;
        }
        Some(waiter)
    }

    /// Takes out one that has gone away. `false`: it was not there.
    pub(super) fn remove(&mut self, id: u64) -> bool {
        match self.waiting.binary_search_by_key(&id, |waiter| waiter.id) {
            Ok(at) => self.waiting.remove(at).is_some(),
            Err(_) => false,
        }
    }

    // === The door, as the queue sees it ===

    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }

    pub(super) fn fault(&self) -> Option<&Fault> {
        match &self.state {
            State::Shut { fault } => fault.as_ref(),
            State::Open { .. } => None,
        }
    }

    /// Opens to this many targets; a door that was open keeps its ramp, which now has a share for each.
    pub(super) fn open(&mut self, targets: usize) {
        let least = RAMP_START.saturating_mul(targets);
        match &mut self.state {
            State::Open { ramp, .. } => *ramp = least.max(*ramp),
            State::Shut { .. } => self.state = State::Open { released: 0, ramp: least },
        }
    }

    pub(super) fn shut(&mut self) {
        self.state = State::Shut { fault: None };
    }

    /// Shuts with a reason and takes out all who wait.
    pub(super) fn fail(&mut self, fault: Fault) -> VecDeque<Waiter> {
        self.state = State::Shut { fault: Some(fault) };
        std::mem::take(&mut self.waiting)
    }

    pub(super) fn clear_fault(&mut self) {
        if let State::Shut { fault } = &mut self.state {
            *fault = None;
        }
    }

    // === The ramp ===

    pub(super) fn may_release(&self) -> bool {
        match self.state {
            State::Open { released, ramp } => released < ramp && !self.waiting.is_empty(),
            State::Shut { .. } => false,
        }
    }

    pub(super) fn released_one_is_done(&mut self) {
        if let State::Open { released, .. } = &mut self.state {
            // Those let in before the door was last shut are not of this ramp.
            *released = released.saturating_sub(1);
        }
    }

    /// Doubles the ramp: answers that are long in coming must not keep the rest waiting.
    pub(super) fn widen(&mut self) {
        if let State::Open { ramp, .. } = &mut self.state {
            *ramp = ramp.saturating_mul(2);
        }
    }
}
