//! Connections that have had one answer each and then say nothing more, until the standard input ends.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{Failure, answer};

pub(crate) async fn run(address: SocketAddr, host: &str, count: usize) -> Result<(), Failure> {
    let request = answer::request("/100", host);
    let mut all = Vec::with_capacity(count);
    for _ in 0..count {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(&request).await?;
        let status = answer::status(&mut stream).await?;
        if status != 200 {
            return Err(format!("an answer is {status}").into());
        }
        all.push(stream);
    }
    println!("open {}", all.len());
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    Ok(())
}
