use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Empty, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::{TcpListener, TcpStream};
use tokio::time;

use super::say;

/// How long one program of the demo waits for another.
const PATIENCE: Duration = Duration::from_secs(5);
/// More than any of their answers.
const LARGEST: usize = 64 * 1024;

/// What all of the demo's programs answer with.
pub(super) type Answer = Response<Full<Bytes>>;

/// Listens on the loopback address and answers every request, for good.
pub(super) async fn serve<F>(
    port: u16,
    answer: impl Fn(Method, String) -> F + Clone + Send + 'static,
) -> io::Result<()>
where
    F: Future<Output = Answer> + Send + 'static,
{
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    say(format_args!("listening on {}", listener.local_addr()?));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Too many open files, most likely; there will be fewer.
            time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let answer = answer.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let answered = answer(request.method().clone(), request.uri().path().to_owned());
            async { Ok::<_, std::convert::Infallible>(answered.await) }
        });
        let connection =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        // A client that goes away is no news.
        drop(tokio::spawn(async move { drop(connection.await) }));
    }
}

/// An answer of plain text.
pub(super) fn text(status: StatusCode, text: &'static str) -> Answer {
    answer(status, "text/plain; charset=utf-8", text.into())
}

/// An answer in HTML.
pub(super) fn html(status: StatusCode, page: String) -> Answer {
    answer(status, "text/html; charset=utf-8", page.into())
}

/// An answer in JSON.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Answer {
    match serde_json::to_vec(value) {
        Ok(body) => answer(status, "application/json", body.into()),
        Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, "no JSON\n"),
    }
}

fn answer(status: StatusCode, kind: &'static str, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    answer.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    answer
}

/// Asks another program of the demo, and reads its JSON.
pub(super) async fn ask<T: DeserializeOwned>(
    method: Method,
    address: SocketAddr,
    path: &str,
) -> Result<T, AskError> {
    let ask = async {
        let stream = TokioIo::new(TcpStream::connect(address).await?);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
        drop(tokio::spawn(connection));
        let request = Request::builder().method(method).uri(path).header(header::HOST, address.to_string());
        let response = sender.send_request(request.body(Empty::<Bytes>::new())?).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), LARGEST).collect().await?.to_bytes();
        if !status.is_success() {
            return Err(format!("{address} answered with {status}").into());
        }
        Ok(serde_json::from_slice(&body)?)
    };
    let result: Result<Result<T, Box<dyn std::error::Error + Send + Sync>>, _> =
        time::timeout(PATIENCE, ask).await;
    result
        .map_err(|_| AskError(format!("{address} did not answer within {PATIENCE:?}")))?
        .map_err(|error| AskError(error.to_string()))
}

/// Why another program of the demo gave no answer, in words.
#[derive(Debug)]
pub(super) struct AskError(String);

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
