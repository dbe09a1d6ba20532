//! What a request says of its way here, and what the service is told about it.

mod identity;

use bytes::Bytes;
use http::header::{FORWARDED, HOST, HeaderName};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue};

pub(super) use identity::is_told;

use super::headers::{strip_if, strip_listed};
use super::survey::Survey;
use crate::peer::{self, Client, Peer, Scheme};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// How many fields a request is given on its way in: these six and those of the trace.
const GIVEN: usize = 8;

/// Puts in order what a request that has just arrived says of its way here: what `Connection` lists goes, and so does
/// what the client says about who it is or who came before it, where it is not trusted; then ours is set. The routes and
/// their header changes come after this, so that a client can neither forge what they look at nor undo what they set.
///
/// Returns the client, where a trusted peer tells of one.
pub(super) fn arrive(headers: &mut HeaderMap, seen: Survey, peer: Option<&Peer>) -> Option<Client> {
    if seen.has(Survey::CONNECTION) {
        strip_listed(headers);
    }
    let client = peer.and_then(|peer| peer.client(headers));
    if seen.has(Survey::TOLD) {
        let all = client.is_none();
        strip_if(headers, |name| (all || name.contains('_')) && is_told(name));
    }
    if let Some(peer) = peer {
        // Too many for a map were refused before.
        headers.try_reserve(GIVEN).ok();
        set_forwarded(headers, peer, client);
    }
    client
}

/// Tells the service who the client is, and what it asked for. What a trusted peer tells is kept and added to.
fn set_forwarded(headers: &mut HeaderMap, peer: &Peer, client: Option<Client>) {
    let asked = headers.get(HOST).cloned().unwrap_or_else(|| HeaderValue::from_static(""));
    let Some(client) = client else {
        headers.insert(X_REAL_IP, peer.ip().clone());
        headers.insert(X_FORWARDED_FOR, peer.ip().clone());
        headers.insert(FORWARDED, value(element(&peer.node(), &asked, peer.scheme())));
        headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(peer.scheme().as_str()));
        headers.insert(X_FORWARDED_PORT, port(&asked, peer.scheme()));
        headers.insert(X_FORWARDED_HOST, asked);
        return;
    };

    let host = single(headers, &X_FORWARDED_HOST, is_authority).unwrap_or_else(|| asked.clone());
    let told_port = single(headers, &X_FORWARDED_PORT, is_port);
    let told_port = told_port.unwrap_or_else(|| port(&host, client.scheme));
    headers.insert(X_REAL_IP, peer::ip_value(client.address));
    let element = element(&peer.node(), &asked, peer.scheme());
    if headers.contains_key(&X_FORWARDED_FOR) || !headers.contains_key(FORWARDED) {
        // What a `Forwarded` beside it says nobody vouches for. The trusted peer's element is made for it.
        let is_peer = client.address == peer.address().ip().to_canonical();
        let hops = if is_peer { element } else { format!("{}, {element}", told(client, &host)) };
        headers.insert(FORWARDED, value(hops));
    } else {
        headers.insert(X_FORWARDED_FOR, peer::ip_value(client.address));
        append(headers, FORWARDED, &value(element));
    }
    append(headers, X_FORWARDED_FOR, peer.ip());
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(client.scheme.as_str()));
    headers.insert(X_FORWARDED_PORT, told_port);
    headers.insert(X_FORWARDED_HOST, host);
}

/// The value of a field that is there once and is as it should be.
fn single(headers: &HeaderMap, name: &HeaderName, is: fn(&str) -> bool) -> Option<HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    (values.next().is_none() && value.to_str().is_ok_and(is)).then(|| value.clone())
}

fn is_authority(text: &str) -> bool {
    !text.contains(['@', '"', '\\']) && text.parse::<Authority>().is_ok()
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0)
}

/// Adds a member to a list-valued field, keeping the list in one line.
fn append(headers: &mut HeaderMap, name: HeaderName, value: &HeaderValue) {
    let mut list = Vec::new();
    for member in headers.get_all(&name).iter().chain([value]) {
        if !list.is_empty() {
            list.extend_from_slice(b", ");
        }
        list.extend_from_slice(member.as_bytes());
    }
    if let Ok(list) = HeaderValue::from_maybe_shared(Bytes::from(list)) {
        headers.insert(name, list);
    }
}

/// The port that the client used, as far as it says: the gateway's own may be another.
fn port(host: &HeaderValue, scheme: Scheme) -> HeaderValue {
    let host = host.as_bytes();
    // In `[::1]` the last colon is no port's.
    let given = memchr::memrchr(b':', host).and_then(|colon| std::str::from_utf8(&host[colon + 1..]).ok());
    match given.and_then(|port| port.parse::<u16>().ok()).unwrap_or_else(|| scheme.default_port()) {
        80 => HeaderValue::from_static("80"),
        443 => HeaderValue::from_static("443"),
        other => HeaderValue::from(other),
    }
}

fn told(client: Client, host: &HeaderValue) -> String {
    element(&peer::node(client.address), host, client.scheme)
}

/// One element of `Forwarded` (RFC 7239 section 4).
fn element(node: &str, host: &HeaderValue, scheme: Scheme) -> String {
    let mut element = String::with_capacity(node.len() + host.len() + 24);
    element.push_str("for=");
    element.push_str(node);
    if let Ok(host) = host.to_str()
        && !host.is_empty()
    {
        // A colon or bracket is no character of a token.
        let quote = if memchr::memchr2(b':', b'[', host.as_bytes()).is_some() { "\"" } else { "" };
        for part in [";host=", quote, host, quote] {
            element.push_str(part);
        }
    }
    element.push_str(";proto=");
    element.push_str(scheme.as_str());
    element
}

fn value(element: String) -> HeaderValue {
    HeaderValue::from_maybe_shared(Bytes::from(element))
        .unwrap_or_else(|_| HeaderValue::from_static("for=unknown"))
}

#[cfg(test)]
mod tests;
