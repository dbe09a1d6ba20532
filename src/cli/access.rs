//! Where the admin API of a running gateway is, and what opens it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use clap::Args;

use super::Failure;
use super::client::AdminClient;

const DEFAULT: &str = "http://127.0.0.1:9900";

/// The arguments of every verb that talks to a running gateway.
#[derive(Args, Clone, Debug, Default)]
pub struct Access {
    /// The gateway's admin API [default: WAKEGATE_ADMIN, then the configuration's, then http://127.0.0.1:9900]
    #[arg(long, value_name = "URL")]
    pub admin: Option<String>,
    /// The admin API's token [default: WAKEGATE_ADMIN_TOKEN, then the configuration's]
    #[arg(long, value_name = "TOKEN")]
    pub token: Option<String>,
}

/// The admin section of a configuration, where one was named.
#[derive(Clone, Debug, Default)]
pub struct Configured {
    /// Where the API listens.
    pub address: Option<SocketAddr>,
    /// What it asks for.
    pub token: Option<String>,
}

impl Access {
    /// The client to call with. An argument goes before the environment, which goes before the configuration.
    ///
    /// # Errors
    /// The URL is none that can be called.
    pub fn client(
        self,
        configured: Configured,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<AdminClient, Failure> {
        let set = |name| environment(name).filter(|value| !value.is_empty());
        let url = self
            .admin
            .or_else(|| set("WAKEGATE_ADMIN"))
            .or_else(|| configured.address.map(|address| format!("http://{}", reachable(address))))
            .unwrap_or_else(|| DEFAULT.to_owned());
        let token = self.token.or_else(|| set("WAKEGATE_ADMIN_TOKEN")).or(configured.token);
        AdminClient::new(&url, token)
    }
}

/// An address that listens everywhere is called on loopback.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        });
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(admin: Option<&str>, environment: Option<&str>, address: Option<&str>) -> String {
        let access = Access { admin: admin.map(Into::into), token: None };
        let configured = Configured { address: address.map(|text| text.parse().unwrap()), token: None };
        let environment = |name: &str| environment.filter(|_| name == "WAKEGATE_ADMIN").map(Into::into);
        access.client(configured, environment).unwrap().to_string()
    }

    #[test]
    fn the_nearest_word_wins() {
        assert_eq!(url(None, None, None), "http://127.0.0.1:9900");
        assert_eq!(url(None, None, Some("0.0.0.0:7")), "http://127.0.0.1:7");
        assert_eq!(url(None, None, Some("[::]:7")), "http://[::1]:7");
        assert_eq!(url(None, Some("http://a:1"), Some("0.0.0.0:7")), "http://a:1");
        assert_eq!(url(None, Some(""), None), "http://127.0.0.1:9900");
        assert_eq!(url(Some("b:2"), Some("http://a:1"), None), "http://b:2");
    }
}
