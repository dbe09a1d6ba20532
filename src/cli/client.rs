//! A client for the admin API: one connection a call, no more HTTP than that needs.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Failure;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Some ten thousand services.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// Calls one admin API.
#[derive(Clone)]
pub struct AdminClient {
    host: String,
    port: u16,
    authority: String,
    /// What the paths begin with, where something stands in front of the API.
    prefix: String,
    token: Option<HeaderValue>,
}

/// The part of a problem (RFC 9457) that is shown.
#[derive(Deserialize)]
struct Problem {
    detail: String,
}

impl AdminClient {
    /// A client for the API at this URL. Nothing is called yet.
    ///
    /// # Errors
    /// It is no `http` URL, or the token cannot stand in a header.
    pub fn new(url: &str, token: Option<String>) -> Result<Self, Failure> {
        let wrong = |what: &str| {
            Failure::usage(format!("the admin URL `{url}` {what}"))
                .hint("write it like http://127.0.0.1:9900 (--admin or WAKEGATE_ADMIN)")
        };
        let whole = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        let uri: Uri = whole.parse().map_err(|_| wrong("is not a URL"))?;
        if uri.scheme_str() != Some("http") {
            return Err(wrong("is not http: the admin API speaks plain HTTP, on an address of its own"));
        }
        let authority = uri.authority().ok_or_else(|| wrong("names no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("has a user name; the API takes a token"));
        }
        let token = token.map(|token| -> Result<_, Failure> {
            let mut value = HeaderValue::try_from(format!("Bearer {token}"))
                .map_err(|_| Failure::usage("the admin token has characters that no header may have"))?;
            value.set_sensitive(true);
            Ok(value)
        });
        Ok(Self {
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(80),
            authority: authority.as_str().to_owned(),
            prefix: uri.path().trim_end_matches('/').to_owned(),
            token: token.transpose()?,
        })
    }

    /// Calls the API, and returns the JSON of its answer; `null` where there is none.
    ///
    /// # Errors
    /// It cannot be reached, or says no: with its own words.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        let exchange = self.exchange(method, path, body);
        let (status, media_type, bytes) = timeout(CALL_TIMEOUT, exchange).await.map_err(|_| {
            Failure::other(format!("{self} did not answer within {}s", CALL_TIMEOUT.as_secs()))
        })??;
        if status.is_success() {
            if bytes.is_empty() {
                return Ok(Value::Null);
            }
            return serde_json::from_slice(&bytes).map_err(|_| self.not_us());
        }
        let problem: Option<Problem> =
            serde_json::from_slice(&bytes).ok().filter(|_| media_type == "application/problem+json");
        let Some(Problem { detail }) = problem else {
            return Err(self.not_us());
        };
        Err(match status {
            StatusCode::NOT_FOUND => Failure::usage(detail).hint("`wakegate status` shows which there are"),
            StatusCode::UNAUTHORIZED => {
                Failure::usage(detail).hint("give it with --token, WAKEGATE_ADMIN_TOKEN or --config")
            }
            _ => Failure::other(detail),
        })
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(StatusCode, String, Bytes), Failure> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.prefix))
            .header(HOST, &self.authority)
            .header(USER_AGENT, concat!("wakegate/", env!("CARGO_PKG_VERSION")))
            .header(ACCEPT, "application/json");
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token);
        }
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = request
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| Failure::usage(format!("cannot ask {self} for this: {error}")))?;

        let broke = |error: hyper::Error| Failure::other(format!("the call to {self} broke off: {error}"));
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(self.connect().await?)).await.map_err(broke)?;
        let exchange = async {
            let response = sender.send_request(request).await.map_err(broke)?;
            let (head, body) = response.into_parts();
            let bytes = Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| {
                if error.is::<LengthLimitError>() {
                    self.not_us()
                } else {
                    Failure::other(format!("the answer of {self} broke off: {error}"))
                }
            })?;
            let media_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
            Ok((head.status, media_type.unwrap_or_default().to_owned(), bytes.to_bytes()))
        };
        // The connection moves the bytes; what it has to say about errors, the exchange says too.
        let connection = async {
            drop(connection.await);
            std::future::pending().await
        };
        tokio::select! {
            biased;
            answer = exchange => answer,
            never = connection => never,
        }
    }

    async fn connect(&self) -> Result<TcpStream, Failure> {
        let connect = TcpStream::connect((self.host.as_str(), self.port));
        let why = match timeout(CONNECT_TIMEOUT, connect).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {}s", CONNECT_TIMEOUT.as_secs()),
        };
        Err(Failure::other(format!("no admin API can be reached at {self}: {why}")).hint(
            "is `wakegate serve` running, with an `admin` section? Say where with --admin URL, WAKEGATE_ADMIN or --config",
        ))
    }

    fn not_us(&self) -> Failure {
        Failure::other(format!("what answers at {self} is not a Wakegate admin API"))
            .hint("say where it is with --admin URL, WAKEGATE_ADMIN or --config")
    }
}

