//! What a client's connection is used for, as far as it must be known from outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use tokio::time::{Duration, Instant};

/// Counts what a connection is used for: requests until their answers have ended, and tunnels.
#[derive(Debug)]
pub struct Uses {
    began: Instant,
    now: AtomicUsize,
    ever: AtomicU64,
    /// When the last one ended, in nanoseconds after `began`.
    ended: AtomicU64,
    /// Whether the last one came with a body.
    had_body: AtomicBool,
    /// How many there had been when one came whose head gives a length; none, where it is more than there can be.
    length_after: AtomicU64,
    /// How many there had been when it was found that no other is to be expected soon.
    quiet_after: AtomicU64,
    /// The number of the one after which none is to be expected at all.
    single: AtomicU64,
}

impl Uses {
    /// Those of a connection that begins now.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            began: Instant::now(),
            now: AtomicUsize::new(0),
            ever: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            had_body: AtomicBool::new(false),
            length_after: AtomicU64::new(u64::MAX),
            quiet_after: AtomicU64::new(u64::MAX),
            single: AtomicU64::new(u64::MAX),
        })
    }

    /// Another one begins.
    pub fn begin(self: &Arc<Self>, has_body: bool) -> InUse {
        self.had_body.store(has_body, Ordering::Relaxed);
        self.ever.fetch_add(1, Ordering::Relaxed);
        self.now.fetch_add(1, Ordering::Relaxed);
        InUse(self.clone())
    }

    /// The head of the next one, as far as it has come, gives a length.
    pub fn next_has_length(&self) {
        self.length_after.store(self.ever(), Ordering::Relaxed);
    }

    /// The next one is the last one once more.
    pub fn next_is_like_last(&self) {
        if self.length_after.load(Ordering::Relaxed).checked_add(1) == Some(self.ever()) {
            self.next_has_length();
        }
    }

    /// Whether the head of the next one is known to give a length.
    pub fn has_length(&self) -> bool {
        self.length_after.load(Ordering::Relaxed) == self.ever()
    }

    /// After the next one, none is to be expected soon.
    pub fn next_is_single(&self) {
        self.single.store(self.ever() + 1, Ordering::Relaxed);
    }

    /// Whether the last one was said to be the only one for now.
    pub fn was_single(&self) -> bool {
        self.single.load(Ordering::Relaxed) == self.ever()
    }

    /// No other is to be expected soon: the last has ended, whole, a while ago.
    pub fn rest(&self) {
        self.quiet_after.store(self.ever(), Ordering::Relaxed);
    }

    /// There is to be no other at all.
    pub fn close(&self) {
        self.quiet_after.store(u64::MAX, Ordering::Relaxed);
    }

    /// Whether no other is to be expected soon.
    pub fn rests(&self) -> bool {
        self.quiet_after.load(Ordering::Relaxed) == self.ever()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.now.load(Ordering::Relaxed)
    }

    /// How many there were.
    pub fn ever(&self) -> u64 {
        self.ever.load(Ordering::Relaxed)
    }

    /// Since when there is none, if there is none.
    pub fn idle_since(&self) -> Option<Instant> {
        // The count first: what ended with the last one is there once it is zero.
        let idle = self.now.load(Ordering::Acquire) == 0;
        idle.then(|| self.began + Duration::from_nanos(self.ended.load(Ordering::Relaxed)))
    }

    /// Where there is none, there was one until now.
    pub fn idles_from_now(&self) {
        let after = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.ended.store(after, Ordering::Relaxed);
    }

    /// Whether the last one came with a body.
    pub fn had_body(&self) -> bool {
        self.had_body.load(Ordering::Relaxed)
    }
}

/// A client's connection is in use as long as this lives. A request that may become a tunnel carries one as an extension.
#[derive(Debug)]
pub struct InUse(Arc<Uses>);

impl Clone for InUse {
    fn clone(&self) -> Self {
        self.0.now.fetch_add(1, Ordering::Relaxed);
        Self(self.0.clone())
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        self.0.idles_from_now();
        self.0.now.fetch_sub(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_idle_since_the_last_one_ended() {
        let uses = Uses::new();
        let began = Instant::now();
        assert_eq!(uses.idle_since(), Some(began));
        let one = uses.begin(false);
        let (two, more) = (one.clone(), uses.begin(true));
        tokio::time::advance(Duration::from_secs(3)).await;
        drop((one, more));
        assert_eq!(uses.idle_since(), None);
        tokio::time::advance(Duration::from_secs(4)).await;
        drop(two);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(uses.idle_since(), Some(began + Duration::from_secs(7)));
        assert_eq!((uses.ever(), uses.had_body()), (2, true));
    }

    #[test]
    fn what_is_read_once_more_has_the_length_that_it_had() {
        let uses = Uses::new();
        drop(uses.begin(false));
        uses.next_is_like_last();
        assert!(!uses.has_length());
        uses.next_has_length();
        drop(uses.begin(true));
        assert!(!uses.has_length());
        uses.next_is_like_last();
        assert!(uses.has_length());
    }
}
