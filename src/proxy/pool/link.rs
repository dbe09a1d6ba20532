//! A connection to a target that whoever uses it drives: a task of its own would have to be woken for each step, and to
//! wake in turn whoever waits for it.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{Builder, Connection, Parts, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::super::sending::SendBody;
use super::pending::{Behind, Told};
use crate::net::splice::is_source;
use crate::net::{BoxFuture, Io};

/// How long a target may take over what is still to be written to it once nobody uses the connection.
pub(super) const TAIL_LIMIT: Duration = Duration::from_secs(60);

/// A connection, and what makes it go on.
pub(super) struct Link {
    sender: SendRequest<SendBody>,
    driven: Driven,
    /// Whether the target has yet to take what hyper was given.
    behind: Behind,
    /// Whether what comes over it can be moved to a client by the system.
    is_source: bool,
}

/// What is to be polled for a connection to go on.
struct Driven {
    way: Way,
    relay: Arc<Relay>,
    /// That of the relay.
    waker: Waker,
}

/// How a connection goes on.
enum Way {
    Plain(Box<Connection<TokioIo<Told>, SendBody>>),
    /// It may become a tunnel.
    Upgradeable(BoxFuture<'static, hyper::Result<()>>),
    /// A task sees to it, which sees that this is dropped once nobody uses the connection.
    InBackground {
        _in_use: oneshot::Sender<Infallible>,
    },
    /// No more.
    Ended,
}

/// Wakes whoever drives the connection now. It outlives him: what a connection waits for has one waker for as long as the
/// connection is there.
#[derive(Default)]
struct Relay(Mutex<Driver>);

#[derive(Default)]
struct Driver {
    waker: Option<Waker>,
    /// There was something to do while nobody could be woken.
    was_woken: bool,
}

impl Link {
    /// A connection over this stream.
    pub(super) async fn over(io: Box<dyn Io>) -> hyper::Result<Self> {
        let (behind, is_source) = (Behind::default(), is_source(&*io));
        let stream = TokioIo::new(Told { io, behind: behind.clone() });
        let (sender, connection) = Builder::new().handshake(stream).await?;
        let relay = Arc::new(Relay::default());
        let waker = relay.clone().into();
        let way = Way::Plain(connection.into());
        Ok(Self { sender, driven: Driven { way, relay, waker }, behind, is_source })
    }

    /// Whether the next request may be sent, as far as was seen.
    pub(super) fn is_ready(&self) -> bool {
        self.sender.is_ready()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Takes the request to be sent, and waits for the head of its response. `tunnel`: it asks for one.
    pub(super) async fn send(
        &mut self,
        request: &mut Request<SendBody>,
        tunnel: bool,
    ) -> Result<Response<Incoming>, TrySendError<Request<SendBody>>> {
        if tunnel {
            self.driven.may_become_tunnel();
        }
        let mut sent = pin!(self.sender.try_send_request(std::mem::take(request)));
        poll_fn(|cx| self.driven.poll(cx, |cx| sent.as_mut().poll(cx))).await
    }

    /// Polls what depends on the connection along with it.
    pub(super) fn poll_with<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut what: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        // It may be there already.
        match what(&mut Context::from_waker(&self.driven.waker)) {
            Poll::Ready(value) => Poll::Ready(value),
            Poll::Pending => self.driven.poll(cx, what),
        }
    }

    /// Waits until the next request may be sent. `false`: never.
    pub(super) async fn settled(&mut self) -> bool {
        let Self { sender, driven, .. } = self;
        poll_fn(|cx| driven.poll(cx, |cx| sender.poll_ready(cx))).await.is_ok()
    }

    /// Lets what is to be done at once be done. Nobody is woken for what is left.
    pub(super) fn settle(&mut self) {
        let _: Poll<()> = self.driven.step();
    }

    /// Nobody uses it for now.
    pub(super) fn rest(&mut self) {
        self.driven.relay.forget();
    }

    /// Whether some of the request is still to be written, whatever hyper has taken over.
    pub(super) fn is_behind(&self) -> bool {
        self.behind.is()
    }

    /// Whether its stream may be taken from under it.
    pub(super) fn can_be_taken(&self) -> bool {
        self.is_source && !self.is_behind() && matches!(self.driven.way, Way::Plain(_))
    }