impl fmt::Display for AdminClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.prefix)
    }
}

impl fmt::Debug for AdminClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminClient").field("url", &self.to_string()).finish_non_exhaustive()
    }
}

/// The path of one service, with `what` to do with it.
pub(super) fn service_path(name: &str, what: &str) -> String {
    let mut path = "/api/services/".to_owned();
    for byte in name.bytes() {
        // RFC 3986 section 2.3: these need no encoding.
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("%{byte:02X}"));
        }
    }
    path.push_str(what);
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_that_cannot_be_called_are_wrong_use() {
        for url in ["", "https://127.0.0.1:9900", "http://", "http://a b", "http://me@host", "unix:///x"] {
            let failure = AdminClient::new(url, None).unwrap_err();
            assert_eq!(failure.exit_code(), std::process::ExitCode::from(64), "{url}");
        }
        assert!(AdminClient::new("http://[::1]:9900/", Some("a\nb".into())).is_err());
    }

    #[test]
    fn the_token_is_not_shown() {
        let client = AdminClient::new("http://127.0.0.1:9900", Some("s3cret".into())).unwrap();
        assert!(!format!("{client:?} {client}").contains("s3cret"));
    }

    #[test]
    fn names_are_encoded_in_paths() {
        assert_eq!(service_path("web-1", "/wake"), "/api/services/web-1/wake");
        assert_eq!(service_path("a/b é", ""), "/api/services/a%2Fb%20%C3%A9");
    }

    /// Answers one call with these bytes, and returns what was sent with the head of the request.
    async fn answering(answer: &str) -> (AdminClient, tokio::task::JoinHandle<String>) {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = tokio::net::TcpListener::bind(crate::net::ANY_LOOPBACK).await.unwrap();
        let url = format!("http://{}/behind/", listener.local_addr().unwrap());
        let answer = answer.to_owned();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0, "the whole head");
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8(request).unwrap()
        });
        (AdminClient::new(&url, Some("s3cret".into())).unwrap(), server)
    }

    async fn failure(answer: &str) -> String {
        let (client, _server) = answering(answer).await;
        client.call(Method::GET, "/api/services", None).await.unwrap_err().to_string()
    }

    #[tokio::test]
    async fn a_call_shows_the_token_and_returns_the_json() {
        let (client, server) = answering("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{\"a\": 1}\n").await;
        let answer = client.call(Method::GET, "/api/services", None).await.unwrap();
        assert_eq!(answer["a"], 1);
        let request = server.await.unwrap();
        assert!(request.starts_with("GET /behind/api/services HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("authorization: Bearer s3cret\r\n"), "{request}");
    }

    #[tokio::test]
    async fn what_the_api_says_is_what_the_person_reads() {
        let problem = r#"{"title":"Conflict","status":409,"detail":"a lease keeps it awake"}"#;
        let answer = format!(
            "HTTP/1.1 409 Conflict\r\ncontent-type: application/problem+json\r\nconnection: close\r\n\r\n{problem}"
        );
        assert_eq!(failure(&answer).await, "a lease keeps it awake");
    }

    #[tokio::test]
    async fn something_else_at_the_address_is_told_apart() {
        let page = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n<!doctype html>";
        assert!(failure(page).await.contains("not a Wakegate admin API"));
        let error = "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 4\r\n\r\noops";
        assert!(failure(error).await.contains("not a Wakegate admin API"));
        assert!(failure("").await.contains("broke off"));
        assert!(failure("SSH-2.0-OpenSSH_9.2\r\n").await.contains("broke off"));
    }

    #[tokio::test]
    async fn nothing_at_the_address_is_told_with_the_address() {
        let listener = tokio::net::TcpListener::bind(crate::net::ANY_LOOPBACK).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let client = AdminClient::new(&url, None).unwrap();
        let failure = client.call(Method::GET, "/api/services", None).await.unwrap_err();
        assert!(failure.to_string().contains(&url), "{failure}");
        assert!(failure.to_string().contains("is `wakegate serve` running"), "{failure}");
    }
}
