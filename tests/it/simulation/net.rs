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
use tokio::task::JoinHandle;
use turmoil::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use turmoil::net::{TcpListener, TcpStream};
use wakegate::model::Address;
use wakegate::net::{Accepted, BoxFuture, Io, Listener, Net, PeerWatch};

/// turmoil's network; keeps in mind when the gateway last wrote to each connection that it made.
#[derive(Clone, Debug, Default)]
pub(crate) struct SimNet {
    written: Arc<Mutex<BTreeMap<SocketAddr, Duration>>>,
}

impl SimNet {
    /// When something was last written to the connection that has this address at the gateway's end.
    pub(crate) fn written(&self, from: SocketAddr) -> Option<Duration> {
        self.written.lock().unwrap().get(&from).copied()
    }
}

impl Net for SimNet {
    fn connect<'a>(&'a self, to: &'a Address) -> BoxFuture<'a, io::Result<Box<dyn Io>>> {
        Box::pin(async move {
            let Address::Socket(to) = to else { return Err(io::ErrorKind::Unsupported.into()) };
            let stream = TcpStream::connect(*to).await?;
            let from = stream.local_addr()?;
            Ok(Box::new(Made { stream, from, net: self.clone() }) as Box<dyn Io>)
        })
    }

    fn listen(&self, at: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Listener>>> {
        Box::pin(async move { Ok(Box::new(Listening(TcpListener::bind(at).await?)) as Box<dyn Listener>) })
    }
}

/// A connection that the gateway made.
struct Made {
    stream: TcpStream,
    from: SocketAddr,
    net: SimNet,
}

impl AsyncRead for Made {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Made {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let now = turmoil::sim_elapsed().unwrap_or_default();
        self.net.written.lock().unwrap().insert(self.from, now);
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

struct Listening(TcpListener);

impl std::fmt::Debug for Listening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listening").finish_non_exhaustive()
    }
}

impl Listener for Listening {
    fn accept(&self) -> BoxFuture<'_, io::Result<(Box<dyn Accepted>, SocketAddr)>> {
        Box::pin(async {
            let (stream, from) = self.0.accept().await?;
            Ok((Box::new(Taken::new(stream)) as Box<dyn Accepted>, from))
        })
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// A connection that the gateway accepted. What arrives is moved at once into a buffer such as an operating system
/// has, so that the end of the connection shows even behind bytes that nobody has read.
struct Taken {
    write: OwnedWriteHalf,
    inbox: Arc<Inbox>,
    pump: JoinHandle<()>,
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
    fn new(stream: TcpStream) -> Self {
        let (read, write) = stream.into_split();
        let inbox = Arc::new(Inbox::default());
        let pump = tokio::spawn(pump(read, inbox.clone()));
        Self { write, inbox, pump }
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
        Pin::new(&mut self.write).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.write).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.write).poll_shutdown(cx)
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
    fn gone(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
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
