use std::fmt;

use hmac::{Hmac, KeyInit, Mac as _};
use sha2::Sha256;

/// HMAC-SHA256 (RFC 2104) under one key.
#[derive(Clone)]
pub(super) struct Mac(Hmac<Sha256>);

impl Mac {
    /// `None` for a key that HMAC does not take, which there is none of.
    pub(super) fn new(key: &[u8]) -> Option<Self> {
        Hmac::new_from_slice(key).ok().map(Self)
    }

    /// The code of these parts, one after the other.
    pub(super) fn of(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.fed(parts).finalize().into_bytes().into()
    }

    /// Whether that is their code. Takes as long for one that is nearly right as for one that is all wrong.
    pub(super) fn is(&self, parts: &[&[u8]], code: &[u8]) -> bool {
        self.fed(parts).verify_slice(code).is_ok()
    }

    fn fed(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        for part in parts {
            // With its length before it: where one part ends and the next begins is a part of what is signed.
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac
    }
}

impl fmt::Debug for Mac {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mac")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_not_run_together() {
        let mac = Mac::new(b"key").unwrap();
        assert_ne!(mac.of(&[b"ab", b"c"]), mac.of(&[b"a", b"bc"]));
        assert!(mac.is(&[b"ab", b"c"], &mac.of(&[b"ab", b"c"])));
        assert!(!mac.is(&[b"ab", b"c"], &mac.of(&[b"ab", b"c"])[..16]), "nor is a part of it enough");
        assert!(!Mac::new(b"other").unwrap().is(&[b"ab"], &mac.of(&[b"ab"])));
    }
}
