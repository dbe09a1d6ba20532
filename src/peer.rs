//! Who is at the other end of an accepted connection.

mod gone;
mod hops;
mod trusted;
mod uses;

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http::{Extensions, HeaderMap, HeaderValue};

pub use gone::PeerGone;
pub use trusted::TrustedProxies;
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
    address: IpAddr,
    port: u16,
    scheme: Scheme,
    #[cfg_attr(not(feature = "server"), expect(dead_code, reason = "only the proxy asks"))]
    is_direct: bool,
    ip: HeaderValue,
    authority: Option<Box<dyn Authority>>,
    /// Whom its list of hops is held against. Only where it is one of them itself.
    proxies: Option<TrustedProxies>,
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
        let ip = ip_value(address.ip().to_canonical());
        let (address, port) = (address.ip(), address.port());
        Self(Arc::new(Facts { address, port, scheme, is_direct: false, ip, authority, proxies: None }))
    }

    /// The same, whose word about the client is believed if it is one of these. To be called before it is cloned.
    #[must_use]
    pub fn trusted_if(mut self, proxies: &TrustedProxies) -> Self {
        if let Some(facts) = Arc::get_mut(&mut self.0) {
            facts.proxies = proxies.contains(facts.address).then(|| proxies.clone());
        }
        self
    }

    /// The same, to whom answers go as the proxy makes them: by no TLS, and by nobody who looks at their bodies. To be called
    /// before it is cloned.
    #[cfg(feature = "server")]
    #[must_use]
    pub(crate) fn direct_if(mut self, is_direct: bool) -> Self {
        if let Some(facts) = Arc::get_mut(&mut self.0) {
            facts.is_direct = is_direct;
        }
        self
    }

    /// Whether answers go to it as the proxy makes them.
    #[cfg(feature = "server")]
    pub(crate) fn is_direct(&self) -> bool {
        self.0.is_direct
    }

    /// Where it came from.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.0.address, self.0.port)
    }

    /// How it came.
    pub fn scheme(&self) -> Scheme {
        self.0.scheme
    }

    /// Which hosts its connection may be used for; any where `None`.
    pub fn authority(&self) -> Option<&dyn Authority> {
        self.0.authority.as_deref()
    }

    /// Whether what it says about the client before it is believed: it is a proxy that the operator has named.
    pub fn is_trusted(&self) -> bool {
        self.0.proxies.is_some()
    }

    /// Who sent a request with these headers, as far as a trusted peer tells. `None`: the peer itself did.
    pub fn client(&self, headers: &HeaderMap) -> Option<Client> {
        let proxies = self.0.proxies.as_ref()?;
        let address = hops::client(headers, proxies, self.0.address);
        Some(Client { address, scheme: hops::scheme(headers).unwrap_or(self.0.scheme) })
    }

    /// Its IP address as `X-Forwarded-For` wants it.
    pub fn ip(&self) -> &HeaderValue {
        &self.0.ip
    }

    /// Its IP address as the `for` of `Forwarded` wants it.
    pub fn node(&self) -> Cow<'_, str> {
        match self.0.address.to_canonical() {
            IpAddr::V4(_) => self.0.ip.to_str().unwrap_or_default().into(),
            ip @ IpAddr::V6(_) => node(ip).into(),
        }
    }
}

/// Who sent a request, behind whatever trusted proxies have handed it on. A request that came by one carries this as
/// an extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// Where it came from. An IPv4 address is never in its IPv6 form.
    pub address: IpAddr,
    /// How it came to the first of the proxies.
    pub scheme: Scheme,
}

impl Client {
    /// The client of a request with these extensions: the one that was told by a trusted peer, or the peer. `None` for
    /// a request that came by no connection.
    pub fn of(extensions: &Extensions) -> Option<Self> {
        let peer = extensions.get::<Peer>()?;
        let told = if peer.is_trusted() { extensions.get().copied() } else { None };
        let own = || Self { address: peer.address().ip().to_canonical(), scheme: peer.scheme() };
        Some(told.unwrap_or_else(own))
    }
}

/// An IP address as the value of a header.
pub(crate) fn ip_value(ip: IpAddr) -> HeaderValue {
    let text = match ip {
        IpAddr::V4(ip) => dotted(ip),
        IpAddr::V6(ip) => ip.to_string(),
    };
    // An address has no character that a header may not have.
    HeaderValue::from_maybe_shared(Bytes::from(text)).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
}

/// As it is displayed, in a fraction of the time: each connection needs it.
fn dotted(ip: Ipv4Addr) -> String {
    let mut text = String::with_capacity("255.255.255.255".len());
    let mut digits = itoa::Buffer::new();
    for octet in ip.octets() {
        if !text.is_empty() {
            text.push('.');
        }
        text.push_str(digits.format(octet));
    }
    text
}

/// An IP address as `Forwarded` has it: one of version 6 in brackets, and so quoted (RFC 7239 section 6).
pub(crate) fn node(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => dotted(ip),
        IpAddr::V6(ip) => format!("\"[{ip}]\""),
    }
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
    fn v4_is_told_as_it_is_displayed() {
        for ip in [[0, 0, 0, 0], [1, 20, 255, 9], [100, 99, 10, 200]].map(Ipv4Addr::from) {
            assert_eq!(dotted(ip), ip.to_string());
        }
    }

    #[test]
    fn a_mapped_address_is_told_as_the_v4_that_it_is() {
        let peer = peer("[::ffff:192.0.2.1]:5000");
        assert_eq!(peer.ip(), "192.0.2.1");
        assert_eq!(peer.node(), "192.0.2.1");
    }

    #[test]
    fn only_a_trusted_peer_tells_of_a_client() {
        let headers = HeaderMap::from_iter([
            (http::HeaderName::from_static("x-forwarded-for"), HeaderValue::from_static("192.0.2.9")),
            (http::HeaderName::from_static("x-forwarded-proto"), HeaderValue::from_static("https")),
        ]);
        let proxies = TrustedProxies::new(["10.0.0.0/8".parse().unwrap()]);
        let stranger = peer("192.0.2.1:5000").trusted_if(&proxies);
        assert_eq!(stranger.client(&headers), None);
        let trusted = peer("10.0.0.1:5000").trusted_if(&proxies);
        let client = Client { address: [192, 0, 2, 9].into(), scheme: Scheme::Https };
        assert_eq!(trusted.client(&headers), Some(client));

        let mut extensions = Extensions::new();
        assert_eq!(Client::of(&extensions), None);
        extensions.insert(client);
        extensions.insert(stranger);
        assert_eq!(Client::of(&extensions).unwrap().address, IpAddr::from([192, 0, 2, 1]));
        extensions.insert(trusted);
        assert_eq!(Client::of(&extensions), Some(client));
    }
}
