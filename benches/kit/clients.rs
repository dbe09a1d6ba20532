//! Many connections at once, as several benches need them.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpStream;

/// That many connections. One after the other, for so many at once would overrun the system's queue.
pub(crate) async fn connect(address: SocketAddr, count: usize) -> io::Result<Vec<TcpStream>> {
    let mut all = Vec::with_capacity(count);
    for _ in 0..count {
        all.push(TcpStream::connect(address).await?);
    }
    Ok(all)
}
