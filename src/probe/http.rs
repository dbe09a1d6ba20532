use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use tokio::task::JoinHandle;
use tokio::time;

use super::ProbeError;
use super::io::HyperIo;
use crate::model::{Address, HttpCheck, Protocol};
use crate::net::Net;

const USER_AGENT: &str = concat!("wakegate-probe/", env!("CARGO_PKG_VERSION"));
/// How much of an answer's body is read, and for how long, before the connection is closed over it.
const READ_AT_MOST: usize = 64 * 1024;
const READ_FOR: Duration = Duration::from_secs(1);

/// One `GET` on a connection of its own: a check that shares a kept one would not notice that nobody listens.
pub(super) async fn check(
    net: &dyn Net,
    check: &HttpCheck,
    protocol: Protocol,
    address: &Address,
) -> Result<(), ProbeError> {
    let host = check.host.clone().unwrap_or_else(|| address.to_string());
    let io = HyperIo(net.connect(address).await.map_err(ProbeError::Connect)?);
    let (response, connection) = match protocol {
        Protocol::Http1 => http1_get(io, &host, &check.path).await?,
        #[cfg(feature = "server")]
        Protocol::H2 => h2::get(io, &host, &check.path).await?,
        #[cfg(not(feature = "server"))]
        Protocol::H2 => return Err(ProbeError::Unsupported("health checks over HTTP/2")),
    };
    let status = response.status().as_u16();
    // The head is all there is to know. The rest is read for the server's sake, which might log a broken pipe.
    drop(tokio::spawn(read_away(response.into_body(), connection)));
    let accepted = check.status.iter().any(|(from, to)| (*from..=*to).contains(&status));
    if accepted { Ok(()) } else { Err(ProbeError::Status(status)) }
}

async fn http1_get(
    io: HyperIo,
    host: &str,
    path: &str,
) -> Result<(Response<Incoming>, Connection), ProbeError> {
    let request = Request::get(path)
        .header(header::HOST, host)
        .header(header::USER_AGENT, USER_AGENT)
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(ProbeError::Request)?;
    let (mut sender, connection) = http1::handshake(io).await.map_err(ProbeError::Http)?;
    // Its errors come out at the sender's end as well.
    let connection = Connection(tokio::spawn(async move { drop(connection.await) }));
    let response = sender.send_request(request).await.map_err(ProbeError::Http)?;
    Ok((response, connection))
}

/// HTTP/2 with prior knowledge (RFC 9113 section 3.3).
#[cfg(feature = "server")]
mod h2 {
    use http::Uri;
    use hyper::client::conn::http2;

    use super::*;

    /// Runs the parts of a connection as tasks.
    #[derive(Clone)]
    struct Tasks;

    impl<F: Future<Output: Send> + Send + 'static> hyper::rt::Executor<F> for Tasks {
        fn execute(&self, part: F) {
            drop(tokio::spawn(part));
        }
    }

    pub(super) async fn get(
        io: HyperIo,
        host: &str,
        path: &str,
    ) -> Result<(Response<Incoming>, Connection), ProbeError> {
        let uri = Uri::builder().scheme("http").authority(host).path_and_query(path).build();
        let request = Request::get(uri.map_err(ProbeError::Request)?)
            .version(http::Version::HTTP_2)
            .header(header::USER_AGENT, USER_AGENT)
            .body(Empty::<Bytes>::new())
            .map_err(ProbeError::Request)?;
        let (mut sender, connection) = http2::handshake(Tasks, io).await.map_err(ProbeError::Http)?;
        let connection = Connection(tokio::spawn(async move { drop(connection.await) }));
        let response = sender.send_request(request).await.map_err(ProbeError::Http)?;
        Ok((response, connection))
    }
}

/// The task that drives a connection; it ends with its owner.
struct Connection(JoinHandle<()>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn read_away(mut body: Incoming, connection: Connection) {
    let read = async {
        let mut left = READ_AT_MOST;
        while let Some(Ok(frame)) = body.frame().await {
            match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
                Some(less) => left = less,
                None => return,
            }
        }
    };
    drop(time::timeout(READ_FOR, read).await);
    drop(connection);
}
