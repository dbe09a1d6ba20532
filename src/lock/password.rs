use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bcrypt::HashParts;

use super::memory::{Code, Memory};
use crate::model::Time;

/// The most that a hash may cost: a second or so of a whole core.
const MOST_COST: u32 = 14;

/// Users with the hashes of their passwords.
#[derive(Default)]
pub struct Users {
    hashes: HashMap<Box<str>, Arc<str>>,
    /// What the password of somebody unknown is checked against, so that it takes as long: no password is known for it.
    nobody: Option<Arc<str>>,
}

/// A password that is yet to be checked.
pub struct Attempt {
    hash: Arc<str>,
    password: Vec<u8>,
    /// Whether there is such a user at all.
    known: bool,
    pub(super) code: Option<Code>,
}

impl Users {
    /// Users, each with a bcrypt hash as `htpasswd -B` makes it: `$2y$`, `$2b$` or `$2a$`.
    ///
    /// # Errors
    /// What is wrong with one of the hashes, of which nothing is repeated.
    pub fn add(&mut self, name: &str, hash: &str) -> Result<(), &'static str> {
        let parts = HashParts::from_str(hash).map_err(|_| NO_HASH)?;
        if !["$2y$", "$2b$", "$2a$"].iter().any(|version| hash.starts_with(version)) {
            return Err(NO_HASH);
        }
        if parts.get_cost() > MOST_COST {
            return Err("costs too much time at each check; 14 is the most, as in `htpasswd -nBC 14 NAME`");
        }
        if name.is_empty() || name.contains(':') || name.chars().any(char::is_control) {
            return Err("is of a user whose name cannot be sent: it must not be empty nor have a colon");
        }
        let dearest = self.nobody.as_ref().and_then(|hash| HashParts::from_str(hash).ok());
        if dearest.is_none_or(|dearest| dearest.get_cost() < parts.get_cost()) {
            self.nobody = Some(unknown(parts.get_cost()).into());
        }
        self.hashes.insert(name.into(), hash.into());
        Ok(())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// What `Authorization: Basic` shows (RFC 7617), where that is to be checked here.
    pub(super) fn attempt(&self, lock: &str, shown: &[u8], memory: &Memory) -> Option<Attempt> {
        let nobody = self.nobody.as_ref()?;
        let shown = STANDARD.decode(shown.trim_ascii()).ok()?;
        let colon = shown.iter().position(|byte| *byte == b':')?;
        let (user, password) =
            (std::str::from_utf8(&shown[..colon]).unwrap_or_default(), &shown[colon + 1..]);
        let hash = self.hashes.get(user);
        Some(Attempt {
            known: hash.is_some(),
            code: hash.and_then(|hash| memory.code(lock, user, hash, password)),
            password: password.to_vec(),
            hash: hash.unwrap_or(nobody).clone(),
        })
    }
}

impl Attempt {
    /// Whether the password is right, which was found out before. Takes no time.
    pub fn is_known(&self, memory: &Memory, now: Time) -> bool {
        self.code.is_some_and(|code| memory.knows(&code, now))
    }

    /// Whether the password is right. Takes a core for a good part of a second, whoever the user is.
    pub fn check(&self) -> bool {
        bcrypt::verify(&self.password, &self.hash).unwrap_or(false) && self.known
    }

    /// It was.
    pub fn remember(&self, memory: &Memory, now: Time) {
        if let Some(code) = self.code {
            memory.remember(code, now);
        }
    }
}

const NO_HASH: &str = "is no bcrypt hash; `htpasswd -nB NAME` makes one";

/// A well-formed hash of this cost.
fn unknown(cost: u32) -> String {
    format!("$2b${cost:02}$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyzabcde")
}

impl fmt::Debug for Users {
    /// Without names and hashes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} users", self.hashes.len())
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Attempt")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users() -> Users {
        let mut users = Users::default();
        users.add("alice", &bcrypt::hash("a:b", 4).unwrap()).unwrap();
        users
    }

    fn attempt(shown: &str) -> Option<Attempt> {
        users().attempt("team", STANDARD.encode(shown).as_bytes(), &Memory::new())
    }

    #[test]
    fn only_the_password_is_right() {
        assert!(attempt("alice:a:b").unwrap().check(), "a password may have colons");
        for wrong in ["alice:a", "alice:", "bob:a:b", "Alice:a:b", ":", "\u{e9}:x"] {
            assert!(!attempt(wrong).unwrap().check(), "{wrong}");
        }
        assert!(attempt("alice").is_none());
        assert!(users().attempt("team", b"%%%", &Memory::new()).is_none());
        assert!(Users::default().attempt("team", b"YTpi", &Memory::new()).is_none());
    }

    #[test]
    fn what_is_known_need_not_be_checked() {
        let (users, memory, now) = (users(), Memory::new(), Time::from_millis(5));
        let attempt = |text: &str| users.attempt("team", STANDARD.encode(text).as_bytes(), &memory).unwrap();
        assert!(!attempt("alice:a:b").is_known(&memory, now));
        attempt("alice:a:b").remember(&memory, now);
        assert!(attempt("alice:a:b").is_known(&memory, now));
        assert!(!attempt("alice:a:c").is_known(&memory, now));
        attempt("bob:x").remember(&memory, now);
        assert!(!attempt("bob:x").is_known(&memory, now), "nobody unknown is ever known");
    }

    #[test]
    fn an_unknown_user_is_checked_at_the_dearest_cost() {
        let mut users = users();
        users.add("bob", &bcrypt::hash("x", 6).unwrap()).unwrap();
        users.add("carol", &bcrypt::hash("x", 5).unwrap()).unwrap();
        let nobody = HashParts::from_str(users.nobody.as_ref().unwrap()).unwrap();
        assert_eq!(nobody.get_cost(), 6);
    }

    #[test]
    fn hashes_of_other_kinds_are_refused_and_not_repeated() {
        for hash in [
            "",
            "secret",
            "$apr1$x$y",
            "{SHA}x",
            "$2y$05$short",
            "$2x$05$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyzabcde",
        ] {
            assert_eq!(Users::default().add("a", hash), Err(NO_HASH));
        }
        assert!(Users::default().add("a", &unknown(15)).is_err());
        assert!(Users::default().add("a:b", &unknown(4)).is_err());
        assert_eq!(Users::default().add("a", &unknown(4)), Ok(()));
        assert_eq!(format!("{:?}", users()), "1 users");
    }
}
