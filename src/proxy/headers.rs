//! What happens to header fields on their way through.
//!
//! The order matters: what concerns one hop alone goes first, along with what `Connection` lists, and ours is set
//! afterwards. The other way round, a client could have our own fields taken out by listing them.

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, COOKIE, FORWARDED, HOST, HeaderName, TE, UPGRADE,
};
use http::{HeaderMap, HeaderValue};

use crate::peer::{Peer, Scheme};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");

/// Puts in order what a request that has just arrived says of its way here: what `Connection` lists goes, and so does
/// what the client says about who came before it, where it is not trusted; then ours is set. The routes and their
/// header changes come after this, so that a client can neither forge what they look at nor undo what they set.
pub(super) fn arrive(headers: &mut HeaderMap, peer: Option<&Peer>) {
    let trusted = peer.is_some_and(crate::peer::trusts);
    strip_listed(headers);
    if !trusted {
        strip_if(headers, tells_of_client);
    }
    if let Some(peer) = peer {
        set_forwarded(headers, peer, trusted);
    }
}

/// Takes out of a request what is for this hop alone. What `Connection` lists went when it arrived.
///
/// `Proxy` goes too: no standard has it, and programs that are run as CGI are run take it for the variable
/// `HTTP_PROXY`, by which a client would lead their own requests wherever it likes.
pub(super) fn strip_request(headers: &mut HeaderMap) {
    strip_if(headers, |name| is_hop_by_hop(name) || matches!(name, "expect" | "proxy"));
}

/// Takes out of a response what is not for the next hop.
pub(super) fn strip_response(headers: &mut HeaderMap) {
    strip_listed(headers);
    strip_if(headers, is_hop_by_hop);
}

/// RFC 9110 section 7.6.1, and the fields of older usage that it names.
pub(super) fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "te"
            | "transfer-encoding"
            | "upgrade"
            | "http2-settings"
    )
}

/// Fields that applications believe about the client, in every spelling that a CGI-like server takes for the
/// same: there `_` and `-` are one.
pub(super) fn tells_of_client(name: &str) -> bool {
    match name.as_bytes().first() {
        Some(b'f') => name == "forwarded",
        Some(b'x') => {
            let rest = name.as_bytes().get(1..).unwrap_or_default();
            let same = |what: &[u8]| {
                rest.len() >= what.len()
                    && rest.iter().zip(what).all(|(&is, &want)| is == want || (is == b'_' && want == b'-'))
            };
            same(b"-forwarded-") || (same(b"-real-ip") && rest.len() == b"-real-ip".len())
        }
        _ => false,
    }
}

/// Few of a message's fields go, mostly none or one: looking again after each is cheaper than a list of them.
pub(super) fn strip_if(headers: &mut HeaderMap, goes: impl Fn(&str) -> bool) {
    while let Some(name) = headers.keys().find(|name| goes(name.as_str())).cloned() {
        headers.remove(name);
    }
}

/// Takes out what `Connection` lists. Fields that it can never mean stay: without them the message would become
/// another one.
fn strip_listed(headers: &mut HeaderMap) {
    let lists_more = |value: &&HeaderValue| {
        !matches!(value.as_bytes(), b"keep-alive" | b"Keep-Alive" | b"close" | b"Upgrade" | b"upgrade")
    };
    let lists: Vec<_> = headers.get_all(CONNECTION).iter().filter(lists_more).cloned().collect();
    for token in lists.iter().flat_map(tokens) {
        match HeaderName::from_bytes(token) {
            // The last two are for this hop, which still has to look at them.
            Ok(HOST | CONTENT_LENGTH | CACHE_CONTROL | TE | UPGRADE) | Err(_) => {}
            Ok(name) => drop(headers.remove(name)),
        }
    }
}

/// The members of a comma-separated list.
pub(super) fn tokens(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    value.as_bytes().split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|token| !token.is_empty())
}

/// Whether a list-valued field has this member, in any case.
pub(super) fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers.get_all(name).iter().flat_map(tokens).any(|member| member.eq_ignore_ascii_case(token.as_bytes()))
}

