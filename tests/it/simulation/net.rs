//! The simulated network as the gateway sees it.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use turmoil::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use turmoil::net::{TcpListener, TcpStream};
use wakegate::model::Address;
use wakegate::net::{Accepted, BoxFuture, Io, Listener, Net, PeerWatch};

/// turmoil's network, as one gateway after the other has it. Keeps in mind when something was last written to each
/// connection that was made, and can end them all as the death of a process does.
#[derive(Clone, Debug, Default)]
pub(crate) struct SimNet(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    written: BTreeMap<SocketAddr, Duration>,
    open: BTreeMap<u64, Arc<Mutex<Option<End>>>>,
    last: u64,
    dead: bool,
    death: Arc<Notify>,
}

/// The gateway's end of a connection.
#[derive(Debug)]
enum End {
    Made(TcpStream),
    Taken(OwnedWriteHalf, AbortHandle),
}

impl SimNet {
    /// When something was last written to the connection that has this address at the gateway's end.
    pub(crate) fn written(&self, from: SocketAddr) -> Option<Duration> {
        self.0.lock().unwrap().written.get(&from).copied()
    }

    /// The process dies, as far as the network is concerned: see [`SimNet::dies`].
    pub(crate) fn kill(&self) {
        let mut lines = self.0.lock().unwrap();
        lines.dead = true;
        lines.death.notify_one();
    }

    /// The next process begins.
    pub(crate) fn revive(&self) {
        self.0.lock().unwrap().dead = false;
    }

    /// Waits to be killed; then closes all connections, the oldest first, without the gateway's noticing. It is to be
    /// taken away before long. Left to the drop of its tasks, they would close in an order that no seed decides.
    pub(crate) async fn dies(&self) {
        let death = self.0.lock().unwrap().death.clone();
        death.notified().await;
        let open = std::mem::take(&mut self.0.lock().unwrap().open);
        for end in open.values() {
            let end = end.lock().unwrap().take();
            if let Some(End::Taken(_, pump)) = &end {
                pump.abort();
            }
        }
    }

    fn line(&self, end: End) -> Line {
        let end = Arc::new(Mutex::new(Some(end)));
        let mut lines = self.0.lock().unwrap();
        lines.last += 1;
        let id = lines.last;
        lines.open.insert(id, end.clone());
        Line { net: self.clone(), id, end }
    }

    /// Never, once the process has died.
    async fn if_alive(&self) {
        if self.0.lock().unwrap().dead {
            std::future::pending().await
        }
    }
}

impl Net for SimNet {
    fn connect<'a>(&'a self, to: &'a Address) -> BoxFuture<'a, io::Result<Box<dyn Io>>> {
        Box::pin(async move {
            let Address::Socket(to) = to else { return Err(io::ErrorKind::Unsupported.into()) };
            self.if_alive().await;
            let stream = TcpStream::connect(*to).await?;
            self.if_alive().await;
            let from = stream.local_addr()?;
            Ok(Box::new(Made { line: self.line(End::Made(stream)), from }) as Box<dyn Io>)
        })
    }

    fn listen(&self, at: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Listener>>> {
        Box::pin(async move {
            let listener = TcpListener::bind(at).await?;
            Ok(Box::new(Listening { listener, net: self.clone() }) as Box<dyn Listener>)
        })
    }
}

/// A place among the open connections.
struct Line {
    net: SimNet,
    id: u64,
    end: Arc<Mutex<Option<End>>>,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.net.0.lock().unwrap().open.remove(&self.id);
    }
}

impl Line {
    /// Does something with the end; waits for ever where it was taken away.
    fn with<T>(&self, act: impl FnOnce(Pin<&mut (dyn AsyncWrite + Unpin)>) -> Poll<T>) -> Poll<T> {
        match &mut *self.end.lock().unwrap() {
            Some(End::Made(stream)) => act(Pin::new(stream as &mut (dyn AsyncWrite + Unpin))),
            Some(End::Taken(write, _)) => act(Pin::new(write as &mut (dyn AsyncWrite + Unpin))),
            None => Poll::Pending,
        }
    }
}

