use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Duration, OneOrMany};

/// What keeps everybody out of the routes that name it who brings no key. Any one of its keys opens it.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lock {
    /// Names and passwords, as browsers ask for them. Where it opened the lock, the service does not see it.
    pub(crate) basic: Option<Basic>,
    /// A bearer token, or a list of them; 16 characters or more, or `sha256:` and the token's hash in hexadecimal digits.
    /// Where it opened the lock, the service does not see it.
    pub(crate) bearer: Option<OneOrMany>,
    /// Links that open it until a time, as `wakegate link` makes them.
    pub(crate) link: Option<Link>,
}

/// Users with the hashes of their passwords: bcrypt, as `htpasswd -nB NAME` makes them.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Basic {
    /// Hashes by name.
    pub(crate) users: Option<BTreeMap<String, String>>,
    /// A file of `NAME:HASH` lines, as `htpasswd -B` keeps it; 1 MiB at most. A changed file is taken over.
    pub(crate) users_file: Option<String>,
}

/// Links that open a lock.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Link {
    /// What they are signed with; 32 characters or more. Another key takes back every link and cookie.
    #[schemars(required)]
    pub(crate) key: Option<String>,
    /// How long the cookie is good for that a link leaves in the browser. Default: `12h`.
    pub(crate) cookie_for: Option<Duration>,
}