/// Whether the client takes trailers.
pub(super) fn takes_trailers(headers: &HeaderMap) -> bool {
    has_token(headers, &TE, "trailers")
}

/// Cookies may be several fields in HTTP/2, and must be one in HTTP/1.1 (RFC 9113 section 8.2.3).
pub(super) fn join_cookies(headers: &mut HeaderMap) {
    let mut cookies = headers.get_all(COOKIE).iter();
    if let (Some(first), Some(_)) = (cookies.next(), cookies.next()) {
        let mut joined = first.as_bytes().to_vec();
        for cookie in headers.get_all(COOKIE).iter().skip(1) {
            joined.extend_from_slice(b"; ");
            joined.extend_from_slice(cookie.as_bytes());
        }
        if let Ok(joined) = HeaderValue::from_maybe_shared(Bytes::from(joined)) {
            headers.insert(COOKIE, joined);
        }
    }
}

/// Tells the service who the client is, and what it asked for. A trusted peer's own words are kept and added to.
fn set_forwarded(headers: &mut HeaderMap, peer: &Peer, trusted: bool) {
    let host = headers.get(HOST).cloned().unwrap_or_else(|| HeaderValue::from_static(""));
    let port = port(&host, peer.scheme());
    append(headers, X_FORWARDED_FOR, peer.ip().clone());
    append(headers, FORWARDED, forwarded(peer, &host));
    for (name, value) in [
        (X_FORWARDED_PROTO, HeaderValue::from_static(peer.scheme().as_str())),
        (X_FORWARDED_HOST, host),
        (X_FORWARDED_PORT, port),
    ] {
        if !(trusted && headers.contains_key(&name)) {
            headers.insert(name, value);
        }
    }
}

