//! The door of one service: open, with its targets, or shut, with a queue before it.
//!
//! A request to an awake service goes through [`Gate::enter`]: a handful of atomic operations, no lock, no clock.
//! Everything else (waiting, opening, shutting, failing) takes the queue's lock, off that path.
//!
//! ```
//! use wakegate::gate::{Budget, Gate};
//! use wakegate::model::{Address, Kind, Spec, Target};
//!
//! let (bell, _driver) = wakegate::gate::Bell::channel();
//! let gate = Gate::new(Spec::new("web", Kind::Fixed).into(), Budget::new(10), bell);
//! assert!(gate.enter(true).is_none(), "a new gate is shut");
//!
//! let address = Address::Socket(([127, 0, 0, 1], 8080).into());
//! gate.open(vec![Target { instance: "1".into(), address }]);
//! let pass = gate.enter(true).unwrap();
//! assert_eq!(gate.shut(), 1, "shutting tells how many are still inside");
//! drop(pass);
//! assert_eq!(gate.activity().in_flight, 0);
//! ```

mod bell;
mod door;
mod pass;
mod queue;
mod slot;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::watch;

pub use bell::{Bell, Ring, Rings};
pub use pass::{Hold, Pass, Refused, Unserved};
pub use queue::Budget;
pub use slot::Slot;

use crate::model::{Fault, Spec, Target, View};
use door::Door;
use queue::Queue;
use slot::Slots;

/// What `door.rs` builds on; the loom test puts loom's atomics in the place of these.
mod sync {
    pub(super) use std::sync::atomic::{AtomicU64, Ordering};
}

/// The door of one service.
pub struct Gate {
    name: Arc<str>,
    spec: ArcSwap<Spec>,
    door: Door,
    /// Requests that count as activity: how many came in, and how many of them have left.
    entered: AtomicU64,
    left: AtomicU64,
    slots: ArcSwap<Slots>,
    queue: Mutex<Queue>,
    /// The queue's length, readable without its lock: who leaves looks here for somebody to let in.
    waiting: AtomicU64,
    budget: Arc<Budget>,
    bell: Bell,
    view: watch::Sender<Arc<View>>,
}

/// What goes on at a gate, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// Requests inside, of any sort.
    pub in_flight: u64,
    /// Requests inside that keep the service awake.
    pub active: u64,
    /// How many requests that keep the service awake ever came in.
    pub entered: u64,
    /// Requests that wait.
    pub held: u64,
}

impl Gate {
    /// A shut gate for this service.
    pub fn new(spec: Arc<Spec>, budget: Arc<Budget>, bell: Bell) -> Arc<Self> {
        Arc::new(Self {
            name: spec.name.clone(),
            queue: Mutex::new(Queue::new(&spec.limits)),
            spec: ArcSwap::new(spec),
            door: Door::shut_and_empty(),
            entered: AtomicU64::new(0),
            left: AtomicU64::new(0),
            slots: ArcSwap::from_pointee(Slots::none()),
            waiting: AtomicU64::new(0),
            budget,
            bell,
            view: watch::Sender::new(Arc::new(View::default())),
        })
    }

    /// The service's name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The service's description.
    pub fn spec(&self) -> Arc<Spec> {
        self.spec.load_full()
    }

    // === The way in ===

    /// Goes in, if the door stands open and nobody waits before it. `counts` says whether this request keeps the
    /// service awake.
    ///
    /// The order is rule 2 of the engine: count first, then look.
    pub fn enter(self: &Arc<Self>, counts: bool) -> Option<Pass> {
        if !self.door.enter() {
            return None;
        }
        let slot = self.slots.load().pick(|_| true);
        match slot {
            Some(slot) => Some(Pass::new(self.clone(), slot, counts, false)),
            None => {
                self.door.leave();
                None
            }
        }
    }

    /// Takes a place in the queue, oldest first. With the door open this is a place in the ramp and is granted
    /// soon; otherwise it is demand, and the driver hears the bell.
    ///
    /// # Errors
    /// [`Refused`]: the queue is full, or the last wake failed and is not to be tried again yet.
    pub fn hold(self: &Arc<Self>, counts: bool) -> Result<Hold, Refused> {
        self.take_place(self.lock(), counts)
    }