impl AsyncWrite for Line {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.with(|end| end.poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|end| end.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|end| end.poll_shutdown(cx))
    }
}

/// A connection that the gateway made.
struct Made {
    line: Line,
    from: SocketAddr,
}

impl AsyncRead for Made {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut *self.line.end.lock().unwrap() {
            Some(End::Made(stream)) => Pin::new(stream).poll_read(cx, buffer),
            _ => Poll::Pending,
        }
    }
}

impl AsyncWrite for Made {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let now = turmoil::sim_elapsed().unwrap_or_default();
        self.line.net.0.lock().unwrap().written.insert(self.from, now);
        Pin::new(&mut self.line).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.line).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.line).poll_shutdown(cx)
    }
}

struct Listening {
    listener: TcpListener,
    net: SimNet,
}

impl std::fmt::Debug for Listening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listening").finish_non_exhaustive()
    }
}

impl Listener for Listening {
    fn accept(&self) -> BoxFuture<'_, io::Result<(Box<dyn Accepted>, SocketAddr)>> {
        Box::pin(async {
            let (stream, from) = self.listener.accept().await?;
            self.net.if_alive().await;
            Ok((Box::new(Taken::new(stream, &self.net)) as Box<dyn Accepted>, from))
        })
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that the gateway accepted. What arrives is moved at once into a buffer such as an operating system
/// has, so that the end of the connection shows even behind bytes that nobody has read.
struct Taken {
    line: Line,
    inbox: Arc<Inbox>,
    pump: AbortHandle,
}

#[derive(Debug, Default)]
struct Inbox {
    state: Mutex<State>,
    /// Rung when the other side has closed. Those who wait are all of one task.
    closed: Notify,
}

#[derive(Debug, Default)]
struct State {
    bytes: BytesMut,
    closed: bool,
    reset: bool,
    reader: Option<Waker>,
}

impl Taken {
    fn new(stream: TcpStream, net: &SimNet) -> Self {
        let (read, write) = stream.into_split();
        let inbox = Arc::new(Inbox::default());
        let pump = tokio::spawn(pump(read, inbox.clone())).abort_handle();
        Self { line: net.line(End::Taken(write, pump.clone())), inbox, pump }
    }
}

async fn pump(mut read: OwnedReadHalf, inbox: Arc<Inbox>) {
    let mut chunk = [0; 4096];
    loop {
        let got = read.read(&mut chunk).await;
        let mut state = inbox.state.lock().unwrap();
        match got {
            Ok(count) if count > 0 => state.bytes.extend_from_slice(&chunk[..count]),
            ended => {
                (state.closed, state.reset) = (true, ended.is_err());
            }
        }
        if let Some(reader) = state.reader.take() {
            reader.wake();
        }
        if state.closed {
            inbox.closed.notify_waiters();
            return;
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.pump.abort();
    }
}

impl AsyncRead for Taken {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.inbox.state.lock().unwrap();
        if !state.bytes.is_empty() {
            let count = state.bytes.len().min(buffer.remaining());
            buffer.put_slice(&state.bytes[..count]);
            state.bytes.advance(count);
            return Poll::Ready(Ok(()));
        }
        match (state.closed, state.reset) {
            (_, true) => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            (true, false) => Poll::Ready(Ok(())),
            (false, false) => {
                state.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl AsyncWrite for Taken {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.line).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.line).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.line).poll_shutdown(cx)
    }
}

impl Accepted for Taken {
    fn peer(&self) -> Arc<dyn PeerWatch> {
        Arc::new(Left(self.inbox.clone()))
    }
}

#[derive(Debug)]
struct Left(Arc<Inbox>);

impl PeerWatch for Left {
    fn gone(self: Arc<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            loop {
                let closed = self.0.closed.notified();
                if self.0.state.lock().unwrap().closed {
                    return;
                }
                closed.await;
            }
        })
    }
}
