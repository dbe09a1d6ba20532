//! A way to see that the client of an accepted TCP connection has gone.
//!
//! hyper watches for a client that leaves while it waits for an answer, but only once it has read all of the
//! request. Held requests keep their body unread, so somebody else has to look: at the socket's readiness, without reading
//! a byte.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::Interest;
use tokio::net::TcpStream;

use super::socket::{Socket, Tcp};
use super::{Accepted, BoxFuture, PeerWatch};

/// How often to look where the system has no event of its own for "the peer has closed".
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// An event that comes when the peer closes, and not when it sends data. Waiting for urgent data does: tokio counts
/// a closed read side with it, and HTTP never has any.
#[cfg(any(target_os = "linux", target_os = "android"))]
const CLOSING: Interest = Interest::PRIORITY;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const CLOSING: Interest = Interest::READABLE;

/// A connection that has come in, and that is watched as well.
pub(super) fn accepted(stream: TcpStream) -> Box<dyn Accepted> {
    Box::new(Tcp(Arc::new(Socket::new(stream))))
}

impl Accepted for Tcp<Arc<Socket>> {
    fn peer(&self) -> Arc<dyn PeerWatch> {
        self.0.clone()
    }
}

impl PeerWatch for Socket {
    fn gone(self: Arc<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            while let Ok(ready) = self.stream.ready(CLOSING).await {
                if ready.is_read_closed() {
                    return;
                }
                // In a box, for it is rare: each request that is held has one of these.
                Box::pin(tokio::time::sleep(LOOK_INTERVAL)).await;
            }
        })
    }
}
