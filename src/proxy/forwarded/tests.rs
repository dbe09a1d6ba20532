use super::super::headers;
use super::*;
use crate::peer::TrustedProxies;

fn arrive(headers: &mut HeaderMap, peer: Option<&Peer>) -> Option<Client> {
    let seen = Survey::whole_of(headers);
    super::arrive(headers, seen, peer)
}

fn strip_request(headers: &mut HeaderMap) {
    let seen = Survey::of(headers);
    headers::strip_request(headers, seen);
}

fn map(headers: &[(&'static str, &'static str)]) -> HeaderMap {
    let pair = |&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
    let mut map = HeaderMap::new();
    for (name, value) in headers.iter().map(pair) {
        map.append(name, value);
    }
    map
}

fn names(headers: &HeaderMap) -> Vec<&str> {
    let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    names
}

/// A proxy that is trusted.
fn proxy() -> Peer {
    let proxies = TrustedProxies::new(["10.0.0.0/8".parse().unwrap()]);
    Peer::new("10.0.0.1:4711".parse().unwrap(), Scheme::Http).trusted_if(&proxies)
}

/// What a service is told of a request with these fields that came by a trusted proxy.
fn told(headers: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = map(headers);
    arrive(&mut headers, Some(&proxy())).unwrap();
    headers
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
    let mut headers = map(&[
        ("x-forwarded-for", "6.6.6.6"),
        ("x-forwarded-client-cert", "Subject=admin"),
        ("x_forwarded_for", "6.6.6.6"),
        ("x-real_ip", "6.6.6.6"),
        ("forwarded", "for=6.6.6.6"),
        ("client-cert", ":AAAA:"),
        ("ssl_client_verify", "SUCCESS"),
        ("x-amzn-mtls-clientcert", "x"),
        ("x-amzn-oidc-identity", "admin"),
        ("cf-connecting-ip", "6.6.6.6"),
        ("true-client-ip", "6.6.6.6"),
        ("x-original-url", "/admin"),
        ("x-real-ips", "stays"),
        ("x-forward", "stays"),
        ("x-amzn-trace-id", "stays"),
        ("cookie", "stays"),
        ("x-requested-with", "stays"),
    ]);
    assert_eq!(arrive(&mut headers, None), None);
    assert_eq!(names(&headers), ["cookie", "x-amzn-trace-id", "x-forward", "x-real-ips", "x-requested-with"]);
}

#[test]
fn the_service_is_told_who_came() {
    let peer = Peer::new("[2001:db8::7]:4711".parse().unwrap(), Scheme::Https);
    let mut headers = map(&[("host", "shop.example:8443")]);
    arrive(&mut headers, Some(&peer));
    assert_eq!(headers[X_FORWARDED_FOR], "2001:db8::7");
    assert_eq!(headers[X_REAL_IP], "2001:db8::7");
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
fn what_a_trusted_peer_tells_is_kept_and_added_to() {
    let headers = told(&[
        ("host", "a"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-for", "192.0.2.2"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-prefix", "/api"),
        ("forwarded", "for=6.6.6.6"),
        ("x_forwarded_for", "6.6.6.6"),
    ]);
    assert_eq!(headers[X_FORWARDED_FOR], "192.0.2.1, 192.0.2.2, 10.0.0.1");
    assert_eq!(headers[X_REAL_IP], "192.0.2.2");
    assert_eq!(headers[X_FORWARDED_PROTO], "https");
    assert_eq!(headers[X_FORWARDED_HOST], "a");
    assert_eq!(headers[X_FORWARDED_PORT], "443");
    assert_eq!(headers["x-forwarded-prefix"], "/api");
    assert!(!headers.contains_key("x_forwarded_for"));
    assert_eq!(
        headers[FORWARDED], "for=192.0.2.2;host=a;proto=https, for=10.0.0.1;host=a;proto=http",
        "made of what is believed"
    );
}

#[test]
fn a_trusted_peer_that_speaks_forwarded_alone_is_understood() {
    let headers = told(&[("host", "a"), ("forwarded", "for=192.0.2.1;proto=https")]);
    assert_eq!(headers[FORWARDED], "for=192.0.2.1;proto=https, for=10.0.0.1;host=a;proto=http");
    assert_eq!(headers[X_FORWARDED_FOR], "192.0.2.1, 10.0.0.1");
    assert_eq!(headers[X_REAL_IP], "192.0.2.1");
}

#[test]
fn host_and_port_of_a_trusted_peer_are_kept_if_they_are_such() {
    let headers = told(&[
        ("host", "internal:8080"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "shop.example"),
        ("x-forwarded-port", "8443"),
    ]);
    assert_eq!(headers[X_FORWARDED_HOST], "shop.example");
    assert_eq!(headers[X_FORWARDED_PORT], "8443");
    for (name, value) in [
        ("x-forwarded-host", "a, b"),
        ("x-forwarded-host", "u@a"),
        ("x-forwarded-host", ""),
        ("x-forwarded-port", "0"),
        ("x-forwarded-port", "+1"),
        ("x-forwarded-proto", "gopher"),
    ] {
        let headers = told(&[("host", "internal:8080"), (name, value)]);
        assert_eq!(headers[X_FORWARDED_HOST], "internal:8080", "{name}: {value}");
        assert_eq!(headers[X_FORWARDED_PORT], "8080", "{name}: {value}");
        assert_eq!(headers[X_FORWARDED_PROTO], "http", "{name}: {value}");
    }
}

#[test]
fn a_balancers_own_request_is_the_balancers() {
    let headers = told(&[("host", "a")]);
    assert_eq!(headers[X_REAL_IP], "10.0.0.1");
    assert_eq!(headers[X_FORWARDED_FOR], "10.0.0.1");
    assert_eq!(headers[FORWARDED], "for=10.0.0.1;host=a;proto=http");
}
