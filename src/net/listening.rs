//! A listener whose connections come with what is set on it: five system calls less for each.

use std::io;
use std::net::SocketAddr;

use socket2::SockRef;
use tokio::net::TcpListener;

use super::accepted::accepted;
use super::{Accepted, BoxFuture, Listener, door, keep_alive};

/// Whether the system hands a listener's options on to its connections. Linux does; others are not relied on for it.
const INHERITED: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// A listener that we have opened.
#[derive(Debug)]
pub(super) struct Listening(TcpListener);

impl Listening {
    pub(super) async fn at(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        if INHERITED {
            let socket = SockRef::from(&listener);
            socket.set_tcp_nodelay(true)?;
            keep_alive(&socket)?;
        }
        Ok(Self(listener))
    }
}

impl Listener for Listening {
    fn accept(&self) -> BoxFuture<'_, io::Result<(Box<dyn Accepted>, SocketAddr)>> {
        if !INHERITED {
            return Listener::accept(&self.0);
        }
        Box::pin(async {
            let (stream, from) = self.0.accept().await?;
            Ok((accepted(stream), from))
        })
    }

    fn turn_away(&self) -> bool {
        door::shut(&self.0)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::super::prepare;
    use super::*;

    #[tokio::test]
    async fn its_connections_have_what_every_one_has() {
        let listening = Listening::at(super::super::ANY_LOOPBACK).await.unwrap();
        let address = listening.local_addr().unwrap();
        let (near, far) = tokio::join!(TcpStream::connect(address), listening.0.accept());
        let (near, (far, _)) = (near.unwrap(), far.unwrap());
        // As they are set on one that is made by hand.
        prepare(&near).unwrap();
        if INHERITED {
            let [near, far] = [SockRef::from(&near), SockRef::from(&far)];
            assert!(far.tcp_nodelay().unwrap() && far.keepalive().unwrap());
            assert_eq!(far.tcp_keepalive_time().unwrap(), near.tcp_keepalive_time().unwrap());
            assert_eq!(far.tcp_keepalive_interval().unwrap(), near.tcp_keepalive_interval().unwrap());
            assert_eq!(far.tcp_keepalive_retries().unwrap(), near.tcp_keepalive_retries().unwrap());
        }
    }
}
