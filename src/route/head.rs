use std::borrow::Cow;
use std::net::IpAddr;

use http::header::HOST;
use http::{HeaderMap, Method, Request, Uri, request};

use super::reading;

/// What a request looks like to rules.
#[derive(Clone, Debug)]
pub struct Head<'a> {
    /// The method.
    pub method: &'a Method,
    /// The host it asks for, without port and without a final dot, in the case it was sent in; empty where it
    /// names none.
    pub host: &'a str,
    /// The path as rules compare it: decoded, with single slashes and without dot segments.
    pub path: Cow<'a, str>,
    /// The path as sent.
    pub sent_path: &'a str,
    /// What follows the `?`, as sent.
    pub query: Option<&'a str>,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// Who sent it, behind whatever trusted proxies have handed it on.
    pub peer: IpAddr,
}

impl<'a> Head<'a> {
    /// The head of a request from `peer`.
    pub fn of<B>(request: &'a Request<B>, peer: IpAddr) -> Self {
        Self::new(request.method(), request.uri(), request.headers(), peer)
    }

    /// The head of a request that was taken apart.
    pub fn of_parts(parts: &'a request::Parts, peer: IpAddr) -> Self {
        Self::new(&parts.method, &parts.uri, &parts.headers, peer)
    }

    fn new(method: &'a Method, uri: &'a Uri, headers: &'a HeaderMap, peer: IpAddr) -> Self {
        // An IPv4 client on a socket that serves both families shows as `::ffff:192.0.2.1`.
        let peer = peer.to_canonical();
        let sent_path = uri.path();
        let path = reading::normal(sent_path);
        Self { method, host: host(uri, headers), path, sent_path, query: uri.query(), headers, peer }
    }

    /// The head as servers might see it who read the path in another way; few paths have such readings.
    pub(super) fn other_readings(&self) -> impl Iterator<Item = Head<'a>> {
        reading::others(self.sent_path, &self.path).map(|path| Head { path: path.into(), ..self.clone() })
    }
}

/// The host that a request asks for, as [`Head::host`] has it.
pub fn host_of<B>(request: &Request<B>) -> &str {
    host(request.uri(), request.headers())
}

/// It comes from the request's target where that names one, as HTTP/2 and the absolute form do, and from `Host` otherwise
/// (RFC 9110 section 7.2).
fn host<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> &'a str {
    host_in(match uri.authority() {
        Some(authority) => authority.as_str(),
        None => headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default(),
    })
}

/// The host in `user@host:port`, and an IPv6 address without its brackets.
fn host_in(authority: &str) -> &str {
    // Most are a name alone.
    if !authority.bytes().any(|byte| matches!(byte, b'@' | b'[' | b':')) {
        return authority.strip_suffix('.').unwrap_or(authority);
    }
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split_once(']').map_or(rest, |(address, _)| address);
    }
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    host.strip_suffix('.').unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_comes_without_port_dot_brackets_or_user() {
        for (authority, host) in [
            ("example.com", "example.com"),
            ("example.com:8080", "example.com"),
            ("example.com.", "example.com"),
            ("example.com.:80", "example.com"),
            ("[::1]:8080", "::1"),
            ("[::1]", "::1"),
            ("user:secret@example.com:80", "example.com"),
            ("", ""),
            (":80", ""),
        ] {
            assert_eq!(host_in(authority), host, "{authority}");
        }
    }

    #[test]
    fn the_target_goes_before_the_host_header() {
        let peer = IpAddr::from([127, 0, 0, 1]);
        let request = Request::get("http://a.example/x?y=1").header("host", "b.example").body(()).unwrap();
        let head = Head::of(&request, peer);
        assert_eq!((head.host, &*head.path, head.query), ("a.example", "/x", Some("y=1")));

        let request = Request::get("/x").header("host", "b.example:81").body(()).unwrap();
        assert_eq!(Head::of(&request, peer).host, "b.example");
        let request = Request::get("/x").body(()).unwrap();
        assert_eq!(Head::of(&request, peer).host, "");
    }

    #[test]
    fn a_mapped_peer_is_seen_as_what_it_is() {
        let request = Request::new(());
        let head = Head::of(&request, "::ffff:192.0.2.1".parse().unwrap());
        assert_eq!(head.peer, IpAddr::from([192, 0, 2, 1]));
    }
}
