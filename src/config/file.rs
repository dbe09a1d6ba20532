//! The file as it is written: the single source of its keys, their types and the schema.
//!
//! Every field is optional, even where the schema requires it: what was found wrong is taken out before these are
//! filled, so that the rest can be checked all the same. No defaults and no meaning here.

mod lock;
mod route;
mod service;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

pub(crate) use lock::{Basic, Link, Lock};
pub(crate) use route::{Activity, ActivityRule, Answer, HeaderChanges, Route, VerdictWord};
pub(crate) use service::{Condition, Dependency, DependsOn, Ecs, Health, Process, Protocol, Service, Start};

/// The configuration of a Wakegate.
///
/// In every value, `${NAME}` and `${NAME:-default}` are filled from the environment; `$$` is a `$`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Wakegate configuration")]
pub(crate) struct File {
    /// Where requests come in.
    #[schemars(required, length(min = 1))]
    pub(crate) listeners: Option<Vec<Listener>>,
    /// The proxies in front, as address ranges (`10.0.0.0/8`) or single addresses: only they are believed about who the
    /// client is, by `X-Forwarded-*`, `Forwarded`, `X-Real-IP` and the PROXY protocol. Default: none.
    pub(crate) trusted_proxies: Option<OneOrMany>,
    /// What becomes of `traceparent` and `X-Amzn-Trace-Id`. Default: `make`.
    pub(crate) trace_headers: Option<TraceHeaders>,
    /// Where the admin API and the metrics are served; nowhere if absent.
    pub(crate) admin: Option<Admin>,
    /// What every service takes over that does not say otherwise.
    pub(crate) defaults: Option<Limits>,
    /// The services, by name.
    pub(crate) services: Option<BTreeMap<String, Service>>,
    /// What keeps everybody out who brings no key, by the names that routes call it by.
    pub(crate) locks: Option<BTreeMap<String, Lock>>,
    /// Which requests go where; the first route that matches wins.
    #[schemars(required, length(min = 1))]
    pub(crate) routes: Option<Vec<Route>>,
    /// Which requests wake a service.
    pub(crate) activity: Option<Activity>,
    /// How many wakes requests may begin.
    pub(crate) wake_limits: Option<WakeLimits>,
    /// The waiting page.
    pub(crate) page: Option<Page>,
    /// How the gateway uses AWS.
    pub(crate) aws: Option<Aws>,
    /// Where AWS tells of changes, so that the gateway need not ask.
    pub(crate) events: Option<Events>,
    /// Bounds of the gateway as a whole.
    pub(crate) limits: Option<GatewayLimits>,
    /// How long clients and targets are waited for.
    pub(crate) timeouts: Option<Timeouts>,
    /// How the gateway goes down.
    pub(crate) shutdown: Option<Shutdown>,
}

/// A duration: numbers with a unit of `ms`, `s`, `m`, `h` or `d`, as `250ms`, `15m` or `1h30m`.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(extend("pattern" = r"^([0-9]+(ms|s|m|h|d))+$|\$\{"))]
pub(crate) struct Duration(pub(crate) String);

/// A size in bytes: a number with a unit of `B`, `KiB`, `MiB` or `GiB`, as `64KiB`.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(extend("pattern" = r"^[0-9]+(B|KiB|MiB|GiB)$|\$\{"))]
pub(crate) struct Size(pub(crate) String);

/// One value, or a list of them.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub(crate) fn as_slice(&self) -> &[String] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }
}

/// An address to take requests at.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listener {
    /// IP address and port, as `0.0.0.0:8080` or `[::]:8080`.
    #[schemars(required)]
    pub(crate) address: Option<String>,
    /// The certificate, or a list of them: a client gets the first that is for the name it asks for, and the first of
    /// all where none is. Plain HTTP if absent.
    pub(crate) tls: Option<Certificates>,
    /// Sends everybody to HTTPS, at the port that clients reach it by (443): hosts that a certificate of another listener
    /// is for are redirected, nothing else is answered here.
    pub(crate) redirect_to_https: Option<u16>,
    /// Every connection begins with a header of the PROXY protocol, version 1 or 2, and comes from one of
    /// `trusted_proxies`; any other is closed. Default: false.
    pub(crate) proxy_protocol: Option<bool>,
}

