//! The PROXY protocol, by which a balancer tells who the client of a connection is before anything of the client's is
//! sent. [Its specification](https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt) is HAProxy's.

mod checksum;
mod v1;
mod v2;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::replay::Replay;
use crate::peer::TrustedProxies;

/// The longest header that is read. Version 1 has 107 bytes at most; this leaves room for the client certificates and
/// identities that version 2 may carry.
pub const MOST: usize = 4096;

/// How far the beginning of a connection has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// It may become a header; there must be more of it.
    Partial,
    /// A header of this many bytes.
    Header {
        /// Its length; what follows is the client's.
        length: usize,
        /// Where the client is, and where it wanted to go. `None`: the balancer speaks for itself (`LOCAL`, as in its health
        /// checks), or does not know the client or any IP address of it (`UNKNOWN`, Unix sockets).
        client: Option<(SocketAddr, SocketAddr)>,
    },
}

/// Why something is no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// It begins like neither version.
    NoHeader,
    /// It is longer than its version allows, or than is read here ([`MOST`]).
    TooLong,
    /// It does not hold to the format of its version.
    Invalid,
    /// The checksum that it carries is that of something else.
    Checksum,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoHeader => "the connection does not begin with a header of the PROXY protocol",
            Self::TooLong => "the header of the PROXY protocol is too long",
            Self::Invalid => "the header of the PROXY protocol is not valid",
            Self::Checksum => "the header of the PROXY protocol is damaged",
        })
    }
}

impl std::error::Error for Malformed {}

/// Reads the header that a connection begins with, of either version. Bytes beyond it change nothing; nor does how often
/// this was asked with fewer of them.
///
/// ```
/// use wakegate::gateway::proxy_protocol::{Parsed, parse};
///
/// let begins = b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\nGET / HTTP/1.1\r\n";
/// let Ok(Parsed::Header { length, client: Some((source, _)) }) = parse(begins) else { panic!() };
/// assert_eq!((length, source), (45, "192.0.2.1:56324".parse().unwrap()));
/// assert_eq!(parse(&begins[..9]), Ok(Parsed::Partial));
/// ```
///
/// # Errors
/// [`Malformed`], whatever may follow.
pub fn parse(bytes: &[u8]) -> Result<Parsed, Malformed> {
    if begins(bytes, v2::SIGNATURE) {
        v2::parse(bytes)
    } else if begins(bytes, v1::SIGNATURE) {
        v1::parse(bytes)
    } else {
        Err(Malformed::NoHeader)
    }
}

/// Whether there is nothing that speaks against it so far.
fn begins(bytes: &[u8], signature: &[u8]) -> bool {
    let length = bytes.len().min(signature.len());
    bytes[..length] == signature[..length]
}

/// Whose connections a listener takes, and what they begin with.
#[derive(Clone, Debug, Default)]
pub(super) struct Origins {
    pub(super) proxies: TrustedProxies,
    pub(super) proxy_protocol: bool,
}

impl Origins {
    /// Where an accepted connection comes from: its peer, or whom the PROXY protocol names. What follows the header is
    /// put back.
    ///
    /// # Errors
    /// The connection is not to be served: a header was to come and did not come whole within `limit`, or its peer may
    /// not connect here.
    pub(super) async fn origin(
        &self,
        io: &mut Replay<impl AsyncRead + Unpin>,
        peer: SocketAddr,
        limit: Duration,
    ) -> io::Result<SocketAddr> {
        if !self.proxy_protocol {
            return Ok(peer);
        }
        if !self.proxies.contains(peer.ip()) {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "not from a trusted proxy"));
        }
        let client = tokio::time::timeout(limit, read(io)).await??;
        Ok(client.map_or(peer, |(source, _)| source))
    }
}

/// Reads the header, and gives back what was read beyond it.
async fn read(io: &mut Replay<impl AsyncRead + Unpin>) -> io::Result<Option<(SocketAddr, SocketAddr)>> {
    let mut bytes = Vec::with_capacity(256);
    loop {
        if io.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match parse(&bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))? {
            Parsed::Partial => {}
            Parsed::Header { length, client } => {
                io.unread(bytes.split_off(length).into());
                return Ok(client);
            }
        }
    }
}

#[cfg(test)]
mod tests;
