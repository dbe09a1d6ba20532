//! What keeps everybody out of a route who brings no key: passwords, tokens, and links that were signed.
//!
//! Any one of a lock's keys opens it. Checking one reads no clock and waits for nothing, but for the check of a password,
//! which takes a good part of a second by design: it is handed back as an [`Attempt`], to be made where it stops nobody,
//! and a password that was right is [remembered](Memory). How many wrong ones an address may try is bounded by
//! [`Guesses`].
//!
//! What opened the lock is ours and not the service's: a password or a token is taken out of `Authorization`, the
//! parameter out of the URL, the cookie out of `Cookie`. An `Authorization` that opened nothing, because a cookie did,
//! is the service's, and stays.
//!
//! ```
//! use http::Request;
//! use wakegate::lock::{Lock, Memory, Moment, Tokens, Tried, Users};
//!
//! let mut tokens = Tokens::default();
//! tokens.add("correct-horse-battery").unwrap();
//! let lock = Lock::new("team", Users::default(), tokens, None);
//!
//! let mut request = Request::get("/").header("authorization", "Bearer correct-horse-battery").body(()).unwrap();
//! let tried = lock.try_open(&mut request, &Memory::new(), Moment::default());
//! assert!(matches!(tried, Tried::Open { cookie: None }));
//! assert!(request.headers().is_empty());
//! ```

mod cookie;
mod guesses;
mod link;
mod mac;
mod memory;
mod password;
mod token;
mod url;

use std::sync::Arc;

use http::Request;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};

pub use guesses::Guesses;
pub use link::{Links, PARAMETER};
pub use memory::Memory;
pub use password::{Attempt, Users};
pub use token::{Tokens, check_token};

use crate::model::Time;

/// The lock of a route.
#[derive(Debug)]
pub struct Lock {
    name: Arc<str>,
    users: Users,
    tokens: Tokens,
    links: Option<Links>,
    challenges: Vec<HeaderValue>,
}

/// When, and over what, a key is shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moment {
    /// The gateway's time.
    pub now: Time,
    /// The seconds since 1970.
    pub unix: u64,
    /// Whether the client came by HTTPS.
    pub https: bool,
}

/// What came of trying the keys that a request brought.
#[derive(Debug)]
pub enum Tried {
    /// The lock is open, and what opened it was taken out of the request.
    Open {
        /// `Set-Cookie` for the answer.
        cookie: Option<HeaderValue>,
    },
    /// That depends on a password, which is yet to be checked.
    Password(Attempt),
    /// No key fits.
    Shut,
}

impl Lock {
    /// A lock with these keys. Its name is told to those who have none, and stands in cookies: letters, digits, `-` and
    /// `_`.
    pub fn new(name: &str, users: Users, tokens: Tokens, links: Option<Links>) -> Self {
        let basic = (!users.is_empty()).then(|| format!("Basic realm=\"{name}\", charset=\"UTF-8\""));
        let bearer = (!tokens.is_empty()).then(|| format!("Bearer realm=\"{name}\""));
        let challenges = basic.into_iter().chain(bearer).filter_map(|text| text.try_into().ok()).collect();
        Self { name: name.into(), users, tokens, links, challenges }
    }

    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The kinds of keys that it has, in words.
    pub fn keys(&self) -> Vec<&'static str> {
        let kinds = [
            (!self.users.is_empty(), "a password"),
            (!self.tokens.is_empty(), "a bearer token"),
            (self.links.is_some(), "a signed link"),
        ];
        kinds.into_iter().filter_map(|(there, kind)| there.then_some(kind)).collect()
    }

    /// Whether it leaves cookies.
    pub fn has_links(&self) -> bool {
        self.links.is_some()
    }

    /// What `WWW-Authenticate` tells those whom it keeps out.
    pub fn challenge(&self, headers: &mut HeaderMap) {
        // RFC 9110 section 15.5.2 asks for one; no scheme is registered for links, and browsers pass over this one.
        let link = HeaderValue::from_static("Wakegate-Link");
        let challenges =
            if self.challenges.is_empty() { std::slice::from_ref(&link) } else { &self.challenges };
        for challenge in challenges {
            headers.append(http::header::WWW_AUTHENTICATE, challenge.clone());
        }
    }

    /// A URL that opens it until then, in seconds since 1970; `None` where it has no key for links.
    pub fn link(&self, url: &str, until: u64) -> Option<String> {
        Some(url::with(url, &self.links.as_ref()?.sign(&self.name, until)))
    }

    /// Tries what the request brings: a link's parameter, a link's cookie, a token, a password.
    pub fn try_open<B>(&self, request: &mut Request<B>, memory: &Memory, moment: Moment) -> Tried {
        let by_link = self.links.as_ref().and_then(|links| {
            let (name, now) = (&*self.name, moment.unix);
            let link = url::take(request).filter(|value| links.is_link(name, value, now));
            let cookie = || cookie::values(request.headers(), name).any(|it| links.is_cookie(name, it, now));
            match link {
                Some(_) => Some(links.cookie(name, now, moment.https)),
                None => cookie().then_some(None),
            }
        });
        strip_cookies(request.headers_mut());
        if let Some(cookie) = by_link {
            return Tried::Open { cookie };
        }
        let Some((scheme, shown)) = shown(request.headers()) else { return Tried::Shut };
        if scheme.eq_ignore_ascii_case(b"Bearer") && self.tokens.has(shown) {
            Self::opened(request);
            return Tried::Open { cookie: None };
        }
        if !scheme.eq_ignore_ascii_case(b"Basic") {
            return Tried::Shut;
        }
        match self.users.attempt(&self.name, shown, memory) {
            Some(attempt) if attempt.is_known(memory, moment.now) => {
                Self::opened(request);
                Tried::Open { cookie: None }
            }
            Some(attempt) => Tried::Password(attempt),
            None => Tried::Shut,
        }
    }

    /// The password of this request was right: it is not the service's to see.
    pub fn opened<B>(request: &mut Request<B>) {
        request.headers_mut().remove(AUTHORIZATION);
    }
}

