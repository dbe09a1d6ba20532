//! A request that waits apart from its connection.
//!
//! Whoever reads the requests of a connection needs far more room for it than a request that waits: buffers, and the state
//! of a message that is under way. A server that would rather put all that away meanwhile gives a request a [`Parking`] as
//! an extension. Where the request is to be held, it finds the [`Wait`] there, waits it out in whatever way is cheapest, and hands in
//! the same request once more, with what the wait has come to.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Entry;
use super::hold::Waited;
use crate::net::BoxFuture;

/// A request's wait. Dropping it gives its place up.
pub type Wait = BoxFuture<'static, Waited>;

/// A place for one request's wait. For a request of HTTP/1 alone: over HTTP/2 one may be taken back before it waits.
#[derive(Clone, Default)]
pub struct Parking {
    /// Whether it was made for a request that comes back. Most are not, and need not look further.
    is_back: bool,
    place: Arc<Mutex<Place>>,
}

#[derive(Default)]
enum Place {
    #[default]
    Free,
    Waits(Wait),
    /// The wait is over.
    Waited(Waited),
    /// Nobody comes to look any more.
    Closed,
}

impl Parking {
    /// For a request that comes back with this.
    pub fn back(waited: Waited) -> Self {
        Self { is_back: true, place: Arc::new(Mutex::new(Place::Waited(waited))) }
    }

    /// The wait, where one was left here. None is from now on.
    pub fn close(&self) -> Option<Wait> {
        match std::mem::replace(&mut *self.place(), Place::Closed) {
            Place::Waits(wait) => Some(wait),
            Place::Free | Place::Waited(_) | Place::Closed => None,
        }
    }

    /// Leaves a wait here, or gives it back.
    pub(super) fn leave(&self, wait: Wait) -> Result<(), Wait> {
        let mut place = self.place();
        match *place {
            Place::Free => {
                *place = Place::Waits(wait);
                Ok(())
            }
            Place::Waits(_) | Place::Waited(_) | Place::Closed => Err(wait),
        }
    }

    /// Whether its request comes back.
    pub(super) fn is_back(&self) -> bool {
        self.is_back
    }

    /// The route of a request that comes back.
    pub(super) fn entry(&self) -> Option<Arc<Entry>> {
        if !self.is_back {
            return None;
        }
        match &*self.place() {
            Place::Waited(waited) => Some(waited.entry()),
            Place::Free | Place::Waits(_) | Place::Closed => None,
        }
    }

    /// What the wait of a request that comes back has come to. Only once.
    pub(super) fn waited(&self) -> Option<Waited> {
        let mut place = self.place();
        match std::mem::replace(&mut *place, Place::Closed) {
            Place::Waited(waited) => Some(waited),
            other => {
                *place = other;
                None
            }
        }
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Parking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parking").finish_non_exhaustive()
    }
}