    /// Its stream, and what was read of it and is still to be looked at. Nobody else uses it from now on.
    pub(super) fn take_stream(&mut self) -> Option<(Box<dyn Io>, Bytes)> {
        let Way::Plain(connection) = self.driven.way.take() else { return None };
        let Parts { io, read_buf, .. } = connection.into_parts();
        Some((io.into_inner().io, read_buf))
    }

    /// Has a task drive it from now on.
    pub(super) fn drive_in_background(&mut self) {
        let way = &mut self.driven.way;
        *way = match way.take() {
            Way::Plain(connection) => in_background(connection),
            Way::Upgradeable(connection) => in_background(connection),
            other => other,
        };
    }
}

fn in_background(mut connection: impl Future<Output = hyper::Result<()>> + Unpin + Send + 'static) -> Way {
    let (_in_use, used) = oneshot::channel();
    tokio::spawn(async move {
        let result = tokio::select! {
            result = &mut connection => result,
            Err(_) = used => match tokio::time::timeout(TAIL_LIMIT, connection).await {
                Ok(result) => result,
                Err(_) => return tracing::debug!("a target does not take what it was sent"),
            },
        };
        ended(result);
    });
    Way::InBackground { _in_use }
}

impl Way {
    fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Ended)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // Whoever asked may have left; what he has sent whole, the target gets.
        if self.is_behind() && Handle::try_current().is_ok() {
            self.drive_in_background();
        }
    }
}

impl Driven {
    /// Goes on with the connection, and then with what depends on it.
    fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut what: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        self.relay.forget();
        if self.step().is_ready() {
            return what(cx);
        }
        if let Poll::Ready(value) = what(&mut Context::from_waker(&self.waker)) {
            return Poll::Ready(value);
        }
        self.relay.wakes(cx.waker());
        Poll::Pending
    }

    /// What switches to another protocol is not hyper's any more.
    fn may_become_tunnel(&mut self) {
        self.way = match self.way.take() {
            Way::Plain(connection) => Way::Upgradeable(Box::pin(connection.with_upgrades())),
            other => other,
        };
    }

    /// Goes on with the connection. Ready once it has ended, or another sees to it.
    fn step(&mut self) -> Poll<()> {
        let cx = &mut Context::from_waker(&self.waker);
        let result = ready!(match &mut self.way {
            Way::Plain(connection) => Pin::new(connection).poll(cx),
            Way::Upgradeable(connection) => connection.as_mut().poll(cx),
            Way::InBackground { .. } | Way::Ended => return Poll::Ready(()),
        });
        self.way = Way::Ended;
        ended(result);
        Poll::Ready(())
    }
}

impl Relay {
    /// From now on nobody is woken.
    fn forget(&self) {
        let before = std::mem::take(&mut *self.lock());
        // Not under the lock: it may be the last of its task.
        drop(before);
    }

    /// From now on this one is, and at once where there has been something since the last was forgotten.
    fn wakes(&self, waker: &Waker) {
        let mut driver = self.lock();
        if !driver.was_woken {
            driver.waker = Some(waker.clone());
            return;
        }
        drop(driver);
        waker.wake_by_ref();
    }

    fn lock(&self) -> MutexGuard<'_, Driver> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Relay {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut driver = self.lock();
        driver.was_woken = true;
        let waker = driver.waker.take();
        drop(driver);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

fn ended(result: hyper::Result<()>) {
    if let Err(error) = result {
        tracing::debug!(%error, "a connection to a target broke");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Default)]
    struct Counted(AtomicUsize);

    impl Wake for Counted {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn whoever_drives_now_is_woken_and_nobody_else() {
        let relay = Arc::new(Relay::default());
        let (first, second) = (Arc::new(Counted::default()), Arc::new(Counted::default()));
        let counts = || [&first, &second].map(|who| who.0.load(Ordering::Relaxed));
        let wakes = |who: &Arc<Counted>| relay.wakes(&who.clone().into());
        wakes(&first);
        relay.wake_by_ref();
        // Once is enough until it has looked.
        relay.wake_by_ref();
        assert_eq!(counts(), [1, 0]);
        relay.forget();
        wakes(&first);
        relay.forget();
        relay.wake_by_ref();
        assert_eq!(counts(), [1, 0], "it drives no more");
        wakes(&second);
        assert_eq!(counts(), [1, 1], "there was something before");
        relay.forget();
        wakes(&second);
        assert_eq!(counts(), [1, 1]);
        relay.wake_by_ref();
        assert_eq!(counts(), [1, 2]);
    }
}
