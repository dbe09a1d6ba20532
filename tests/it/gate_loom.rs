//! Rules 1 and 2 in the gate's one word of memory, in every interleaving that the memory model allows.
//!
//! `door.rs` is compiled here once more, over loom's atomics. Beside it stand two doors with a rule taken out, to show
//! that loom would find it.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

mod sync {
    pub(super) use loom::sync::atomic::{AtomicU64, Ordering};
}

#[path = "../../src/gate/door.rs"]
mod door;

use door::Door;

/// What a door can do that stands between visitors and a stop.
trait Guard: Send + Sync + 'static {
    fn open() -> Self;
    fn enter(&self) -> bool;
    fn leave(&self);
    /// Shuts the door; tells how many are inside.
    fn shut(&self) -> u64;
    fn open_again(&self);
}

impl Guard for Door {
    fn open() -> Self {
        let door = Self::shut_and_empty();
        Self::open(&door);
        door
    }

    fn enter(&self) -> bool {
        Self::enter(self)
    }

    fn leave(&self) {
        Self::leave(self);
    }

    fn shut(&self) -> u64 {
        Self::shut(self)
    }

    fn open_again(&self) {
        Self::open(self);
    }
}

/// Rule 2 taken out: looks first, then counts.
struct LooksFirst(Door, AtomicBool);

impl Guard for LooksFirst {
    fn open() -> Self {
        Self(Door::shut_and_empty(), AtomicBool::new(true))
    }

    fn enter(&self) -> bool {
        let open = self.1.load(Ordering::SeqCst);
        if open {
            self.0.count_in();
        }
        open
    }

    fn leave(&self) {
        self.0.leave();
    }

    fn shut(&self) -> u64 {
        self.1.store(false, Ordering::SeqCst);
        self.0.count()
    }

    fn open_again(&self) {
        self.1.store(true, Ordering::SeqCst);
    }
}

/// Rule 1 taken out: counts first, then shuts.
struct CountsFirst(Door);

impl Guard for CountsFirst {
    fn open() -> Self {
        Self(<Door as Guard>::open())
    }

    fn enter(&self) -> bool {
        self.0.enter()
    }

    fn leave(&self) {
        self.0.leave();
    }

    fn shut(&self) -> u64 {
        let inside = self.0.count();
        self.0.shut();
        inside
    }

    fn open_again(&self) {
        Door::open(&self.0);
    }
}

/// Visitors come while the service is put to sleep: whoever is inside is not stopped.
fn nobody_is_stopped_inside<G: Guard>(visitors: usize) {
    loom::model(move || {
        let (door, stopped) = (Arc::new(G::open()), Arc::new(AtomicBool::new(false)));
        let come_and_go = |_| {
            let (door, stopped) = (door.clone(), stopped.clone());
            thread::spawn(move || {
                if door.enter() {
                    assert!(!stopped.load(Ordering::SeqCst), "stopped while serving");
                    door.leave();
                }
            })
        };
        let visitors: Vec<_> = (0..visitors).map(come_and_go).collect();
        if door.shut() == 0 {
            stopped.store(true, Ordering::SeqCst);
        } else {
            door.open_again();
        }
        for visitor in visitors {
            assert!(visitor.join().is_ok());
        }
        assert!(stopped.load(Ordering::SeqCst) || door.enter(), "nothing was called, so the door is open");
    });
}

#[test]
fn whoever_is_inside_is_not_stopped() {
    nobody_is_stopped_inside::<Door>(1);
    nobody_is_stopped_inside::<Door>(2);
}

#[test]
#[should_panic = "stopped while serving"]
fn loom_finds_a_door_that_looks_first_and_counts_then() {
    nobody_is_stopped_inside::<LooksFirst>(1);
}

#[test]
#[should_panic = "stopped while serving"]
fn loom_finds_a_door_that_counts_first_and_shuts_then() {
    nobody_is_stopped_inside::<CountsFirst>(1);
}

#[test]
fn the_count_is_right_when_all_have_gone() {
    loom::model(|| {
        let door = Arc::new(<Door as Guard>::open());
        let other = door.clone();
        let visitor = thread::spawn(move || {
            if other.enter() {
                // A place at another target, taken from inside.
                other.count_in();
                other.leave();
                other.leave();
            }
        });
        Door::shut(&door);
        Door::open(&door);
        assert!(visitor.join().is_ok());
        assert_eq!(door.count(), 0);
        assert!(door.enter());
    });
}