/// Adds a member to a list-valued field, keeping the list in one line.
fn append(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
    if !headers.contains_key(&name) {
        headers.insert(name, value);
        return;
    }
    let mut list = Vec::new();
    for member in headers.get_all(&name).iter().chain([&value]) {
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
    let host = host.to_str().unwrap_or_default();
    // In `[::1]` the last colon is no port's.
    let given = host.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
    match given.unwrap_or_else(|| scheme.default_port()) {
        80 => HeaderValue::from_static("80"),
        443 => HeaderValue::from_static("443"),
        other => HeaderValue::from(other),
    }
}

/// One element of `Forwarded` (RFC 7239 section 4).
fn forwarded(peer: &Peer, host: &HeaderValue) -> HeaderValue {
    let node = peer.node();
    let mut element = String::with_capacity(node.len() + host.len() + 24);
    element.push_str("for=");
    element.push_str(node);
    if let Ok(host) = host.to_str()
        && !host.is_empty()
    {
        // A colon or bracket is no character of a token.
        let quote = if host.contains([':', '[']) { "\"" } else { "" };
        for part in [";host=", quote, host, quote] {
            element.push_str(part);
        }
    }
    element.push_str(";proto=");
    element.push_str(peer.scheme().as_str());
    HeaderValue::from_maybe_shared(Bytes::from(element))
        .unwrap_or_else(|_| HeaderValue::from_static("for=unknown"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(headers: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
        headers.iter().map(pair).collect()
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn what_concerns_one_hop_stays_on_it() {
        let mut headers = map(&[
            ("host", "a"),
            ("connection", "close, X-Secret"),
            ("connection", "x-other, host, content-length"),
            ("x-secret", "1"),
            ("x-other", "1"),
            ("content-length", "3"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "close"),
            ("proxy-authorization", "x"),
            ("te", "trailers, gzip"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("http2-settings", "x"),
            ("expect", "100-continue"),
            ("accept", "*/*"),
        ]);
        arrive(&mut headers, None);
        assert!(takes_trailers(&headers));
        strip_request(&mut headers);
        assert_eq!(names(&headers), ["accept", "content-length", "host"]);
    }

    #[test]
    fn what_a_route_sets_cannot_be_undone_by_listing_it() {
        let mut headers = map(&[
            ("host", "shop.example"),
            ("connection", "close, x-tenant, x-forwarded-prefix, upgrade"),
            ("x-tenant", "forged"),
            ("upgrade", "websocket"),
        ]);
        let peer = Peer::new("192.0.2.1:4711".parse().unwrap(), Scheme::Http);
        arrive(&mut headers, Some(&peer));
        assert!(!headers.contains_key("x-tenant"), "a route that looks for it must not find it");
        assert_eq!(headers["upgrade"], "websocket", "this hop still has to look at it");
        headers.insert("x-tenant", HeaderValue::from_static("acme"));
        headers.insert("x-forwarded-prefix", HeaderValue::from_static("/api"));
        headers.insert(HOST, HeaderValue::from_static("api.internal"));
        strip_request(&mut headers);
        assert_eq!(headers["x-tenant"], "acme");
        assert_eq!(headers["x-forwarded-prefix"], "/api");
        assert_eq!(headers[X_FORWARDED_HOST], "shop.example");
        assert!(!headers.contains_key("connection") && !headers.contains_key("upgrade"));
    }

    #[test]
    fn what_a_stranger_says_about_the_client_is_dropped() {
        let said = [
            ("x-forwarded-for", "6.6.6.6"),
            ("x-forwarded-anything", "x"),
            ("x_forwarded_for", "6.6.6.6"),
            ("x-real_ip", "6.6.6.6"),
            ("forwarded", "for=6.6.6.6"),
            ("x-real-ips", "stays"),
            ("x-forward", "stays"),
        ];
        let mut headers = map(&said);
        arrive(&mut headers, None);
        assert_eq!(names(&headers), ["x-forward", "x-real-ips"]);
    }

    #[test]
    fn the_service_is_told_who_came() {
        let peer = Peer::new("[2001:db8::7]:4711".parse().unwrap(), Scheme::Https);
        let mut headers = map(&[("host", "shop.example:8443")]);
        set_forwarded(&mut headers, &peer, false);
        assert_eq!(headers[X_FORWARDED_FOR], "2001:db8::7");
        assert_eq!(headers[X_FORWARDED_PROTO], "https");
        assert_eq!(headers[X_FORWARDED_HOST], "shop.example:8443");
        assert_eq!(headers[X_FORWARDED_PORT], "8443");
        assert_eq!(headers[FORWARDED], "for=\"[2001:db8::7]\";host=\"shop.example:8443\";proto=https");
    }

    #[test]
    fn the_port_is_the_schemes_where_none_is_given() {
        for (host, scheme, expected) in [
            ("a", Scheme::Http, "80"),
            ("a", Scheme::Https, "443"),
            ("[::1]", Scheme::Http, "80"),
            ("[::1]:81", Scheme::Http, "81"),
        ] {
            assert_eq!(port(&HeaderValue::from_static(host), scheme), expected, "{host}");
        }
    }

    #[test]
    fn a_trusted_peers_words_are_kept_and_added_to() {
        let peer = Peer::new("10.0.0.1:4711".parse().unwrap(), Scheme::Http);
        let mut headers = map(&[
            ("host", "a"),
            ("x-forwarded-for", "192.0.2.1"),
            ("x-forwarded-for", "192.0.2.2"),
            ("x-forwarded-proto", "https"),
            ("forwarded", "for=192.0.2.1"),
        ]);
        set_forwarded(&mut headers, &peer, true);
        assert_eq!(headers[X_FORWARDED_FOR], "192.0.2.1, 192.0.2.2, 10.0.0.1");
        assert_eq!(headers[X_FORWARDED_PROTO], "https");
        assert_eq!(headers[X_FORWARDED_HOST], "a");
        assert_eq!(headers[FORWARDED], "for=192.0.2.1, for=10.0.0.1;host=a;proto=http");
    }

    #[test]
    fn cookies_become_one_field() {
        let mut headers = map(&[("cookie", "a=1"), ("cookie", "b=2"), ("cookie", "c=3")]);
        join_cookies(&mut headers);
        assert_eq!(headers.get_all(COOKIE).iter().collect::<Vec<_>>(), ["a=1; b=2; c=3"]);
    }
}
