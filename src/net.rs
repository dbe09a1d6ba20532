//! Sockets, behind one small trait: tokio's in the binary, a simulator's in tests.

use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
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
            keep_alive(&stream)?;
            Ok(Box::new(stream) as Box<dyn Io>)
        })
    }
}

/// Has the system ask a silent peer whether it is still there: after a minute, and it is gone if it does not answer for
/// another. Without this a client whose machine vanished would hold its WebSocket, and so a service, for ever.
///
/// # Errors
/// The socket is gone.
pub fn keep_alive(stream: &tokio::net::TcpStream) -> io::Result<()> {
    let ask = TcpKeepalive::new()
        .with_time(Duration::from_secs(60))
        .with_interval(Duration::from_secs(15))
        .with_retries(4);
    SockRef::from(stream).set_tcp_keepalive(&ask)
}

/// A listener on a port of loopback that is free now. Where it can be had, the port is below those that systems pick
/// for the near end of outgoing connections (from 32768 on Linux, from 49152 elsewhere), so that it is still free when
/// somebody comes to listen there later.
///
/// # Errors
/// Those of the system.
pub fn free_port() -> io::Result<std::net::TcpListener> {
    const TRIES: u8 = 32;
    let random = RandomState::new();
    for attempt in 0..TRIES {
        // Not every number below fits: 16 bits of any quality will do to spread the picks of several programs.
        let offset = u16::try_from(random.hash_one(attempt) % 20_000).unwrap_or(0);
        let address = SocketAddr::new(ANY_LOOPBACK.ip(), 12_000 + offset);
        if let Ok(listener) = std::net::TcpListener::bind(address) {
            return Ok(listener);
        }
    }
    std::net::TcpListener::bind(ANY_LOOPBACK)
}

/// An address whose port the operating system picks, on loopback.
pub const ANY_LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
