//! How a gate calls the driver.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc;

use crate::model::Target;

/// What a gate has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ring {
    /// Somebody waits for the service of this name.
    Demand(Arc<str>),
    /// A target of this service did not answer a connect.
    Suspect(Arc<str>, Target),
}

/// A gate's end of the wire to the driver. Ringing again before the driver has listened adds nothing.
#[derive(Debug)]
pub struct Bell {
    rung: Arc<AtomicBool>,
    wire: mpsc::UnboundedSender<(Ring, Arc<AtomicBool>)>,
}

/// The driver's end.
#[derive(Debug)]
pub struct Rings(mpsc::UnboundedReceiver<(Ring, Arc<AtomicBool>)>);

impl Bell {
    /// A wire with one bell on it.
    pub fn channel() -> (Self, Rings) {
        let (wire, rings) = mpsc::unbounded_channel();
        (Self { rung: Arc::default(), wire }, Rings(rings))
    }

    /// Another bell on the same wire, for another gate.
    #[must_use]
    pub fn another(&self) -> Self {
        Self { rung: Arc::default(), wire: self.wire.clone() }
    }

    pub(super) fn demand(&self, name: &Arc<str>) {
        if !self.rung.swap(true, Ordering::SeqCst) {
            self.send(Ring::Demand(name.clone()));
        }
    }

    pub(super) fn suspect(&self, name: &Arc<str>, target: Target) {
        self.send(Ring::Suspect(name.clone(), target));
    }

    fn send(&self, ring: Ring) {
        // Nobody at the other end: the gateway is going down, and no one is left to wake anything.
        drop(self.wire.send((ring, self.rung.clone())));
    }
}

impl Rings {
    /// The next ring. `None` once every bell is gone.
    pub async fn next(&mut self) -> Option<Ring> {
        self.0.recv().await.map(heard)
    }

    /// The next ring, if one is there already.
    pub fn try_next(&mut self) -> Option<Ring> {
        self.0.try_recv().ok().map(heard)
    }
}

/// Lets the bell ring again before its ring is acted on, so that nothing in between goes unheard.
fn heard((ring, rung): (Ring, Arc<AtomicBool>)) -> Ring {
    if matches!(ring, Ring::Demand(_)) {
        rung.store(false, Ordering::SeqCst);
    }
    ring
}
