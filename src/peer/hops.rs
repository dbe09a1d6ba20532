//! The hops that a request says it came by.

use std::net::{IpAddr, SocketAddr};

use http::header::FORWARDED;
use http::{HeaderMap, HeaderName};

use super::{Scheme, TrustedProxies};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The client of a request that a trusted proxy has handed on: the nearest hop that is not a trusted proxy itself. What
/// is further away than that is hearsay. A hop that cannot be read ends the way too; the client is then the last
/// that could be.
///
/// `X-Forwarded-For` goes before `Forwarded`: balancers that write the former often hand the latter on as the client
/// sent it.
pub(super) fn client(headers: &HeaderMap, proxies: &TrustedProxies, peer: IpAddr) -> IpAddr {
    if headers.contains_key(&X_FORWARDED_FOR) {
        walk(lines(headers, &X_FORWARDED_FOR).flat_map(|line| line.rsplit(',')).map(address), proxies, peer)
    } else {
        let elements = lines(headers, &FORWARDED).flat_map(elements);
        walk(elements.map(|element| address(parameter(element, "for")?)), proxies, peer)
    }
}

/// How the client came to the nearest of the trusted proxies, if that one tells.
pub(super) fn scheme(headers: &HeaderMap) -> Option<Scheme> {
    let told = if headers.contains_key(&X_FORWARDED_PROTO) || headers.contains_key(&X_FORWARDED_FOR) {
        let mut told = headers.get_all(&X_FORWARDED_PROTO).iter();
        let value = told.next()?.to_str().ok()?;
        if told.next().is_some() { None } else { Some(value) }
    } else {
        parameter(lines(headers, &FORWARDED).flat_map(elements).next()?, "proto")
    };
    match told? {
        told if told.eq_ignore_ascii_case("http") => Some(Scheme::Http),
        told if told.eq_ignore_ascii_case("https") => Some(Scheme::Https),
        _ => None,
    }
}

/// `hops` come nearest first.
fn walk(hops: impl Iterator<Item = Option<IpAddr>>, proxies: &TrustedProxies, peer: IpAddr) -> IpAddr {
    let mut nearest = peer;
    for hop in hops {
        let Some(hop) = hop else { break };
        nearest = hop;
        if !proxies.contains(hop) {
            break;
        }
    }
    nearest.to_canonical()
}

/// The lines that a list is in, last first. One that is no text cannot be read.
fn lines<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    headers.get_all(name).iter().rev().map(|line| line.to_str().unwrap_or("?"))
}

/// The elements of a line of `Forwarded`, last first: parted by the commas that are in no quoted string. Nobody needs
/// to escape anything in one, so a line with a backslash is not read.
fn elements(line: &str) -> impl Iterator<Item = &str> {
    let line = if line.contains('\\') { "?" } else { line };
    let mut quoted = false;
    line.rsplit(move |character| {
        quoted ^= character == '"';
        character == ',' && !quoted
    })
}

/// What an element of `Forwarded` says under this name (RFC 7239 section 4), without its quotes.
fn parameter<'e>(element: &'e str, name: &str) -> Option<&'e str> {
    let mut values = element.split(';').filter_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then_some(value.trim())
    });
    let value = values.next()?;
    // More than one is not valid.
    if values.next().is_some() {
        return None;
    }
    match value.strip_prefix('"') {
        Some(quoted) => quoted.strip_suffix('"'),
        None => Some(value),
    }
}

