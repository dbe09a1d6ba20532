//! From a request to what shall become of it: rules, tried from top to bottom, the first that matches wins.
//!
//! Everything here is pure and made once, when the configuration is read; a lookup takes no lock and, for a host
//! in lower case and a path without escapes, allocates nothing.
//!
//! ```
//! use http::Request;
//! use wakegate::route::{Head, HostPattern, Matcher, PathPattern, Router};
//!
//! let api = Matcher {
//!     hosts: vec![HostPattern::new("*.demo.example.com").unwrap()],
//!     paths: vec![PathPattern::new("/api/*").unwrap()],
//!     ..Matcher::default()
//! };
//! let router = Router::new(vec![(api, "api"), (Matcher::default(), "web")]);
//!
//! let request = Request::get("http://shop.demo.example.com/api/carts").body(()).unwrap();
//! let head = Head::of(&request, [192, 0, 2, 1].into());
//! assert_eq!(router.find(&head), Ok(Some(&"api")));
//! ```

mod answer;
mod changes;
mod glob;
mod head;
mod host;
mod matcher;
mod path;
mod policy;
pub mod preset;
mod reading;
mod redirect;
mod rewrite;
mod router;

use std::sync::Arc;

pub use answer::Answer;
pub use changes::HeaderChanges;
pub use glob::Glob;
pub use head::{Head, host_of};
pub use host::{HostPattern, InvalidHost};
pub use matcher::Matcher;
pub use path::{InvalidPath, PathPattern};
pub use policy::{Policy, PolicyRule, Verdict};
pub use redirect::{InvalidRedirect, Redirect};
pub use rewrite::{PathRewrite, Rewrite, Unrewritable};
pub use router::{Ambiguous, Router};

use crate::lock::Lock;

/// One route as configured.
#[derive(Clone, Debug)]
pub struct Rule {
    /// What metrics and logs call it; unique in its configuration.
    pub name: Arc<str>,
    /// Which requests it is for.
    pub matcher: Matcher,
    /// What becomes of them.
    pub action: Action,
    /// What is changed on the way to the service and back. Does nothing for other actions.
    pub rewrite: Rewrite,
    /// Which requests wake the service, where this route has its own say; complete, the gateway-wide rules and
    /// the preset included.
    pub policy: Option<Policy>,
    /// What keeps everybody out who brings no key.
    pub lock: Option<Arc<Lock>>,
}

/// What becomes of a request.
#[derive(Clone, Debug)]
pub enum Action {
    /// The service of this name answers it.
    Service(Arc<str>),
    /// It is sent elsewhere.
    Redirect(Redirect),
    /// The gateway answers it.
    Respond(Answer),
}

impl Router<Arc<Rule>> {
    /// A router over configured rules, in their order.
    pub fn of_rules(rules: impl IntoIterator<Item = impl Into<Arc<Rule>>>) -> Self {
        let rules = rules.into_iter().map(Into::into);
        Self::new(rules.map(|rule: Arc<Rule>| (rule.matcher.clone(), rule)).collect())
    }
}
