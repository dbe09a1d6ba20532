use std::fmt;

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// The shortest token. Shorter ones can be guessed.
const SHORTEST: usize = 16;

/// Bearer tokens, by their SHA-256.
#[derive(Clone, Default)]
pub struct Tokens(Vec<[u8; 32]>);

impl Tokens {
    /// Another token: as it is, or as `sha256:` and its hash in 64 hexadecimal digits. It should be random: that it
    /// cannot be guessed is all that keeps it.
    ///
    /// # Errors
    /// What is wrong with it, of which nothing is repeated.
    pub fn add(&mut self, token: &str) -> Result<(), &'static str> {
        if let Some(hash) = token.strip_prefix("sha256:") {
            let hash =
                from_hex(hash).ok_or("has no SHA-256 after `sha256:`, which is 64 hexadecimal digits")?;
            self.0.push(hash);
            return Ok(());
        }
        check_token(token)?;
        self.0.push(Sha256::digest(token).into());
        Ok(())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of them is shown. How long that takes tells nothing of them, not even their length.
    pub(super) fn has(&self, shown: &[u8]) -> bool {
        let shown: [u8; 32] = Sha256::digest(shown).into();
        self.0.iter().fold(Choice::from(0), |found, token| found | token.ct_eq(&shown)).into()
    }
}

/// Whether it is one that may be configured.
///
/// # Errors
/// What is wrong with it, of which nothing is repeated.
pub fn check_token(token: &str) -> Result<(), &'static str> {
    if token.len() < SHORTEST {
        return Err("is too short; a token has 16 characters or more");
    }
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("may have letters, digits and punctuation of ASCII only");
    }
    Ok(())
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let pairs = text.as_bytes().chunks(2);
    if text.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        let digit = |at: usize| pair.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        *byte = u8::try_from(digit(0)? * 16 + digit(1)?).ok()?;
    }
    Some(bytes)
}

impl fmt::Debug for Tokens {
    /// Without the hashes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tokens", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_as_text_and_as_hash() {
        let mut tokens = Tokens::default();
        tokens.add("a-token-of-some-length").unwrap();
        // printf abc | sha256sum
        tokens.add("sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015AD").unwrap();
        assert!(tokens.has(b"a-token-of-some-length") && tokens.has(b"abc"));
        for wrong in ["", "a-token-of-some-lengt", "a-token-of-some-length ", "ab"] {
            assert!(!tokens.has(wrong.as_bytes()), "{wrong}");
        }
        assert!(!Tokens::default().has(b""));
    }

    #[test]
    fn what_cannot_be_one_is_refused() {
        for wrong in
            ["", "short", "with a space in it", "sha256:", "sha256:00", &format!("sha256:{}", "é".repeat(32))]
        {
            assert!(Tokens::default().add(wrong).is_err(), "{wrong}");
        }
    }
}
