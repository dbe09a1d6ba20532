//! A large body on its way from a target to a client without coming by here: the system moves it from one connection to
//! the other.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http::Version;
use http::header::CONNECTION;
use http::response::Parts;
use http_body::Body;
use hyper::body::Incoming;
use tokio::io::{AsyncRead, ReadBuf};

use super::body::BoxError;
use super::headers::has_token;
use super::pool::{Lease, Taken};
use crate::net::PeerWatch;
use crate::net::splice::{Conduit, Pipes, Unmoved};

/// How large a body must at least be. Measured: from here on it is cheaper than copying, by a tenth at first and by more than
/// a third above 128 KiB.
const LARGE: u64 = 64 * 1024;

/// How much is read at once where the system does not move it.
const READ: usize = 64 * 1024;

/// A client to whom the system may move bytes: nobody looks at what is written to it on the way.
pub(super) struct Direct<'p> {
    pub(super) pipes: &'p Arc<Pipes>,
    pub(super) client: Arc<dyn PeerWatch>,
}

/// The body, as far as it is still to come.
pub(super) struct Spliced {
    /// What hyper had read of it.
    first: VecDeque<Bytes>,
    /// How much is to come after that.
    left: u64,
    /// `None` once it has all come, or broken off.
    target: Option<Taken>,
    /// Whether the target's connection may be used again.
    keeps: bool,
    /// `None` where the system does not move it after all.
    conduit: Option<Arc<Conduit>>,
}

impl Direct<'_> {
    /// A way for the body of a response, where there is one and the body is large enough.
    pub(super) fn conduit(&self, body: &Incoming, lease: &Lease) -> Option<Arc<Conduit>> {
        let suits = body.size_hint().exact()? >= LARGE && lease.can_be_taken();
        if suits { self.pipes.to(&*self.client) } else { None }
    }

    /// The body as it comes by that way.
    pub(super) fn take(&self, conduit: Arc<Conduit>, head: &Parts, body: Incoming, lease: Lease) -> Spliced {
        let size = body.size_hint().exact().unwrap_or_default();
        let keeps = head.version == Version::HTTP_11 && !has_token(&head.headers, &CONNECTION, "close");
        let mut spliced = Spliced::begin(size, keeps, body, lease);
        if spliced.left > 0 {
            conduit.begin(&*self.client);
            spliced.conduit = Some(conduit);
        }
        spliced
    }
}

impl Spliced {
    fn begin(size: u64, keeps: bool, mut body: Incoming, lease: Lease) -> Self {
        let mut this = Self { first: VecDeque::new(), left: size, target: None, keeps, conduit: None };
        // Nothing new comes here: its connection is not driven any more.
        let mut cx = Context::from_waker(Waker::noop());
        while let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut body).poll_frame(&mut cx) {
            if let Ok(bytes) = frame.into_data() {
                this.add(bytes);
            }
        }
        if let Some((target, read)) = lease.take() {
            this.target = Some(target);
            this.add(read);
        }
        this.finish_at_end();
        this
    }

    /// Takes over what hyper has read.
    fn add(&mut self, mut bytes: Bytes) {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX);
        if bytes.len() > most {
            // Nobody asked for what comes after that.
            self.keeps = false;
            bytes.truncate(most);
        }
        self.count(&bytes);
        if !bytes.is_empty() {
            self.first.push_back(bytes);
        }
    }

    fn count(&mut self, bytes: &Bytes) {
        self.left = self.left.saturating_sub(bytes.len() as u64);
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        if let Some(bytes) = self.first.pop_front() {
            return Poll::Ready(Some(Ok(bytes)));
        }
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let came = ready!(self.poll_target(cx)).and_then(|bytes| {
            if bytes.is_empty() { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(bytes) }
        });
        Poll::Ready(Some(match came {
            Ok(bytes) => {
                self.count(&bytes);
                self.finish_at_end();
                Ok(bytes)
            }
            Err(error) => {
                self.target = None;
                Err(error.into())
            }
        }))
    }

    /// What comes next from the target; nothing, where it has closed.
    fn poll_target(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        let Some(target) = &mut self.target else { return Poll::Ready(Ok(Bytes::new())) };
        if let Some(conduit) = &self.conduit {
            match ready!(conduit.poll_fill(cx, &*target.io, self.left)) {
                Ok(bytes) => return Poll::Ready(Ok(bytes)),
                Err(Unmoved::Broke(error)) => return Poll::Ready(Err(error)),
                Err(Unmoved::Refused) => {
                    conduit.end();
                    self.conduit = None;
                }
            }
        }
        let room = usize::try_from(self.left).unwrap_or(READ).min(READ);
        let mut bytes = vec![0; room];
        let mut buffer = ReadBuf::new(&mut bytes);
        ready!(Pin::new(&mut target.io).poll_read(cx, &mut buffer))?;
        let count = buffer.filled().len();
        bytes.truncate(count);
        Poll::Ready(Ok(bytes.into()))
    }

    /// Gives the target's connection back once all has come from it.
    fn finish_at_end(&mut self) {
        if self.left > 0 {
            return;
        }
        if let Some(conduit) = &self.conduit {
            conduit.end();
        }
        if let Some(target) = self.target.take()
            && self.keeps
        {
            target.release();
        }
    }

    pub(super) fn size(&self) -> u64 {
        self.first.iter().map(|bytes| bytes.len() as u64).sum::<u64>() + self.left
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncWriteExt, duplex};

    use super::*;
    use crate::model::Address;
    use crate::net::splice::is_sink;
    use crate::net::{ANY_LOOPBACK, Net, TokioNet};

    #[tokio::test]
    async fn what_the_system_cannot_move_is_copied() {
        let listener = TokioNet.listen(ANY_LOOPBACK).await.unwrap();
        let address = listener.local_addr().unwrap();
        let address = Address::Socket(address);
        let (_client, accepted) = tokio::join!(TokioNet.connect(&address), listener.accept());
        let (accepted, _) = accepted.unwrap();
        assert!(is_sink(&*accepted));
        let client = accepted.peer();
        // No socket.
        let (mut far, near) = duplex(4);
        let mut spliced = Spliced {
            first: VecDeque::from([Bytes::from("one ")]),
            left: "two three".len() as u64,
            target: Some(Taken::alone(Box::new(near))),
            keeps: false,
            conduit: Pipes::new(1).to(&*client),
        };
        assert!(spliced.conduit.is_some());
        assert_eq!(spliced.size(), "one two three".len() as u64);
        let reading = async {
            let mut all = Vec::new();
            while let Some(bytes) = poll_fn(|cx| spliced.poll(cx)).await {
                all.extend(bytes.unwrap());
            }
            all
        };
        let (all, written) = tokio::join!(reading, far.write_all(b"two three and more"));
        assert_eq!(all, b"one two three");
        // Closed before it had all.
        assert!(written.is_err());
    }

    #[tokio::test]
    async fn one_that_ends_too_early_has_not_ended() {
        let (far, near) = duplex(4);
        let target = Some(Taken::alone(Box::new(near)));
        let mut spliced = Spliced { first: VecDeque::new(), left: 1, target, keeps: true, conduit: None };
        drop(far);
        assert!(poll_fn(|cx| spliced.poll(cx)).await.unwrap().is_err());
    }
}
