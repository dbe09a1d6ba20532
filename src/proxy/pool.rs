//! The connections to one target.
//!
//! The pool hangs on the target's slot behind the gate and goes with it: once the gate shuts, its idle connections
//! close, and those in use close when their response has ended. Nothing in the background keeps it alive.
//!
//! Over HTTP/1.1 the request that uses a connection drives it, and nobody does while it is idle: that the target has closed it is
//! seen when it is taken or swept.

mod h1;
mod h2;
mod link;
mod pending;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;

use super::sending::SendBody;
use crate::clock::Alarms;
use crate::model::{Address, Protocol};
use crate::net::{Io, Net};
pub(super) use h1::Taken;

/// The connections to one target.
pub(super) struct Pool {
    net: Arc<dyn Net>,
    address: Address,
    /// How long a connect may take.
    patience: Duration,
    h1: Arc<h1::Idle>,
    h2: h2::Shared,
    alarms: Alarms,
}

/// What the connection of a request is to be.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wish {
    /// A new one.
    pub(super) fresh: bool,
    /// What may become a tunnel.
    pub(super) tunnel: bool,
}

/// What came back, and the connection that it came on.
pub(super) struct Reply {
    pub(super) response: Response<Incoming>,
    pub(super) lease: Lease,
}

/// Why nothing came back.
pub(super) enum Failure {
    /// No connection: nothing of the request was written, and it is where it was.
    Connect(io::Error),
    /// The connection died with the request on it; `reused` when it had served others before.
    Died { error: hyper::Error, reused: bool },
    /// The target took too long to begin its answer.
    TooSlow,
    /// Over HTTP/2, the target does not take WebSockets (RFC 8441).
    NoWebSocket,
}

/// A connection in use, or a share of one.
pub(super) enum Lease {
    Http1(h1::Lease),
    Http2(h2::Share),
}

impl Lease {
    /// Polls the response's body, which comes over this connection.
    pub(super) fn poll_with<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut body: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        match self {
            Self::Http1(lease) => lease.link.poll_with(cx, body),
            Self::Http2(_) => body(cx),
        }
    }

    /// Whether another than hyper may read the rest of the response.
    pub(super) fn can_be_taken(&self) -> bool {
        match self {
            Self::Http1(lease) => lease.can_be_taken(),
            Self::Http2(_) => false,
        }
    }

    /// The connection, and what was read of it already. `None`: it cannot be taken, and closes.
    pub(super) fn take(self) -> Option<(Taken, Bytes)> {
        match self {
            Self::Http1(lease) => lease.take(),
            Self::Http2(_) => None,
        }
    }

    /// The response has ended: the next may use the connection.
    pub(super) fn release(self) {
        match self {
            Self::Http1(lease) => lease.release(),
            Self::Http2(share) => drop(share),
        }
    }
}

impl Pool {
    pub(super) fn new(net: Arc<dyn Net>, address: Address, patience: Duration) -> Self {
        Self {
            net,
            address,
            patience,
            h1: h1::Idle::new(),
            h2: h2::Shared::default(),
            alarms: Alarms::default(),
        }
    }

    /// Sends a request and waits for the head of its response.
    pub(super) async fn send(
        &self,
        request: &mut Request<SendBody>,
        protocol: Protocol,
        wish: Wish,
    ) -> Result<Reply, Failure> {
        match protocol {
            Protocol::Http1 => h1::send(self, request, wish).await,
            Protocol::H2 => Box::pin(h2::send(self, request)).await,
        }
    }

    /// For those who wait for this target's answers.
    pub(super) fn alarms(&self) -> &Alarms {
        &self.alarms
    }

    async fn connect(&self) -> io::Result<Box<dyn Io>> {
        match tokio::time::timeout(self.patience, self.net.connect(&self.address)).await {
            Ok(connected) => connected,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("address", &self.address).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
