//! What was so a moment ago: ECS answers reads from copies that may lag behind.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// How far and how often reads lag.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Stale {
    /// At most so far.
    pub(crate) window: Duration,
    /// So often, from 0 to 1.
    pub(crate) chance: f64,
}

/// Earlier states of things, by key.
#[derive(Debug)]
pub(super) struct Past<K, T> {
    states: BTreeMap<K, VecDeque<(Duration, T)>>,
}

impl<K, T> Default for Past<K, T> {
    fn default() -> Self {
        Self { states: BTreeMap::new() }
    }
}

impl<K: Ord + Clone, T> Past<K, T> {
    /// Takes note of a state that began at `now`; what ended longer than `window` ago is forgotten.
    pub(super) fn note(&mut self, key: &K, state: T, now: Duration, window: Duration) {
        let states = self.states.entry(key.clone()).or_default();
        states.push_back((now, state));
        while states.get(1).is_some_and(|(began, _)| *began + window < now) {
            states.pop_front();
        }
    }

    /// The state at a moment; the oldest that is remembered where the moment is before it.
    pub(super) fn at(&self, key: &K, moment: Duration) -> Option<&T> {
        let states = self.states.get(key)?;
        let known = states.iter().rev().find(|(began, _)| *began <= moment).or_else(|| states.front());
        known.map(|(_, state)| state)
    }

    /// Forgets a thing.
    pub(super) fn forget(&mut self, key: &K) {
        self.states.remove(key);
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.states.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_of_a_moment_is_the_last_one_that_began_before_it() {
        let ms = Duration::from_millis;
        let mut past = Past::default();
        for (at, state) in [(0, 'a'), (100, 'b'), (200, 'c')] {
            past.note(&"x", state, ms(at), ms(150));
        }
        assert_eq!(past.at(&"x", ms(99)), Some(&'a'));
        assert_eq!(past.at(&"x", ms(100)), Some(&'b'));
        past.note(&"x", 'd', ms(400), ms(150));
        assert_eq!(past.at(&"x", ms(99)), Some(&'c'), "the others are out of the window");
        assert_eq!(past.at(&"y", ms(0)), None);
    }
}
