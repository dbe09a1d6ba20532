use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::OneOrMany;

/// Which requests go where. Every condition that is given must hold; exactly one of `service`, `redirect` and
/// `respond` says what becomes of them.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Route {
    /// What metrics and logs call it. Default: its host and path.
    pub(crate) name: Option<String>,
    /// The hosts: exact, or `*.example.com` for one label or more before it.
    pub(crate) host: Option<OneOrMany>,
    /// The paths: `/login` exactly, `/api/*` with all below it; elsewhere `*` is any run of characters and `?` any
    /// one.
    pub(crate) path: Option<OneOrMany>,
    /// Headers with their values, wildcards allowed; `"*"` asks for presence alone.
    pub(crate) headers: Option<BTreeMap<String, String>>,
    /// Query parameters with their values, wildcards allowed; `"*"` asks for presence alone.
    pub(crate) query: Option<BTreeMap<String, String>>,
    /// The methods.
    pub(crate) methods: Option<OneOrMany>,
    /// The address ranges it may come from, as `10.0.0.0/8`.
    pub(crate) source: Option<OneOrMany>,
    /// The lock that these requests have to open, before anything is woken or answered.
    pub(crate) lock: Option<String>,
    /// The service that answers.
    pub(crate) service: Option<String>,
    /// The request is sent elsewhere.
    pub(crate) redirect: Option<Redirect>,
    /// The gateway answers.
    pub(crate) respond: Option<Answer>,
    /// Taken off the front of the path before the service sees it.
    pub(crate) strip_prefix: Option<String>,
    /// Then, further changes to where the request goes.
    pub(crate) rewrite: Option<Rewrite>,
    /// Changes to the headers that the service sees.
    pub(crate) request_headers: Option<HeaderChanges>,
    /// Changes to the headers of its answer.
    pub(crate) response_headers: Option<HeaderChanges>,
    /// Which of these requests wake the service; goes before the gateway-wide `activity`.
    pub(crate) activity: Option<Activity>,
}

/// A redirect.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Redirect {
    /// The target, as `https://new.example.com{path}{query}`. `{host}` may stand as the whole host where the route
    /// lists its hosts exactly.
    #[schemars(required)]
    pub(crate) to: Option<String>,
    /// 301, 302, 303, 307 or 308. Default: 307.
    #[schemars(range(min = 301, max = 308))]
    pub(crate) status: Option<u16>,
}

/// An answer that the gateway gives.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Answer {
    /// Default: 200.
    #[schemars(range(min = 200, max = 599))]
    pub(crate) status: Option<u16>,
    /// Its headers.
    pub(crate) headers: Option<BTreeMap<String, String>>,
    /// Its body.
    pub(crate) body: Option<String>,
}

/// Changes to where a request goes.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rewrite {
    /// A regular expression that is sought in the path.
    pub(crate) regex: Option<String>,
    /// What is put in its place; `$1` stands for the first group. From a `?` on it goes into the query.
    pub(crate) replace: Option<String>,
    /// The host that the service is asked for. Default: the client's.
    pub(crate) host: Option<String>,
}

/// Changes to headers: first removed, then set, then added.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeaderChanges {
    /// Put in place of every value there was.
    pub(crate) set: Option<BTreeMap<String, String>>,
    /// Put beside the values there are.
    pub(crate) add: Option<BTreeMap<String, String>>,
    /// Taken out.
    pub(crate) remove: Option<OneOrMany>,
}

/// Which requests wake a service.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Activity {
    /// Whether known load balancers, crawlers, link previews and monitors are kept from waking anything. Default:
    /// true.
    pub(crate) preset: Option<bool>,
    /// Rules of one's own, before the preset; the first that matches wins.
    pub(crate) rules: Option<Vec<ActivityRule>>,
}

/// What requests of one sort may do. Every condition that is given must hold.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ActivityRule {
    /// The `User-Agent`, with wildcards; upper and lower case are alike.
    pub(crate) user_agent: Option<OneOrMany>,
    /// A regular expression that is sought in the `User-Agent`; `(?i)` in front ignores case.
    pub(crate) user_agent_regex: Option<String>,
    /// The paths, as in a route.
    pub(crate) path: Option<OneOrMany>,
    /// The methods.
    pub(crate) methods: Option<OneOrMany>,
    /// The address ranges it may come from.
    pub(crate) source: Option<OneOrMany>,
    /// Headers with their values, as in a route.
    pub(crate) headers: Option<BTreeMap<String, String>>,
    /// What it may do.
    #[schemars(required)]
    pub(crate) action: Option<VerdictWord>,
    /// For `answered_while_asleep`: the answer. Default: an empty 200.
    pub(crate) answer: Option<Answer>,
}

/// What a request may do.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum VerdictWord {
    /// It wakes the service and keeps it awake.
    Wakes,
    /// It does not wake the service, but keeps it awake.
    Counts,
    /// It does neither; it is served while the service is awake.
    ServedIfAwake,
    /// It does neither; while the service sleeps it gets a fixed answer.
    AnsweredWhileAsleep,
}
