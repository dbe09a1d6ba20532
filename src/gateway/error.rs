use std::fmt;
use std::io;
use std::net::SocketAddr;

use super::tls::TlsError;
use crate::page::TemplateError;

/// Why there is no gateway, or no longer one.
#[derive(Debug)]
#[non_exhaustive]
pub enum GatewayError {
    /// An address cannot be listened on.
    Listen(SocketAddr, io::Error),
    /// A listener cannot speak TLS with its certificates.
    Tls(SocketAddr, TlsError),
    /// The waiting page's template is not one.
    Page(TemplateError),
    /// What the configuration asks for and this build cannot do, one sentence each.
    NotInThisBuild(Vec<String>),
    /// What a new configuration asks for and only a restart brings, one sentence each.
    NeedsRestart(Vec<String>),
    /// The driver has broken down; that is a fault of Wakegate itself.
    Driver,
}

impl GatewayError {
    /// Whether the configuration is to blame.
    pub fn is_of_configuration(&self) -> bool {
        matches!(self, Self::Tls(..) | Self::Page(_) | Self::NotInThisBuild(_) | Self::NeedsRestart(_))
    }
}

impl fmt::Display for GatewayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen(address, error) if error.kind() == io::ErrorKind::AddrInUse => {
                write!(f, "cannot listen on {address}: another program does already")
            }
            Self::Listen(address, error) => write!(f, "cannot listen on {address}: {error}"),
            Self::Tls(address, error) => write!(f, "listeners: tls of {address}: {error}"),
            Self::Page(error) => write!(f, "page: {error}"),
            Self::NotInThisBuild(missing) | Self::NeedsRestart(missing) => f.write_str(&missing.join("\n")),
            Self::Driver => f.write_str("the driver broke down; please report this"),
        }
    }
}

impl std::error::Error for GatewayError {}
