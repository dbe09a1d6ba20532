//! What a request has in hand: a pass to a target, or a place in the queue.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use tokio::sync::oneshot;

use super::{Gate, Slot};
use crate::model::{Fault, Target};

/// The right to use one target of an awake service. As long as it lives, the service is not stopped.
pub struct Pass {
    gate: Arc<Gate>,
    slot: Arc<Slot>,
    counts: bool,
    in_ramp: AtomicBool,
}

impl Pass {
    /// The slot and the door have counted this request already.
    pub(super) fn new(gate: Arc<Gate>, slot: Arc<Slot>, counts: bool, in_ramp: bool) -> Self {
        if counts {
            gate.entered.fetch_add(1, Ordering::SeqCst);
        }
        Self { gate, slot, counts, in_ramp: AtomicBool::new(in_ramp) }
    }

    /// The target to use.
    pub fn target(&self) -> &Target {
        self.slot.target()
    }

    /// The target's place behind the door.
    pub fn slot(&self) -> &Arc<Slot> {
        &self.slot
    }

    /// The gate it is for.
    pub fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// Whether this request keeps the service awake.
    pub fn counts(&self) -> bool {
        self.counts
    }

    /// Says that the response has begun: if others wait behind this one, the next may follow.
    pub fn answered(&self) {
        if self.in_ramp.load(Ordering::Relaxed) && self.in_ramp.swap(false, Ordering::SeqCst) {
            self.gate.ramp_step();
        }
    }

    /// A pass to another target than this one and those in `tried`, if there is one.
    pub fn elsewhere(&self, tried: &[Arc<Slot>]) -> Option<Self> {
        // We are inside, so the door's count is not zero: counting one more in needs no look.
        self.gate.door.count_in();
        let is_new = |slot: &Arc<Slot>| {
            !Arc::ptr_eq(slot, &self.slot) && !tried.iter().any(|other| Arc::ptr_eq(slot, other))
        };
        let slot = self.gate.slots().pick(is_new);
        if slot.is_none() {
            self.gate.door.leave();
        }
        slot.map(|slot| Self::new(self.gate.clone(), slot, self.counts, false))
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let in_ramp = *self.in_ramp.get_mut();
        self.gate.leave(&self.slot, self.counts, in_ramp);
    }
}

impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pass").field("target", self.target()).field("counts", &self.counts).finish()
    }
}

/// To be put into the extensions of a response that whoever holds a [`Pass`] made up itself, because the target
/// gave none: it is then not counted as served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unserved {
    /// No answer could be had from the service.
    NoAnswer,
    /// The request is none that can be passed on, or its client broke it off.
    BadRequest,
}

/// Why there is no place in the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The door is shut, and the request must not wake what is behind it.
    Shut,
    /// As many wait as may.
    Full,
    /// The last wake failed, and it is too early for the next.
    Failed(Fault),
}

/// A place in the queue. Dropping it gives the place up at once; the wake goes on.
#[derive(Debug)]
pub struct Hold {
    /// Until it has an answer.
    gate: Option<Arc<Gate>>,
    id: u64,
    receiver: oneshot::Receiver<Answer>,
}

/// What whoever waits is told in the end. A fault is in a box: nearly all carry no more than the room for it.
pub(super) type Answer = Result<Pass, Box<Fault>>;

impl Hold {
    pub(super) fn new(gate: Arc<Gate>, id: u64, receiver: oneshot::Receiver<Answer>) -> Self {
        Self { gate: Some(gate), id, receiver }
    }
}

impl Future for Hold {
    type Output = Result<Pass, Fault>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(Pin::new(&mut self.receiver).poll(cx));
        self.gate = None;
        Poll::Ready(match answer {
            Ok(answer) => answer.map_err(|fault| *fault),
            Err(_) => Err(Fault::new("the gateway is going down")),
        })
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(gate) = &self.gate {
            gate.forget(self.id);
        }
    }
}
