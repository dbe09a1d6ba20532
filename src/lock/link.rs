use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;

use super::mac::Mac;

/// The query parameter of a link.
pub const PARAMETER: &str = "wakegate-key";
/// The shortest key of a link. Whoever has a link may try keys without asking anybody.
const SHORTEST: usize = 32;

/// What a signature is for. One of a link does not do in a cookie, nor the other way round.
const LINK: &[u8] = b"wakegate link";
const COOKIE: &[u8] = b"wakegate cookie";

/// Links that open a lock until a time, and the cookies that they leave behind.
///
/// Both are `EXPIRY.SIGNATURE`: the time in seconds since 1970, and HMAC-SHA256 over it, the lock's name and what it is
/// for. They open one lock, on every host that it is on. The gateway keeps no list of them: to take one back, change the
/// key, which takes back all.
#[derive(Clone)]
pub struct Links {
    mac: Mac,
    cookie_for: Duration,
}

impl Links {
    /// Links signed with `key`; the cookies that they leave behind are good for `cookie_for`.
    ///
    /// # Errors
    /// What is wrong with the key, of which nothing is repeated.
    pub fn new(key: &str, cookie_for: Duration) -> Result<Self, &'static str> {
        const TOO_SHORT: &str =
            "is too short; a key has 32 characters or more, as `openssl rand -hex 32` makes it";
        if key.len() < SHORTEST {
            return Err(TOO_SHORT);
        }
        Ok(Self { mac: Mac::new(key.as_bytes()).ok_or(TOO_SHORT)?, cookie_for })
    }

    /// The value of the parameter in a link that opens the lock of this name until then.
    pub(super) fn sign(&self, lock: &str, until: u64) -> String {
        self.signed(LINK, lock, until)
    }

    /// Whether this is the value of such a parameter.
    pub(super) fn is_link(&self, lock: &str, value: &str, now: u64) -> bool {
        self.is_signed(LINK, lock, value, now)
    }

    pub(super) fn is_cookie(&self, lock: &str, value: &str, now: u64) -> bool {
        self.is_signed(COOKIE, lock, value, now)
    }

    /// A cookie as good as a link. It is sent with links from elsewhere, but not with what other sites embed or post.
    pub(super) fn cookie(&self, lock: &str, now: u64, https: bool) -> Option<HeaderValue> {
        let seconds = self.cookie_for.as_secs();
        let value = self.signed(COOKIE, lock, now.saturating_add(seconds));
        let name = super::cookie::name(lock, https);
        let secure = if https { "; Secure" } else { "" };
        let text = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
        HeaderValue::try_from(text).ok()
    }

    fn signed(&self, purpose: &[u8], lock: &str, until: u64) -> String {
        let code = self.mac.of(&[purpose, lock.as_bytes(), &until.to_be_bytes()]);
        format!("{until}.{}", URL_SAFE_NO_PAD.encode(code))
    }

    fn is_signed(&self, purpose: &[u8], lock: &str, value: &str, now: u64) -> bool {
        let Some((until, code)) = value.split_once('.') else { return false };
        let Ok(until) = until.parse::<u64>() else { return false };
        let Ok(code) = URL_SAFE_NO_PAD.decode(code) else { return false };
        now < until && self.mac.is(&[purpose, lock.as_bytes(), &until.to_be_bytes()], &code)
    }
}

impl fmt::Debug for Links {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links").field("cookie_for", &self.cookie_for).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(key: &str) -> Links {
        Links::new(key, Duration::from_secs(60)).unwrap()
    }

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn a_link_opens_its_lock_until_its_time() {
        let links = links(KEY);
        let value = links.sign("team", 1_000);
        assert!(links.is_link("team", &value, 999));
        assert!(!links.is_link("team", &value, 1_000));
        assert!(!links.is_link("other", &value, 999));
        assert!(!links.is_cookie("team", &value, 999));
        assert!(!self::links("another key, but as long as that one").is_link("team", &value, 999));
        let (_, code) = value.split_once('.').unwrap();
        for wrong in [
            "",
            ".",
            "1000",
            "1000.",
            &format!("1001.{code}"),
            &format!("-1.{code}"),
            &format!("{value}A"),
            &value[..value.len() - 1],
        ] {
            assert!(!links.is_link("team", wrong, 999), "{wrong}");
        }
    }

    #[test]
    fn a_cookie_says_for_how_long_and_to_whom() {
        let links = links(KEY);
        let text = |https| links.cookie("team", 1_000, https).unwrap().to_str().unwrap().to_owned();
        let plain = text(false);
        let (pair, attributes) = plain.split_once("; ").unwrap();
        assert_eq!(attributes, "Path=/; Max-Age=60; HttpOnly; SameSite=Lax");
        let value = pair.strip_prefix("wakegate-team=").unwrap();
        assert!(links.is_cookie("team", value, 1_059) && !links.is_cookie("team", value, 1_060));
        assert!(!links.is_link("team", value, 1_000));
        assert!(text(true).starts_with("__Host-wakegate-team=") && text(true).ends_with("; Secure"));
    }

    #[test]
    fn a_short_key_is_refused() {
        assert!(Links::new(&KEY[1..], Duration::from_secs(1)).is_err());
        assert!(!format!("{:?}", links(KEY)).contains("0123"));
    }
}
