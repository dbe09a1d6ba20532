use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::super::file;
use super::super::node::At;
use super::super::problem::quoted;
use super::super::walk::nearest;
use super::Build;
use crate::lock::{Links, Lock, Tokens, Users};

/// How long a cookie is good for.
const COOKIE_FOR: Duration = Duration::from_secs(12 * 60 * 60);
const MAX_USERS_FILE: u64 = 1024 * 1024;

impl Build<'_> {
    /// The locks. No message repeats a secret.
    pub(super) fn locks(
        &mut self,
        locks: Option<&BTreeMap<String, file::Lock>>,
        at: &At<'_>,
    ) -> Vec<Arc<Lock>> {
        let mut all = Vec::new();
        for (name, lock) in locks.into_iter().flatten() {
            let at = at.key(name);
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            if name.is_empty() || name.len() > 60 || !name.bytes().all(plain) {
                self.report(at.key_problem("a lock's name has 1 to 60 letters, digits, `-` and `_`"));
            }
            if ["basic", "bearer", "link"].iter().all(|key| self.lacks(&at, key)) {
                self.report(at.key_problem("has none of `basic`, `bearer` and `link`: nobody could open it"));
            }
            let users = lock.basic.as_ref().map(|basic| self.users(basic, &at.key("basic")));
            let tokens = self.tokens(lock.bearer.as_ref(), &at.key("bearer"));
            let links = lock.link.as_ref().and_then(|link| self.links(link, &at.key("link")));
            all.push(Arc::new(Lock::new(name, users.unwrap_or_default(), tokens, links)));
        }
        all
    }

    fn users(&mut self, basic: &file::Basic, at: &At<'_>) -> Users {
        let mut users = Users::default();
        let mut count = 0;
        for (name, hash) in basic.users.iter().flatten() {
            let added = users.add(name, hash);
            self.take(added, &at.key("users").key(name));
            count += 1;
        }
        if let Some(path) = &basic.users_file {
            let place = at.key("users_file");
            let Some(bytes) = self.file(path, MAX_USERS_FILE, &place) else { return users };
            let text = String::from_utf8(bytes).map_err(|_| format!("{} is not UTF-8", quoted(path)));
            for (number, line) in self.take(text, &place).unwrap_or_default().lines().enumerate() {
                let line = line.trim();
                if line.is_empty() || line.starts_with('#') {
                    continue;
                }
                let added = match line.split_once(':') {
                    Some((name, hash)) => users.add(name, hash),
                    None => Err("is not `NAME:HASH`"),
                };
                let added = added.map_err(|what| format!("line {} of {} {what}", number + 1, quoted(path)));
                self.take(added, &place);
                count += 1;
            }
        }
        if count == 0 && ["users", "users_file"].iter().all(|key| !self.mistyped.contains(at.key(key).path()))
        {
            self.report(at.key_problem("has no users; give it `users` or a `users_file`"));
        }
        users
    }

    fn tokens(&mut self, tokens: Option<&file::OneOrMany>, at: &At<'_>) -> Tokens {
        let mut all = Tokens::default();
        let written = tokens.map_or(&[][..], file::OneOrMany::as_slice);
        if written.is_empty() && at.node().is_some() {
            self.report(at.key_problem("must not be empty; leave the key out instead"));
        }
        for (index, token) in written.iter().enumerate() {
            let added = all.add(token);
            self.take(added, &at.item(index));
        }
        all
    }

    fn links(&mut self, link: &file::Link, at: &At<'_>) -> Option<Links> {
        let cookie_for = self.time(link.cookie_for.as_ref(), &at.key("cookie_for")).unwrap_or(COOKIE_FOR);
        let cookie_for = cookie_for.max(Duration::from_secs(1));
        self.take(Links::new(link.key.as_deref()?, cookie_for), &at.key("key"))
    }

    /// The lock that a route names.
    pub(super) fn lock(
        &mut self,
        route: &file::Route,
        at: &At<'_>,
        locks: &HashMap<&str, Option<Arc<Lock>>>,
    ) -> Option<Arc<Lock>> {
        let name = route.lock.as_deref()?;
        match locks.get(name) {
            Some(lock) => lock.clone(),
            None => {
                let meant = nearest(name, locks.keys().copied());
                let hint = meant.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
                self.report(at.key("lock").problem(format!("there is no lock {}{hint}", quoted(name))));
                None
            }
        }
    }
}
