//! Sockets, behind a few small traits: tokio's in the binary, a simulator's in tests.

mod accepted;
mod door;
mod listening;
mod socket;
#[cfg_attr(not(all(feature = "server", target_os = "linux")), path = "net/unspliced.rs")]
pub(crate) mod splice;

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

use crate::model::Address;
use accepted::accepted;
use listening::Listening;
use socket::{Socket, Tcp};

/// A future on the heap, for the traits that are used as values.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A byte stream, both ways.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin + Any {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for T {}

/// Where connections to targets and from clients come from.
pub trait Net: fmt::Debug + Send + Sync + 'static {
    /// Connects to a target's address. The caller bounds the time.
    fn connect<'a>(&'a self, to: &'a Address) -> BoxFuture<'a, io::Result<Box<dyn Io>>>;

    /// Listens at an address; at port 0, on one that is free. A network that is only there to reach targets, under a
    /// [`WakeLayer`](crate::WakeLayer) for one, need not be able to.
    fn listen(&self, _at: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Listener>>> {
        Box::pin(async { Err(io::ErrorKind::Unsupported.into()) })
    }
}

/// Takes the connections that come in at one address, as long as it lives.
pub trait Listener: fmt::Debug + Send + Sync + 'static {
    /// The next connection and where it comes from. Dropping the future loses no connection.
    fn accept(&self) -> BoxFuture<'_, io::Result<(Box<dyn Accepted>, SocketAddr)>>;

    /// Answers nobody any more who begins to connect, and says whether that can be had. Whoever is half-way still comes
    /// in. Nobody is refused: a system whose first packet is not answered sends it again after a second, and finds
    /// whoever listens then.
    fn turn_away(&self) -> bool {
        false
    }

    /// The address, with the port that it really has.
    ///
    /// # Errors
    /// Those of the system.
    fn local_addr(&self) -> io::Result<SocketAddr>;
}

/// A connection that came in.
pub trait Accepted: Io {
    /// An eye on whoever made it.
    fn peer(&self) -> Arc<dyn PeerWatch>;
}

/// Sees the other side of a connection leave, whatever of what it sent is still unread, and without reading it.
pub trait PeerWatch: fmt::Debug + Send + Sync + Any {
    /// Resolves when the other side has closed the connection or at least its sending half.
    fn gone(self: Arc<Self>) -> BoxFuture<'static, ()>;
}

impl Listener for Box<dyn Listener> {
    fn accept(&self) -> BoxFuture<'_, io::Result<(Box<dyn Accepted>, SocketAddr)>> {
        (**self).accept()
    }

    fn turn_away(&self) -> bool {
        (**self).turn_away()
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        (**self).local_addr()
    }
}

/// The operating system's sockets, through tokio.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokioNet;

impl Net for TokioNet {
    fn connect<'a>(&'a self, to: &'a Address) -> BoxFuture<'a, io::Result<Box<dyn Io>>> {
        Box::pin(async move {
            let stream = match to {
                Address::Socket(address) => TcpStream::connect(address).await?,
                Address::Name(name, port) => TcpStream::connect((&**name, *port)).await?,
            };
            if stream.local_addr()? == stream.peer_addr()? {
                // Nobody listens there: the system happened to pick the target's own port for our end, and a TCP
                // connection to itself is one (RFC 9293 section 3.5, simultaneous open).
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            prepare(&stream)?;
            Ok(Box::new(Tcp(Socket::new(stream))) as Box<dyn Io>)
        })
    }

    fn listen(&self, at: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Listener>>> {
        Box::pin(async move { Ok(Box::new(Listening::at(at).await?) as Box<dyn Listener>) })
    }
}

impl Listener for TcpListener {
    fn accept(&self) -> BoxFuture<'_, io::Result<(Box<dyn Accepted>, SocketAddr)>> {
        Box::pin(async {
            loop {
                let (stream, from) = Self::accept(self).await?;
                match prepare(&stream) {
                    Ok(()) => return Ok((accepted(stream), from)),
                    Err(error) => tracing::debug!(%error, "a connection was gone before it was served"),
                }
            }
        })
    }

    fn turn_away(&self) -> bool {
        door::shut(self)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Self::local_addr(self)
    }
}

/// What is set on every connection: what is written goes out at once, for it is written whole and waiting for more to
/// send with it only delays it; and a peer that vanishes is found out ([`keep_alive`]).
fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    keep_alive(&SockRef::from(stream))
}

/// Has the system ask a silent peer whether it is still there: after a minute, and it is gone if it does not answer for
/// another. Without this a client whose machine vanished would hold its WebSocket, and so a service, for ever.
///
/// # Errors
/// The socket is gone.
fn keep_alive(socket: &SockRef<'_>) -> io::Result<()> {
    let ask = TcpKeepalive::new()
        .with_time(Duration::from_secs(60))
        .with_interval(Duration::from_secs(15))
        .with_retries(4);
    socket.set_tcp_keepalive(&ask)
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
