//! Whose word about the client is believed.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

/// The proxies in front that the operator has named. Cheap to clone; the default names nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Arc<[IpNet]>);

impl TrustedProxies {
    /// The proxies at these addresses.
    pub fn new(ranges: impl Into<Arc<[IpNet]>>) -> Self {
        Self(ranges.into())
    }

    /// Whether somebody at this address is one of them. An IPv4 address is the same in its IPv6 form.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|range| range.contains(&address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_of_both_families_and_nobody_is_the_default() {
        let proxies = TrustedProxies::new(["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()]);
        for (address, expected) in [
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("11.0.0.1", false),
            ("2001:db8::1", true),
            ("2001:db9::1", false),
        ] {
            assert_eq!(proxies.contains(address.parse().unwrap()), expected, "{address}");
            assert!(!TrustedProxies::default().contains(address.parse().unwrap()));
        }
    }
}