/// Takes the cookies of all locks out: a browser sends them to every route of a host.
pub fn strip_cookies(headers: &mut HeaderMap) {
    cookie::strip(headers);
}

/// The scheme and what follows it (RFC 9110 section 11.4), where there is one `Authorization` only.
fn shown(headers: &HeaderMap) -> Option<(&[u8], &[u8])> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (all.next(), all.next()) else { return None };
    let value = value.as_bytes();
    let space = value.iter().position(|byte| *byte == b' ')?;
    Some((&value[..space], value[space + 1..].trim_ascii()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    const TOKEN: &str = "a-token-of-some-length";

    fn lock() -> Lock {
        let (mut users, mut tokens) = (Users::default(), Tokens::default());
        users.add("alice", &bcrypt::hash("wonder", 4).unwrap()).unwrap();
        tokens.add(TOKEN).unwrap();
        let links = Links::new("0123456789abcdef0123456789abcdef", Duration::from_secs(60)).unwrap();
        Lock::new("team", users, tokens, Some(links))
    }

    fn request(uri: &str, headers: &[(&str, &str)]) -> Request<()> {
        let request = headers.iter().fold(Request::get(uri), |it, (name, value)| it.header(*name, *value));
        request.body(()).unwrap()
    }

    const AT: Moment = Moment { now: Time::from_millis(0), unix: 1_000, https: false };

    #[test]
    fn each_key_opens_and_is_taken_out() {
        let (lock, memory) = (lock(), Memory::new());
        let mut by_token =
            request("/a?b=1", &[("authorization", &format!("bearer {TOKEN}")), ("cookie", "a=1")]);
        assert!(matches!(lock.try_open(&mut by_token, &memory, AT), Tried::Open { cookie: None }));
        assert_eq!(by_token.headers().len(), 1);

        let mut by_link = request(&lock.link("/a?b=1", 1_001).unwrap(), &[]);
        let Tried::Open { cookie: Some(cookie) } = lock.try_open(&mut by_link, &memory, AT) else {
            panic!("shut")
        };
        assert_eq!(by_link.uri(), "/a?b=1");

        let pair = format!("x=1; {}", cookie.to_str().unwrap().split(';').next().unwrap());
        let own = ("authorization", "Bearer the-service-has-its-own");
        let mut by_cookie = request("/", &[("cookie", &pair), own]);
        assert!(matches!(lock.try_open(&mut by_cookie, &memory, AT), Tried::Open { cookie: None }));
        assert_eq!(by_cookie.headers()["cookie"], "x=1");
        assert_eq!(by_cookie.headers()["authorization"], own.1, "that is the service's");

        let basic = format!("Basic {}", STANDARD.encode("alice:wonder"));
        let mut by_password = request("/", &[("authorization", &basic)]);
        let Tried::Password(attempt) = lock.try_open(&mut by_password, &memory, AT) else {
            panic!("not asked")
        };
        assert!(attempt.check());
        attempt.remember(&memory, AT.now);
        let mut again = request("/", &[("authorization", &basic)]);
        assert!(matches!(lock.try_open(&mut again, &memory, AT), Tried::Open { cookie: None }));
        assert!(again.headers().is_empty());
    }

    #[test]
    fn nothing_else_does() {
        let (lock, memory) = (lock(), Memory::new());
        let old = lock.link("/", 1_000).unwrap();
        for (uri, value) in [
            ("/", ""),
            ("/", "Bearer"),
            ("/", "Bearer "),
            ("/", "Bearer a-token-of-some-lengths"),
            ("/", TOKEN),
            ("/", "Basic "),
            ("/", "Negotiate YWxpY2U6d29uZGVy"),
            (&*old, ""),
            ("/?wakegate-key=", ""),
        ] {
            let mut request = request(uri, &[("authorization", value)]);
            assert!(matches!(lock.try_open(&mut request, &memory, AT), Tried::Shut), "{uri} {value}");
        }
        let twice = format!("Bearer {TOKEN}");
        let mut request = request("/", &[("authorization", &twice), ("authorization", &twice)]);
        assert!(matches!(lock.try_open(&mut request, &memory, AT), Tried::Shut));
    }

    #[test]
    fn it_says_what_it_wants_and_keeps_its_secrets() {
        let mut headers = HeaderMap::new();
        lock().challenge(&mut headers);
        let told: Vec<_> = headers.get_all("www-authenticate").iter().collect();
        assert_eq!(told, ["Basic realm=\"team\", charset=\"UTF-8\"", "Bearer realm=\"team\""]);
        assert_eq!(lock().keys(), ["a password", "a bearer token", "a signed link"]);
        let shown = format!("{:?}", lock());
        assert!(!shown.contains("alice") && !shown.contains("$2b$") && !shown.contains("0123"), "{shown}");
    }
}
