//! An origin that answers `/held` once it is told to and everything else at once, or does not even listen until then.

use std::cell::Cell;
use std::io;
use std::net::Ipv4Addr;
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::time::Instant;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const BACKLOG: u32 = 4096;

/// What the origin knows and is told.
pub(crate) struct Origin {
    /// Requests that wait here.
    pub(crate) held: Cell<usize>,
    /// When a health check was first answered.
    pub(crate) healthy: Cell<Option<Instant>>,
    pub(crate) open: watch::Sender<bool>,
}

impl Origin {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self { held: Cell::new(0), healthy: Cell::new(None), open: watch::Sender::new(false) })
    }

    async fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        let mut buffer = [0; 2048];
        let mut filled = 0;
        loop {
            let read = stream.read(&mut buffer[filled..]).await?;
            if read == 0 {
                return Ok(());
            }
            filled += read;
            if !buffer[..filled].ends_with(b"\r\n\r\n") {
                continue;
            }
            if buffer.starts_with(b"GET /held ") {
                self.held.set(self.held.get() + 1);
                // It ends with the program, not before.
                self.open.subscribe().wait_for(|open| *open).await.ok();
            } else if buffer.starts_with(b"GET /healthz ") {
                self.healthy.set(self.healthy.get().or(Some(Instant::now())));
            }
            stream.write_all(ANSWER).await?;
            filled = 0;
        }
    }
}

/// A port that is taken, and refuses connections until somebody listens on it.
pub(crate) fn taken(port: u16) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind((Ipv4Addr::LOCALHOST, port).into())?;
    Ok(socket)
}

/// Serves on this port from now on. Needs a `LocalSet`.
pub(crate) fn listen(origin: &Rc<Origin>, socket: TcpSocket) -> io::Result<()> {
    let listener = socket.listen(BACKLOG)?;
    let origin = origin.clone();
    tokio::task::spawn_local(accept(origin, listener));
    Ok(())
}

async fn accept(origin: Rc<Origin>, listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        // What is sent is small, and nothing follows it that it could wait for.
        stream.set_nodelay(true).ok();
        let origin = origin.clone();
        // Connections that a proxy breaks off are no concern of the origin's.
        tokio::task::spawn_local(async move { origin.serve(stream).await.ok() });
    }
}
