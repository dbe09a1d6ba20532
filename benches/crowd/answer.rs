//! One answer over HTTP/1.1, read to its end and no further.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// Answers of what is measured here are short, those of who refuses too.
const MOST: usize = 4096;

/// The status of the next answer.
pub(crate) async fn status(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<u16> {
    let mut buffer = [0; MOST];
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        filled += read;
        if let Some(status) = whole(&buffer[..filled]) {
            return Ok(status);
        }
    }
}

/// The status, once everything is there.
fn whole(answer: &[u8]) -> Option<u16> {
    let text = std::str::from_utf8(answer).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    if body.len() < length.unwrap_or(0) {
        return None;
    }
    head.get(9..12)?.parse().ok()
}

/// The request that is sent.
pub(crate) fn request(path: &str, host: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n").into_bytes()
}
