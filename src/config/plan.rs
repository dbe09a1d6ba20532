use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use crate::lock::Lock;
use crate::model::{Bounds, Graph, PageSpec, Timeouts, WakeLimits};
use crate::route::{Policy, Rule};

/// A configuration that was checked, ready to be run.
#[derive(Clone)]
#[non_exhaustive]
pub struct Plan {
    /// Where requests come in; at least one, each address once.
    pub listeners: Vec<Listener>,
    /// The proxies in front that are believed about who the client is.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether trace headers are made where a request has none that are well formed.
    pub makes_traces: bool,
    /// Where the admin API is served, if anywhere.
    pub admin: Option<Admin>,
    /// The services.
    pub graph: Graph,
    /// The locks that routes name.
    pub locks: Vec<Arc<Lock>>,
    /// The routes; the first that matches wins. Every service they name is in the graph.
    pub rules: Vec<Arc<Rule>>,
    /// Which requests wake a service, where their route has no policy of its own.
    pub policy: Policy,
    /// How many wakes requests may begin.
    pub wake_limits: WakeLimits,
    /// The waiting page.
    pub page: PageSpec,
    /// How AWS is used, where services are on ECS.
    pub aws: Aws,
    /// How much of everything there may be at once.
    pub bounds: Bounds,
    /// How long clients and targets are waited for.
    pub timeouts: Timeouts,
    /// How long everything goes on once the gateway was told to stop, while it says that it is not ready.
    pub drain_delay: Duration,
    /// How long requests may take after that.
    pub drain_timeout: Duration,
    /// The files that this was made from: where one changes, it is worth loading again.
    pub files: Vec<PathBuf>,
}

impl fmt::Debug for Plan {
    /// Names, not contents: a process's variables and a route's headers may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let services: Vec<_> = self.graph.ids().map(|id| &self.graph.spec(id).name).collect();
        let rules: Vec<_> = self.rules.iter().map(|rule| &rule.name).collect();
        f.debug_struct("Plan")
            .field("listeners", &self.listeners)
            .field("admin", &self.admin)
            .field("services", &services)
            .field("rules", &rules)
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

/// An address to take requests at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// IP address and port; port 0 is one that the operating system picks.
    pub address: SocketAddr,
    /// Its certificates; plain HTTP where `None`.
    pub tls: Option<Tls>,
    /// It serves nothing but redirects to HTTPS, which is at this port for clients.
    pub redirect_to_https: Option<u16>,
    /// Every connection begins with a header of the PROXY protocol.
    pub proxy_protocol: bool,
}

/// How AWS is used.
#[derive(Clone, Debug, PartialEq)]
pub struct Aws {
    /// The share of the account's request rate limits that may be used, from above 0 to 1.
    pub budget: f64,
    /// How often a service is looked at on its way up or down.
    pub poll_every: Duration,
    /// How often every service is looked at when nothing happens.
    pub reconcile_every: Duration,
    /// How long after a change of our own a contradicting answer counts as stale.
    pub settle: Duration,
    /// How long one request may take.
    pub request_timeout: Duration,
    /// Whether Application Auto Scaling is suspended while a service sleeps.
    pub auto_scaling: bool,
    /// The SQS queue that tells of changes.
    pub queue_url: Option<String>,
}

impl Default for Aws {
    fn default() -> Self {
        Self {
            budget: 0.5,
            poll_every: Duration::from_secs(1),
            reconcile_every: Duration::from_secs(60),
            settle: Duration::from_secs(5),
            request_timeout: Duration::from_secs(5),
            auto_scaling: true,
            queue_url: None,
        }
    }
}

/// TLS at a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// At least one. A client gets the first that is for the name it asks for, and the first of all where none is.
    pub certificates: Vec<Certificate>,
}

/// A certificate with its key, which were not looked at yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The certificate chain, the server's own first.
    pub chain: Pem,
    /// Its private key.
    pub key: Pem,
}

/// PEM (RFC 7468), or where it is.
#[derive(Clone, PartialEq, Eq)]
pub enum Pem {
    /// In this file.
    File(PathBuf),
    /// This text.
    Text(Arc<str>),
}

impl fmt::Debug for Pem {
    /// Without the text, which may be a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Text(_) => f.write_str("Text"),
        }
    }
}

/// The admin API.
#[derive(Clone, PartialEq, Eq)]
pub struct Admin {
    /// IP address and port.
    pub address: SocketAddr,
    /// The bearer token that callers must show; always there unless the address is loopback.
    pub token: Option<String>,
    /// Names under which it may be called, besides `localhost` and plain addresses.
    pub hosts: Vec<String>,
}

impl fmt::Debug for Admin {
    /// Without the token itself.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = if self.token.is_some() { "a secret" } else { "none" };
        f.debug_struct("Admin")
            .field("address", &self.address)
            .field("token", &format_args!("{token}"))
            .finish()
    }
}