/// One certificate, or a list of them.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Certificates {
    One(Tls),
    Many(Vec<Tls>),
}

impl Certificates {
    pub(crate) fn as_slice(&self) -> &[Tls] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

/// A certificate with its key: files with PEM, beside the configuration's file if relative, or PEM itself, as
/// `${TLS_KEY}`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tls {
    /// The certificate chain, the server's own first.
    #[schemars(required)]
    pub(crate) certificate: Option<String>,
    /// Its private key.
    #[schemars(required)]
    pub(crate) key: Option<String>,
}

/// What becomes of the trace headers of requests.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TraceHeaders {
    /// Kept if well formed, whoever sent them, and made where they are not.
    Make,
    /// Handed on as they are.
    Keep,
}

/// The admin API.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Admin {
    /// IP address and port.
    #[schemars(required)]
    pub(crate) address: Option<String>,
    /// The bearer token that callers must show; 16 characters or more. Needed where the address is not loopback.
    pub(crate) token: Option<String>,
    /// Names under which it may be called, besides `localhost` and plain addresses: requests to any other name are
    /// refused, so that no web page can reach it through a name of its own.
    pub(crate) hosts: Option<Vec<String>>,
}

/// The times and bounds of a service.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    /// Quiet after which a service is put to sleep. Default: `15m`.
    pub(crate) idle_after: Option<Duration>,
    /// From the first demand to giving up. Default: `5m`.
    pub(crate) wake_timeout: Option<Duration>,
    /// How long a request that gets no page is held. Default: `25s`.
    pub(crate) hold_timeout: Option<Duration>,
    /// How long a browser waits before it gets the waiting page. Default: `1s`.
    pub(crate) page_after: Option<Duration>,
    /// How many requests may wait for a service at once. Default: 1000.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(crate) max_held: Option<usize>,
    /// How long a target may take to begin its answer, gRPC calls excepted, which have deadlines of their own; then 504.
    /// Default: `5m`.
    pub(crate) answer_timeout: Option<Duration>,
    /// How many requests one target may serve at once. Default: no limit.
    #[schemars(range(min = 1))]
    pub(crate) max_in_flight: Option<u32>,
    /// How long a wake takes, until one was seen.
    pub(crate) expected_wake: Option<Duration>,
}

/// How many wakes requests may begin. One that joins a wake under way, or finds its service awake, begins none. Who would
/// begin one too many is answered 429 (or 503, where all together have begun too many), and the service sleeps on.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WakeLimits {
    /// By one client: an IPv4 address, or an IPv6 network of 64 bits. Default: 60 in `1h`.
    pub(crate) per_client: Option<Rate>,
    /// By all of them. Default: 1000 in `1h`.
    pub(crate) total: Option<Rate>,
}

/// So many at once, and as many in that time in the long run.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rate {
    /// How many; as good as no limit where it is large.
    #[schemars(required, range(min = 1, max = 1_000_000_000))]
    pub(crate) wakes: Option<u32>,
    /// In which time.
    #[schemars(required)]
    pub(crate) per: Option<Duration>,
}

/// The waiting page.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Page {
    /// The name of what is waited for.
    pub(crate) name: Option<String>,
    /// An image: a file (svg, png, jpg, webp or gif, 256 KiB at most) or a `data:` URI.
    pub(crate) logo: Option<String>,
    /// A sentence of one's own.
    pub(crate) text: Option<String>,
    /// What it shows of the inside. Default: `progress`.
    pub(crate) detail: Option<Detail>,
    /// A template in place of the built-in one.
    pub(crate) template: Option<String>,
    /// A file with that template, 1 MiB at most.
    pub(crate) template_file: Option<String>,
}

/// What the waiting page shows of the inside.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Detail {
    /// Every service that is waited for, by name.
    Services,
    /// How far the whole has come.
    Progress,
    /// That it is starting.
    None,
}

