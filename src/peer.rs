//! Who is at the other end of an accepted connection.

mod client;
mod uses;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::HeaderValue;

pub use client::{ClientIo, PeerGone};
pub use uses::{InUse, Uses};

/// How the client reached the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Without TLS.
    Http,
    /// With TLS.
    Https,
}

impl Scheme {
    /// The URI scheme.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port that is meant where none is given.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Which hosts a connection may be used for.
pub trait Authority: fmt::Debug + Send + Sync + 'static {
    /// Whether it may be used for this host, given without a port.
    fn is_for(&self, host: &str) -> bool;
}

/// The facts of one accepted connection. Each of its requests carries them as an extension.
#[derive(Clone, Debug)]
pub struct Peer(Arc<Facts>);

/// Header values are made once a connection, not once a request.
#[derive(Debug)]
struct Facts {
    address: SocketAddr,
    scheme: Scheme,
    ip: HeaderValue,
    node: String,
    authority: Option<Box<dyn Authority>>,
}

impl Peer {
    /// The client at this address, which came by this scheme.
    pub fn new(address: SocketAddr, scheme: Scheme) -> Self {
        Self::of(address, scheme, None)
    }

    /// The client at this address, which came by TLS for some hosts.
    pub fn with_authority(address: SocketAddr, authority: impl Authority) -> Self {
        Self::of(address, Scheme::Https, Some(Box::new(authority)))
    }

    fn of(address: SocketAddr, scheme: Scheme, authority: Option<Box<dyn Authority>>) -> Self {
        let ip = address.ip().to_canonical();
        let node = match ip {
            IpAddr::V4(ip) => ip.to_string(),
            // RFC 7239 section 6: in brackets, and so quoted.
            IpAddr::V6(ip) => format!("\"[{ip}]\""),
        };
        let header = HeaderValue::from_str(&ip.to_string());
        // An address has no character that a header may not have.
        let ip = header.unwrap_or_else(|_| HeaderValue::from_static("unknown"));
        Self(Arc::new(Facts { address, scheme, ip, node, authority }))
    }

    /// Where it came from.
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// How it came.
    pub fn scheme(&self) -> Scheme {
        self.0.scheme
    }

    /// Which hosts its connection may be used for; any where `None`.
    pub fn authority(&self) -> Option<&dyn Authority> {
        self.0.authority.as_deref()
    }

    /// Its IP address as `X-Forwarded-For` wants it.
    pub fn ip(&self) -> &HeaderValue {
        &self.0.ip
    }

    /// Its IP address as the `for` of `Forwarded` wants it.
    pub fn node(&self) -> &str {
        &self.0.node
    }
}

/// Whether what this peer says about the client before it is believed. Nobody is, until the operator can name
/// the proxies in front.
#[cfg(feature = "server")]
pub(crate) fn trusts(_peer: &Peer) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(address: &str) -> Peer {
        Peer::new(address.parse().unwrap(), Scheme::Http)
    }

    #[test]
    fn ip_v6_is_quoted_where_it_must_be() {
        let peer = peer("[2001:db8::1]:5000");
        assert_eq!(peer.ip(), "2001:db8::1");
        assert_eq!(peer.node(), "\"[2001:db8::1]\"");
    }

    #[test]
    fn a_mapped_address_is_told_as_the_v4_that_it_is() {
        let peer = peer("[::ffff:192.0.2.1]:5000");
        assert_eq!(peer.ip(), "192.0.2.1");
        assert_eq!(peer.node(), "192.0.2.1");
    }
}
