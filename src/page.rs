//! The waiting page: one HTML response that stays open and is written to as the wake goes on, without a script.
//!
//! ```
//! use wakegate::model::PageSpec;
//! use wakegate::page::Page;
//!
//! let spec = PageSpec { name: Some("The shop".into()), ..PageSpec::default() };
//! let page = Page::new(&spec)?;
//! assert_eq!(page.head_only().status(), 503);
//! # Ok::<(), wakegate::page::TemplateError>(())
//! ```
//!
//! # An own template
//!
//! [`PageSpec::template`] is a whole HTML document with these placeholders, everything put in for them escaped:
//!
//! | placeholder | becomes |
//! |---|---|
//! | `{{frames}}` | what changes: needed once, in the body, where a `<div>` may stand |
//! | `{{style}}` | a `<style>` element that shows only the newest frame: needed once, in the head |
//! | `{{name}}` | [`PageSpec::name`] |
//! | `{{text}}` | [`PageSpec::text`] |
//! | `{{logo}}` | [`PageSpec::logo`], or the built-in mark, for a `src` or `href` |
//!
//! Its own `<style>` elements apply; scripts, `style` attributes and anything from elsewhere do not: the page's
//! content security policy forbids them. The frames' colours are the custom properties `--accent`, `--track`,
//! `--soft`, `--line`, `--good` and `--bad`.

mod escape;
mod frame;
mod policy;
mod stream;
mod summary;
mod template;
mod words;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use tokio::sync::watch;

pub use stream::{Closing, PageBody};
pub use template::TemplateError;

use crate::clock::Clock;
use crate::model::{Detail, PageSpec, View};
use summary::{Left, Seen, State, Summary};
use template::Template;

/// `Retry-After` while nothing is known.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// A service that the page waits for.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its name.
    pub name: Arc<str>,
    /// Its state and its changes.
    pub view: watch::Receiver<Arc<View>>,
    /// Whether the routed service's door waits for it; true for the routed service itself.
    pub needed_for_door: bool,
}

impl Member {
    fn seen(&self) -> Seen {
        Seen { name: self.name.clone(), view: self.view.borrow().clone(), needed: self.needed_for_door }
    }
}

/// A waiting page, checked and filled in but for what changes. Cheap to clone.
#[derive(Clone)]
pub struct Page {
    template: Arc<Template>,
    detail: Detail,
    headers: HeaderMap,
}

impl Page {
    /// Checks what the page is made of.
    ///
    /// # Errors
    /// [`TemplateError`]: the first thing that is wrong.
    pub fn new(spec: &PageSpec) -> Result<Self, TemplateError> {
        let template = Template::new(spec)?;
        let headers = headers(&template);
        Ok(Self { template: Arc::new(template), detail: spec.detail, headers })
    }

    /// The page for these members, in the order in which they are shown, the routed service last.
    ///
    /// The body ends, and the browser then loads the same address again, when the routed service is awake, when
    /// its failed wake may be tried again, when a member's sender is gone or the gateway is `closing`, and in any case
    /// after ten minutes.
    pub fn response(&self, members: Vec<Member>, clock: Clock, closing: Closing) -> Response<PageBody> {
        let retry_after = retry_after(&members, &clock);
        let body = PageBody::new(self.template.clone(), self.detail, members, clock, closing);
        self.respond(retry_after, body)
    }

    /// The page's head, for `HEAD`: what [`Page::response`] would say, without a body.
    pub fn head_only(&self) -> Response<PageBody> {
        self.respond(RETRY_AFTER, PageBody::empty())
    }

    fn respond(&self, retry_after: Duration, body: PageBody) -> Response<PageBody> {
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        *response.headers_mut() = self.headers.clone();
        response.headers_mut().insert(header::RETRY_AFTER, crate::answer::seconds(retry_after));
        response
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page").field("detail", &self.detail).finish_non_exhaustive()
    }
}

/// Everything but `Retry-After`.
fn headers(template: &Template) -> HeaderMap {
    let fixed = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_LANGUAGE, "en"),
        // Loads the address again once the document is complete; needs neither a script nor a `<meta>`.
        (header::REFRESH, "0"),
        // What decides between this page and a held request.
        (header::VARY, "Accept, Sec-Fetch-Dest, Sec-Fetch-Mode"),
        // Nothing of it is for other sites. There is no Cross-Origin-Opener-Policy: it would part the application, which
        // comes next in the same window, from whoever opened that.
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        // The page links nowhere; the reload is the visitor's own address again and needs no referrer.
        (header::REFERRER_POLICY, "no-referrer"),
        // nginx, and those who copied it, would gather the stream up.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    let mut headers: HeaderMap =
        fixed.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).collect();
    headers.extend(crate::answer::own_headers());
    // A policy is ASCII by its making; were it not, the strictest one stands in.
    let policy = HeaderValue::from_str(&template.policy)
        .unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers
}

/// When it may be worth to come back.
fn retry_after(members: &[Member], clock: &Clock) -> Duration {
    let now = clock.now();
    let seen: Vec<Seen> = members.iter().map(Member::seen).collect();
    let summary = Summary::of(&seen, now);
    match (summary.state, summary.left, seen.last()) {
        (State::Failed(_), _, Some(routed)) => stream::retry_at(&routed.view).since(now),
        (State::Waking, Left::About(left), _) => left,
        _ => RETRY_AFTER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Fault, Phase, Time};

    #[tokio::test(start_paused = true)]
    async fn the_head_says_what_caches_crawlers_and_browsers_must_know() {
        let page = Page::new(&PageSpec::default()).unwrap();
        let response = page.head_only();
        assert_eq!(response.status(), 503);
        let header = |name: &str| response.headers()[name].to_str().unwrap();
        assert_eq!(header("content-type"), "text/html; charset=utf-8");
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("cdn-cache-control"), "no-store");
        assert_eq!(header("refresh"), "0");
        assert_eq!(header("retry-after"), "5");
        assert!(header("content-security-policy").contains("default-src 'none'"));
        assert!(http_body::Body::is_end_stream(response.body()));
    }

    #[tokio::test(start_paused = true)]
    async fn retry_after_is_what_is_known() {
        let page = Page::new(&PageSpec::default()).unwrap();
        let clock = Clock::start();
        let told = |view: View| {
            let (_sender, receiver) = watch::channel(Arc::new(view));
            let member = Member { name: "web".into(), view: receiver, needed_for_door: true };
            let response = page.response(vec![member], clock, watch::channel(None).1);
            response.headers()["retry-after"].to_str().unwrap().to_owned()
        };
        let waking = View { phase: Phase::Waking, waking_since: Some(Time::ZERO), ..View::default() };
        assert_eq!(told(waking.clone()), "5");
        assert_eq!(told(View { expected: Some(Duration::from_millis(19_200)), ..waking.clone() }), "20");
        let failed = View {
            phase: Phase::Failed,
            fault: Some(Fault::new("x")),
            retry_at: Some(Time::from_millis(7000)),
            ..waking
        };
        assert_eq!(told(failed), "7");
    }
}
