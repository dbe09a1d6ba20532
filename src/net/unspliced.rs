//! In place of [`splice`](self): the system cannot do it, or nobody asks for it.

use std::io;
use std::task::{Context, Poll};

use super::socket::Socket;

/// Nothing does.
pub(super) fn stands_in(_: &[u8]) -> bool {
    false
}

#[derive(Debug, Default)]
pub(super) struct Slot {}

impl Slot {
    pub(super) fn poll_drain(&self, _: &mut Context<'_>, _: &Socket, _: usize) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
    }
}

#[cfg(feature = "server")]
pub(crate) use nothing::{Conduit, Pipes, Unmoved, is_sink, is_source};

/// What the proxy asks of it.
#[cfg(feature = "server")]
mod nothing {
    use std::convert::Infallible;
    use std::io;
    use std::sync::Arc;
    use std::task::{Context, Poll};

    use bytes::Bytes;

    use crate::net::{Accepted, Io, PeerWatch};

    #[derive(Debug)]
    pub(crate) struct Pipes;

    /// There is none.
    #[derive(Debug)]
    pub(crate) struct Conduit(Infallible);

    #[expect(dead_code, reason = "nothing is tried")]
    pub(crate) enum Unmoved {
        Refused,
        Broke(io::Error),
    }

    pub(crate) fn is_source(_: &dyn Io) -> bool {
        false
    }

    pub(crate) fn is_sink(_: &dyn Accepted) -> bool {
        false
    }

    impl Pipes {
        pub(crate) fn new(_: usize) -> Arc<Self> {
            Arc::new(Self)
        }

        pub(crate) fn to(self: &Arc<Self>, _: &dyn PeerWatch) -> Option<Arc<Conduit>> {
            None
        }
    }

    impl Conduit {
        pub(crate) fn begin(self: &Arc<Self>, _: &dyn PeerWatch) {
            match self.0 {}
        }

        pub(crate) fn poll_fill(
            &self,
            _: &mut Context<'_>,
            _: &dyn Io,
            _: u64,
        ) -> Poll<Result<Bytes, Unmoved>> {
            match self.0 {}
        }

        pub(crate) fn end(&self) {
            match self.0 {}
        }
    }
}