    /// The same for a request that must not wake the service: before a shut door it gets no place, and no bell rings.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn hold_if_open(self: &Arc<Self>, counts: bool) -> Result<Hold, Refused> {
        let queue = self.lock();
        if queue.is_open() { self.take_place(queue, counts) } else { Err(Refused::Shut) }
    }

    fn take_place(self: &Arc<Self>, mut queue: MutexGuard<'_, Queue>, counts: bool) -> Result<Hold, Refused> {
        if let Some(fault) = queue.fault() {
            let fault = fault.clone();
            drop(queue);
            // Somebody still wants it: the next attempt need not wait for the one after.
            self.bell.demand(&self.name);
            return Err(Refused::Failed(fault));
        }
        let (id, receiver) = queue.push(counts, &self.budget).ok_or(Refused::Full)?;
        self.door.shut();
        self.waiting.store(queue.len(), Ordering::SeqCst);
        let unsent = self.pump(&mut queue);
        let waits = queue.len() > 0;
        drop(queue);
        drop(unsent);
        if waits {
            // Before an open door, too: the driver lets the ramp grow.
            self.bell.demand(&self.name);
        }
        Ok(Hold::new(self.clone(), id, receiver))
    }

    /// Whether the door is open, for the fast way or by the queue.
    pub fn is_open(&self) -> bool {
        self.lock().is_open()
    }

    /// Tells the driver that a target did not answer a connect.
    pub fn suspect(&self, target: &Target) {
        self.bell.suspect(&self.name, target.clone());
    }

    /// Tells the driver that somebody wants the service, without waiting for it.
    pub fn demand(&self) {
        self.bell.demand(&self.name);
    }

    // === The driver's side ===

    /// Opens the door to these targets, or changes them while it is open. Whoever waits goes in first, in a ramp.
    pub fn open(self: &Arc<Self>, targets: Vec<Target>) {
        let mut queue = self.lock();
        let slots = Arc::new(self.slots.load().replaced_by(targets, queue.max_in_flight()));
        queue.open(slots.len());
        self.slots.store(slots);
        let unsent = self.pump(&mut queue);
        drop(queue);
        drop(unsent);
    }

    /// Shuts the door and forgets the targets. Returns how many requests are inside: rule 1 of the engine, shut
    /// first, then count.
    pub fn shut(&self) -> u64 {
        let mut queue = self.lock();
        queue.shut();
        self.slots.store(Arc::new(Slots::none()));
        self.door.shut()
    }

    /// Ends the wait of all who wait, now and until [`Gate::clear_fault`] or [`Gate::open`], with this reason.
    pub fn fail(&self, fault: &Fault) {
        let mut queue = self.lock();
        let waiting = queue.fail(fault.clone());
        // Shut already, as the engine has it; but an open fast way would let in whom the queue refuses.
        self.slots.store(Arc::new(Slots::none()));
        self.door.shut();
        self.waiting.store(0, Ordering::SeqCst);
        drop(queue);
        self.budget.give_back(waiting.len());
        for waiter in waiting {
            waiter.refuse(fault.clone());
        }
    }

    /// From now on requests are held again: the next attempt is under way or may begin.
    pub fn clear_fault(&self) {
        self.lock().clear_fault();
    }

    /// Lets the ramp grow. Returns whether somebody still waits at the open door.
    pub fn widen(self: &Arc<Self>) -> bool {
        let mut queue = self.lock();
        queue.widen();
        let unsent = self.pump(&mut queue);
        let more = queue.is_open() && queue.len() > 0;
        drop(queue);
        drop(unsent);
        more
    }

    /// Takes over a changed description; whoever waits goes on waiting.
    pub fn set_spec(self: &Arc<Self>, spec: Arc<Spec>) {
        let mut queue = self.lock();
        queue.set_limits(&spec.limits);
        let slots = self.slots.load().limited_to(spec.limits.max_in_flight);
        self.spec.store(spec);
        self.slots.store(Arc::new(slots));
        let unsent = self.pump(&mut queue);
        drop(queue);
        drop(unsent);
    }

    /// What goes on at the gate.
    pub fn activity(&self) -> Activity {
        // `left` first: read the other way round, a request that comes and goes in between would be negative.
        let left = self.left.load(Ordering::SeqCst);
        let entered = self.entered.load(Ordering::SeqCst);
        Activity {
            in_flight: self.door.count(),
            active: entered.saturating_sub(left),
            entered,
            held: self.waiting.load(Ordering::SeqCst),
        }
    }

    /// The targets behind the open door, with how many requests each is serving.
    pub fn targets(&self) -> Vec<(Target, u32)> {
        self.slots.load().iter().map(|slot| (slot.target().clone(), slot.in_flight())).collect()
    }

    /// Shows the service's state to whoever waits or asks.
    pub fn publish(&self, view: View) {
        self.view.send_replace(Arc::new(view));
    }

    /// The service's state.
    pub fn view(&self) -> Arc<View> {
        self.view.borrow().clone()
    }

    /// The service's state and its changes.
    pub fn watch(&self) -> watch::Receiver<Arc<View>> {
        self.view.subscribe()
    }

    // === Between the two ===

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets in whoever may go in; with nobody left waiting, opens the fast way. Returns passes whose holders are
    /// gone, to be dropped once the lock is: dropping one takes it again.
    fn pump(self: &Arc<Self>, queue: &mut Queue) -> Vec<Pass> {
        let mut unsent = Vec::new();
        if !queue.is_open() {
            return unsent;
        }
        let slots = self.slots.load();
        while queue.may_release() {
            let Some(slot) = slots.pick(|_| true) else { break };
            let Some(waiter) = queue.pop() else {
                slot.leave();
                break;
            };
            self.budget.give_back(1);
            self.door.count_in();
            let pass = Pass::new(self.clone(), slot, waiter.counts(), true);
            unsent.extend(waiter.admit(pass));
        }
        self.waiting.store(queue.len(), Ordering::SeqCst);
        if queue.len() == 0 && !slots.is_empty() {
            self.door.open();
        }
        unsent
    }

    /// A request went out. Called once for each pass.
    fn leave(self: &Arc<Self>, slot: &Slot, counts: bool, in_ramp: bool) {
        slot.leave();
        if counts {
            self.left.fetch_add(1, Ordering::SeqCst);
        }
        self.door.leave();
        if in_ramp {
            self.ramp_step();
        } else if self.waiting.load(Ordering::SeqCst) > 0 {
            let mut queue = self.lock();
            let unsent = self.pump(&mut queue);
            drop(queue);
            drop(unsent);
        }
    }

    /// A request that the ramp let in was answered or has gone: the next may follow.
    fn ramp_step(self: &Arc<Self>) {
        let mut queue = self.lock();
        queue.released_one_is_done();
        let unsent = self.pump(&mut queue);
        drop(queue);
        drop(unsent);
    }

    /// Somebody who waited has gone away.
    fn forget(&self, id: u64) {
        let mut queue = self.lock();
        if queue.remove(id) {
            self.budget.give_back(1);
            self.waiting.store(queue.len(), Ordering::SeqCst);
        }
    }

    fn slots(&self) -> arc_swap::Guard<Arc<Slots>> {
        self.slots.load()
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("name", &self.name)
            .field("activity", &self.activity())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
