//! Sockets, behind one small trait: tokio's in the binary, a simulator's in tests.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::model::Address;

/// A future on the heap, for the traits that are used as values.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A byte stream to a target.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Where connections to targets come from.
pub trait Net: fmt::Debug + Send + Sync + 'static {
    /// Connects to a target's address. The caller bounds the time.
    fn connect<'a>(&'a self, to: &'a Address) -> BoxFuture<'a, io::Result<Box<dyn Io>>>;
}

/// The operating system's sockets, through tokio.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokioNet;

impl Net for TokioNet {
    fn connect<'a>(&'a self, to: &'a Address) -> BoxFuture<'a, io::Result<Box<dyn Io>>> {
        Box::pin(async move {
            let stream = match to {
                Address::Socket(address) => tokio::net::TcpStream::connect(address).await?,
                Address::Name(name, port) => tokio::net::TcpStream::connect((&**name, *port)).await?,
            };
            if stream.local_addr()? == stream.peer_addr()? {
                // Nobody listens there: the system happened to pick the target's own port for our end, and a TCP
                // connection to itself is one (RFC 9293 section 3.5, simultaneous open).
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Box<dyn Io>)
        })
    }
}

/// An address whose port the operating system picks, on loopback.
pub const ANY_LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