/// An IP address, alone or with a port, of which some balancers write one.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(|| text.parse().ok().map(|address: SocketAddr| address.ip()))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn client_of(headers: &[(&'static str, &'static str)]) -> String {
        let proxies = TrustedProxies::new(["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()]);
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        client(&map, &proxies, "10.0.0.1".parse().unwrap()).to_string()
    }

    #[test]
    fn the_nearest_hop_that_is_not_trusted_is_the_client() {
        for (list, client) in [
            ("192.0.2.1", "192.0.2.1"),
            ("6.6.6.6, 192.0.2.1", "192.0.2.1"),
            ("6.6.6.6, 192.0.2.1 , 10.9.9.9,10.8.8.8", "192.0.2.1"),
            ("10.7.7.7, 10.8.8.8", "10.7.7.7"),
            ("192.0.2.1:4711", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]:4711, fd00::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
        ] {
            assert_eq!(client_of(&[("x-forwarded-for", list)]), client, "{list}");
        }
    }

    #[test]
    fn what_cannot_be_read_ends_the_way() {
        for (list, client) in [
            ("", "10.0.0.1"),
            ("192.0.2.1, unknown", "10.0.0.1"),
            ("192.0.2.1, , 10.9.9.9", "10.9.9.9"),
            ("192.0.2.1, 10.9.9.9.9", "10.0.0.1"),
            ("192.0.2.1, caf\u{e9}", "10.0.0.1"),
        ] {
            assert_eq!(client_of(&[("x-forwarded-for", list)]), client, "{list}");
        }
        assert_eq!(client_of(&[]), "10.0.0.1");
    }

    #[test]
    fn a_list_may_be_in_several_lines() {
        let lines = [("x-forwarded-for", "6.6.6.6, 192.0.2.1"), ("x-forwarded-for", "10.2.2.2")];
        assert_eq!(client_of(&lines), "192.0.2.1");
    }

    #[test]
    fn forwarded_is_read_where_the_other_is_not_there() {
        for (list, client) in [
            ("for=192.0.2.1", "192.0.2.1"),
            ("for=6.6.6.6, For=192.0.2.1;proto=https;by=10.1.1.1, for=10.2.2.2", "192.0.2.1"),
            ("proto=http; for=\"[2001:db8::1]:4711\"", "2001:db8::1"),
            ("for=\"192.0.2.1:80\"", "192.0.2.1"),
            ("for=192.0.2.1, for=_hidden", "10.0.0.1"),
            ("for=192.0.2.1, for=unknown", "10.0.0.1"),
            ("for=192.0.2.1, proto=http", "10.0.0.1"),
            ("for=192.0.2.1;for=192.0.2.2", "10.0.0.1"),
            ("for=\"192.0.2.1", "10.0.0.1"),
            ("for=192.0.2.1;host=\"a, for=6.6.6.6;x=\"", "192.0.2.1"),
            ("for=192.0.2.1;host=\"a;for=6.6.6.6\"", "10.0.0.1"),
            ("for=192.0.2.1;host=\"a\\\", for=6.6.6.6;x=\"", "10.0.0.1"),
        ] {
            assert_eq!(client_of(&[("forwarded", list)]), client, "{list}");
        }
        let both = [("forwarded", "for=6.6.6.6"), ("x-forwarded-for", "192.0.2.1")];
        assert_eq!(client_of(&both), "192.0.2.1");
    }

    #[test]
    fn the_scheme_is_told_once_or_not_at_all() {
        let told = |headers: &[(&'static str, &'static str)]| {
            let pair = |&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
            let mut map = HeaderMap::new();
            for (name, value) in headers.iter().map(pair) {
                map.append(name, value);
            }
            scheme(&map)
        };
        assert_eq!(told(&[("x-forwarded-proto", "HTTPS")]), Some(Scheme::Https));
        assert_eq!(told(&[("x-forwarded-proto", "http"), ("forwarded", "proto=https")]), Some(Scheme::Http));
        assert_eq!(told(&[("x-forwarded-proto", "https"), ("x-forwarded-proto", "http")]), None);
        assert_eq!(told(&[("x-forwarded-proto", "https, http")]), None);
        assert_eq!(told(&[("forwarded", "for=a;proto=http, for=b;proto=https")]), Some(Scheme::Https));
        assert_eq!(told(&[("forwarded", "proto=https"), ("x-forwarded-for", "192.0.2.1")]), None);
        assert_eq!(told(&[]), None);
    }
}