/// How the gateway uses AWS. Region, credentials and endpoints are found the way the AWS tools find them.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Aws {
    /// The share of the account's request rate limits that the gateway may use, in percent. Only to wake services may
    /// it use up the whole of a bucket, in one burst; it then comes back at this share. Default: 50.
    #[schemars(range(min = 1, max = 100))]
    pub(crate) budget_percent: Option<u32>,
    /// How often a service is looked at while it is on its way up or down. Default: `1s`.
    pub(crate) poll_every: Option<Duration>,
    /// How often every service is looked at when nothing happens; longer where there are very many, or neighbours in
    /// the configuration are of different clusters, so that it never takes more than a tenth of the request rate limit
    /// for reading services. Default: `1m`.
    pub(crate) reconcile_every: Option<Duration>,
    /// How long after a change of its own the gateway takes an answer that contradicts it for a stale one.
    /// Default: `5s`.
    pub(crate) settle: Option<Duration>,
    /// How long one request to AWS may take. Default: `5s`.
    pub(crate) request_timeout: Option<Duration>,
    /// Whether Application Auto Scaling is suspended while a service sleeps. `false`: it is never asked about, for
    /// accounts that do not use it. Default: `true`.
    pub(crate) auto_scaling: Option<bool>,
}

/// Where AWS tells of changes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Events {
    /// The URL of an SQS queue to which an EventBridge rule sends the events of `aws.ecs`. It is the gateway's own:
    /// what is read from it is deleted.
    #[schemars(required)]
    pub(crate) queue_url: Option<String>,
}

/// Bounds of the gateway as a whole.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GatewayLimits {
    /// How many requests may wait at once, for all services together. Default: 10000.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub(crate) max_held: Option<usize>,
    /// What those that wait may take up in memory: their heads, and what a client may send of a body ahead of its being
    /// read. Default: `128MiB`.
    pub(crate) held_size: Option<Size>,
    /// How many connections clients may have at once; fewer where the system allows fewer open files. One that is over it
    /// is answered 503. Default: 20000.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub(crate) connections: Option<usize>,
    /// How many connections one client may have, an IPv4 address or an IPv6 network of 64 bits. Default: half of
    /// `connections`.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub(crate) connections_per_client: Option<usize>,
    /// How many requests one HTTP/2 connection may have at once. Default: 100.
    #[schemars(range(min = 1, max = 100_000))]
    pub(crate) streams: Option<u32>,
    /// The largest head of a request, from `8KiB`; larger ones are answered 431. Default: `64KiB`.
    pub(crate) head_size: Option<Size>,
    /// How many header fields a request may have; with more it is answered 431. Default: 100.
    #[schemars(range(min = 1, max = 10_000))]
    pub(crate) headers: Option<usize>,
    /// The longest path and query, below 64 KiB; longer ones are answered 414. Default: `16KiB`.
    pub(crate) uri_size: Option<Size>,
}

/// How long clients and targets are waited for. Who takes longer is let go.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Timeouts {
    /// For a TLS handshake. Default: `10s`.
    pub(crate) handshake: Option<Duration>,
    /// For the first byte of a connection. Default: `30s`.
    pub(crate) first_byte: Option<Duration>,
    /// For a request's head, from its first byte to its end. Default: `15s`.
    pub(crate) head: Option<Duration>,
    /// For the next bytes of a request's body, while the service wants them; then 408. Default: `30s`.
    pub(crate) body: Option<Duration>,
    /// For a client to take more of an answer. Default: `1m`.
    pub(crate) write: Option<Duration>,
    /// For the next request on a connection. Longer than the load balancer in front keeps it open, which would otherwise
    /// send a request into a connection that is closing. Default: `75s`.
    pub(crate) idle: Option<Duration>,
    /// For a connection to a target; then another is tried. Default: `1s`.
    pub(crate) connect: Option<Duration>,
}

/// How the gateway goes down: at SIGTERM, first `drain_delay`, then `drain_timeout`. Both together are 25 s by default,
/// within the 30 s that ECS gives a task (`stopTimeout`).
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shutdown {
    /// How long everything goes on after SIGTERM while `/readyz` says 503, so that load balancers turn away before the
    /// listeners close; `0s`, not at all. SIGINT does without. Default: `5s`.
    pub(crate) drain_delay: Option<Duration>,
    /// How long requests may take after that, held ones and open WebSockets too. Default: `20s`.
    pub(crate) drain_timeout: Option<Duration>,
}
