use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use arc_swap::ArcSwap;

use super::mac::Mac;
use crate::model::Time;

/// For how long a password that was right is not checked again.
const REMEMBERED: Duration = Duration::from_secs(60 * 60);
/// How many are remembered.
const MOST: usize = 4096;

/// Which passwords were found right, so that only the first request with one costs what its check does.
///
/// It holds no password: a user, the hash and the password are kept as a code of theirs, under a key that is made at
/// random for this process. A user who is taken out, or whose hash is changed, is thus forgotten at once.
pub struct Memory {
    /// `None` where no randomness was to be had; then nothing is remembered.
    mac: Option<Mac>,
    /// Until when each is.
    known: ArcSwap<HashMap<Code, Time>>,
}

/// What stands for a password that was found right.
pub(super) type Code = [u8; 32];

impl Memory {
    /// A memory of nothing.
    pub fn new() -> Self {
        let mut key = [0; 32];
        let mac = getrandom::fill(&mut key).ok().and_then(|()| Mac::new(&key));
        Self { mac, known: ArcSwap::default() }
    }

    /// What stands for this user's password at a lock, where they are found right by this hash.
    pub(super) fn code(&self, lock: &str, user: &str, hash: &str, password: &[u8]) -> Option<Code> {
        Some(self.mac.as_ref()?.of(&[lock.as_bytes(), user.as_bytes(), hash.as_bytes(), password]))
    }

    /// Takes no lock.
    pub(super) fn knows(&self, code: &Code, now: Time) -> bool {
        self.known.load().get(code).is_some_and(|until| now < *until)
    }

    pub(super) fn remember(&self, code: Code, now: Time) {
        self.known.rcu(|known| {
            let mut known = HashMap::clone(known);
            if known.len() >= MOST {
                known.retain(|_, until| now < *until);
            }
            if known.len() >= MOST
                && let Some(oldest) = known.iter().min_by_key(|(_, until)| **until).map(|(code, _)| *code)
            {
                known.remove(&oldest);
            }
            known.insert(code, now + REMEMBERED);
            known
        });
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("known", &self.known.load().len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::from_millis(seconds * 1_000)
    }

    #[test]
    fn what_was_right_is_known_for_a_time() {
        let memory = Memory::new();
        let code = memory.code("team", "alice", "hash", b"password").unwrap();
        assert!(!memory.knows(&code, at(0)));
        memory.remember(code, at(0));
        assert!(memory.knows(&code, at(3599)));
        assert!(!memory.knows(&code, at(3600)));
        for other in [
            memory.code("other", "alice", "hash", b"password"),
            memory.code("team", "bob", "hash", b"password"),
            memory.code("team", "alice", "other", b"password"),
            memory.code("team", "alice", "hash", b"passwor"),
            Memory::new().code("team", "alice", "hash", b"password"),
        ] {
            assert!(!memory.knows(&other.unwrap(), at(1)));
        }
    }

    #[test]
    fn the_oldest_makes_room() {
        let memory = Memory::new();
        let code = |index: usize| memory.code("team", &index.to_string(), "", b"").unwrap();
        for index in 0..=MOST {
            memory.remember(code(index), at(index as u64 / 100));
        }
        assert_eq!(memory.known.load().len(), MOST);
        assert!(memory.knows(&code(MOST), at(50)) && memory.knows(&code(200), at(50)));
        let gone = (0..100).filter(|index| !memory.knows(&code(*index), at(50))).count();
        assert_eq!(gone, 1, "one of the first hundred, which are equally old");
    }
}
