//! WebSockets, over HTTP/1.1 (RFC 6455) and HTTP/2 (RFC 8441) on either side. Every other upgrade is left out of
//! the request, and so declined.

use std::sync::Arc;

use http::header::{
    CONNECTION, CONTENT_LENGTH, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::ext::Protocol as ConnectProtocol;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional_with_sizes;

use super::ProxyBody;
use super::check::is_extended_connect;
use super::handshake;
use super::headers::{has_token, strip_response};
use super::pool::{Lease, Reply};
use super::sending::SendBody;
use super::survey::Survey;
use crate::answer::Problem;
use crate::gate::Pass;
use crate::model::Protocol;
use crate::peer::InUse;

/// What a tunnel reads at once, each way. Small reads cost: with 8 KiB a byte is three times as dear.
const TUNNEL_BUFFER: usize = 64 * 1024;

const WEBSOCKET: &str = "websocket";

/// A client that asks for a WebSocket.
pub(super) struct Opening {
    client: OnUpgrade,
    front: Front,
    /// The key that the target is asked with, or the client's own where the target takes none.
    key: HeaderValue,
    /// The client's connection stays in use until the tunnel has ended.
    in_use: Option<InUse>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Front {
    Http1,
    Http2,
}

impl Opening {
    /// Whether this request asks for a WebSocket, in good form.
    pub(super) fn of<B: http_body::Body>(request: &mut Request<B>) -> Option<Self> {
        let (front, key) = if *request.method() == Method::CONNECT {
            is_extended_connect(request).then(|| (Front::Http2, handshake::new_key()))?
        } else {
            (Front::Http1, asked_in_http1(request)?)
        };
        let in_use = request.extensions_mut().remove();
        Some(Self { client: hyper::upgrade::on(request), front, key, in_use })
    }

    /// Turns the client's request, already without what concerns one hop, into the target's.
    pub(super) fn prepare(&self, request: &mut Request<SendBody>, behind: Protocol) {
        let headers = request.headers_mut();
        headers.remove(CONTENT_LENGTH);
        if !headers.contains_key(SEC_WEBSOCKET_VERSION) {
            headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        match behind {
            Protocol::Http1 => {
                headers.insert(SEC_WEBSOCKET_KEY, self.key.clone());
                ask_in_http1(headers);
                *request.method_mut() = Method::GET;
            }
            Protocol::H2 => {
                headers.remove(SEC_WEBSOCKET_KEY);
                *request.method_mut() = Method::CONNECT;
                request.extensions_mut().insert(ConnectProtocol::from_static(WEBSOCKET));
            }
        }
        *request.body_mut() = SendBody::Empty;
    }

    /// The answer to the client. Where the target agreed, the tunnel lives from here on, and with it the passes.
    pub(super) fn answer(
        self,
        reply: Reply,
        behind: Protocol,
        passes: (Arc<Pass>, Option<Pass>),
    ) -> Result<Response<ProxyBody>, Problem> {
        let Reply { mut response, lease } = reply;
        let agreed = match behind {
            Protocol::Http1 => response.status() == StatusCode::SWITCHING_PROTOCOLS,
            Protocol::H2 => response.status().is_success(),
        };
        if !agreed {
            // To CONNECT, a success would say that the tunnel stands.
            if self.front == Front::Http2 && response.status().is_success() {
                return Err(NOT_SWITCHED);
            }
            return Ok(declined(response, lease, passes.1));
        }
        let accept = handshake::accept(&self.key);
        if behind == Protocol::Http1 && !is_agreement(response.headers(), &accept) {
            return Err(NOT_SWITCHED);
        }
        let target = hyper::upgrade::on(&mut response);
        let (mut head, _) = response.into_parts();
        let seen = Survey::of(&head.headers);
        strip_response(&mut head.headers, seen);
        head.headers.remove(CONTENT_LENGTH);
        head.headers.remove(SEC_WEBSOCKET_ACCEPT);
        let mut answer = Response::new(ProxyBody::empty());
        match self.front {
            Front::Http1 => {
                *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
                ask_in_http1(&mut head.headers);
                head.headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
            }
            Front::Http2 => *answer.version_mut() = Version::HTTP_2,
        }
        *answer.headers_mut() = head.headers;
        tokio::spawn(tunnel(self.client, target, lease, (passes, self.in_use)));
        Ok(answer)
    }
}

/// The key of a whole handshake. Whatever else says `Upgrade` is an ordinary request that had better not.
fn asked_in_http1<B: http_body::Body>(request: &Request<B>) -> Option<HeaderValue> {
    let asked =
        handshake::is_asked(request) && handshake::check(request).is_ok() && request.body().is_end_stream();
    if asked { request.headers().get(SEC_WEBSOCKET_KEY).cloned() } else { None }
}

fn ask_in_http1(headers: &mut HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static(WEBSOCKET));
}

fn is_agreement(headers: &HeaderMap, accept: &HeaderValue) -> bool {
    has_token(headers, &UPGRADE, WEBSOCKET) && headers.get(SEC_WEBSOCKET_ACCEPT) == Some(accept)
}

fn declined(mut response: Response<Incoming>, lease: Lease, pass: Option<Pass>) -> Response<ProxyBody> {
    let seen = Survey::of(response.headers());
    strip_response(response.headers_mut(), seen);
    *response.version_mut() = Version::HTTP_11;
    response.map(|body| ProxyBody::upstream(body, Some(lease), pass))
}

/// Copies both ways until both sides have closed. One side's end is passed on while the other goes on. `kept` is what must
/// live as long.
async fn tunnel<K>(client: OnUpgrade, target: OnUpgrade, lease: Lease, kept: K) {
    let (client, target) = match tokio::try_join!(client, target) {
        Ok(both) => both,
        Err(error) => {
            tracing::debug!(%error, "a WebSocket was not opened after all");
            return;
        }
    };
    let (mut client, mut target) = (TokioIo::new(client), TokioIo::new(target));
    if let Err(error) =
        copy_bidirectional_with_sizes(&mut client, &mut target, TUNNEL_BUFFER, TUNNEL_BUFFER).await
    {
        tracing::debug!(%error, "a WebSocket broke off");
    }
    drop((client, target, lease));
    drop(kept);
}

const NOT_SWITCHED: Problem = Problem::bad_gateway("The service did not open the WebSocket.");

#[cfg(test)]
mod tests {
    use http_body_util::{Empty, Full};

    use super::*;

    fn asking() -> http::request::Builder {
        Request::builder()
            .header(CONNECTION, "keep-alive, Upgrade")
            .header(UPGRADE, "WebSocket")
            .header(SEC_WEBSOCKET_VERSION, "13")
            .header(SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ==")
    }

    fn is_asked(request: http::request::Builder) -> bool {
        asked_in_http1(&request.body(Empty::<bytes::Bytes>::new()).unwrap()).is_some()
    }

    #[test]
    fn only_a_whole_handshake_asks_for_a_websocket() {
        assert!(is_asked(asking()));
        assert!(!is_asked(asking().method("POST")));
        assert!(!is_asked(asking().header(CONTENT_LENGTH, "2")));
        assert!(!is_asked(asking().version(Version::HTTP_10)));
        assert!(!is_asked(Request::builder().header(UPGRADE, "websocket")));
        assert!(!is_asked(Request::builder().header(UPGRADE, "h2c").header(CONNECTION, "upgrade")));
        let with_body = asking().body(Full::<bytes::Bytes>::from("x")).unwrap();
        assert!(asked_in_http1(&with_body).is_none());
    }
}
