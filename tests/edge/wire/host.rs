//! For whom a request is (RFC 9112 section 3.2), told once and in good form.

use super::table::{Row, http1, passes, refused};

const HOSTS: &[Row] = &[
    ("a name", "GET / HTTP/1.1|Host: shop.example||", passes("GET / HTTP/1.1|host: shop.example||")),
    (
        "a port",
        "GET / HTTP/1.1|Host: shop.example:8080||",
        passes("GET / HTTP/1.1|host: shop.example:8080||"),
    ),
    ("an address", "GET / HTTP/1.1|Host: 192.0.2.1||", passes("GET / HTTP/1.1|host: 192.0.2.1||")),
    ("capitals stay", "GET / HTTP/1.1|Host: Shop.EXAMPLE||", passes("GET / HTTP/1.1|host: Shop.EXAMPLE||")),
    ("a final dot", "GET / HTTP/1.1|Host: shop.example.||", passes("GET / HTTP/1.1|host: shop.example.||")),
    ("space around it", "GET / HTTP/1.1|Host: \t a \t||", passes("GET / HTTP/1.1|host: a||")),
    ("a name from HTTP/1.0", "GET / HTTP/1.0|Host: a||", passes("GET / HTTP/1.1|host: a||")),
    ("none", "GET / HTTP/1.1||", refused(&[400])),
    ("none from HTTP/1.0", "GET / HTTP/1.0||", refused(&[400])),
    ("an empty one", "GET / HTTP/1.1|Host: ||", refused(&[400])),
    ("two", "GET / HTTP/1.1|Host: a|Host: b||", refused(&[400])),
    ("twice the same", "GET / HTTP/1.1|Host: a|Host: a||", refused(&[400])),
    ("two with something between", "GET / HTTP/1.1|Host: a|X: y|hOST: b||", refused(&[400])),
    ("a list", "GET / HTTP/1.1|Host: a, b||", refused(&[400])),
    ("two dots", "GET / HTTP/1.1|Host: ..||", refused(&[400])),
    ("a dot in front", "GET / HTTP/1.1|Host: .a||", refused(&[400])),
    ("dots and a port", "GET / HTTP/1.1|Host: ..:80||", refused(&[400])),
    ("nothing between dots", "GET / HTTP/1.1|Host: a..b||", refused(&[400])),
    ("two final dots", "GET / HTTP/1.1|Host: shop.example..||", refused(&[400])),
    ("a user", "GET / HTTP/1.1|Host: u@b||", refused(&[400])),
    ("a space within", "GET / HTTP/1.1|Host: a b||", refused(&[400])),
    ("a path", "GET / HTTP/1.1|Host: a/../b||", refused(&[400])),
    ("a query", "GET / HTTP/1.1|Host: a?b||", refused(&[400])),
    ("a fragment", "GET / HTTP/1.1|Host: a#b||", refused(&[400])),
    ("a backslash", "GET / HTTP/1.1|Host: a\\b||", refused(&[400])),
    ("a scheme", "GET / HTTP/1.1|Host: http://a||", refused(&[400])),
    ("percent-encoding", "GET / HTTP/1.1|Host: a%2eb||", refused(&[400])),
    ("a port without digits", "GET / HTTP/1.1|Host: a:||", refused(&[400])),
    ("a port of letters", "GET / HTTP/1.1|Host: a:http||", refused(&[400])),
    ("a port too large", "GET / HTTP/1.1|Host: a:65536||", refused(&[400])),
    ("two ports", "GET / HTTP/1.1|Host: a:80:81||", refused(&[400])),
    ("a port and a user", "GET / HTTP/1.1|Host: a:80@b||", refused(&[400])),
    ("an address of sixteen bytes without brackets", "GET / HTTP/1.1|Host: ::1||", refused(&[400])),
    ("brackets that do not close", "GET / HTTP/1.1|Host: [::1||", refused(&[400])),
    ("something after brackets", "GET / HTTP/1.1|Host: [::1]a||", refused(&[400])),
    ("NUL", "GET / HTTP/1.1|Host: a\0b||", refused(&[400])),
    ("bytes beyond ASCII", "GET / HTTP/1.1|Host: \u{e4}||", refused(&[400])),
    ("a name on a folded line", "GET / HTTP/1.1|Host: a| b||", refused(&[400])),
    ("a space before the colon", "GET / HTTP/1.1|Host : a||", refused(&[400])),
    ("a space before the name", "GET / HTTP/1.1| Host: a||", refused(&[400])),
];

const TARGETS: &[Row] = &[
    ("a path and a query", "GET /x/y?a=b&c HTTP/1.1|Host: a||", passes("GET /x/y?a=b&c HTTP/1.1|host: a||")),
    ("an empty query", "GET /? HTTP/1.1|Host: a||", passes("GET /? HTTP/1.1|host: a||")),
    (
        "two slashes",
        "GET //evil.example/ HTTP/1.1|Host: a||",
        passes("GET //evil.example/ HTTP/1.1|host: a||"),
    ),
    (
        "a slash and a backslash",
        "GET /\\evil.example HTTP/1.1|Host: a||",
        passes("GET /\\evil.example HTTP/1.1|host: a||"),
    ),
    (
        "dots in another spelling",
        "GET /a/%2e%2E/b HTTP/1.1|Host: a||",
        passes("GET /a/%2e%2E/b HTTP/1.1|host: a||"),
    ),
    ("dots", "GET /a/../b/./c HTTP/1.1|Host: a||", passes("GET /a/../b/./c HTTP/1.1|host: a||")),
    ("an encoded slash", "GET /a%2Fb HTTP/1.1|Host: a||", passes("GET /a%2Fb HTTP/1.1|host: a||")),
    (
        "an encoded NUL and line end",
        "GET /%00%0d%0a HTTP/1.1|Host: a||",
        passes("GET /%00%0d%0a HTTP/1.1|host: a||"),
    ),
    ("half an encoding", "GET /%zz%4 HTTP/1.1|Host: a||", passes("GET /%zz%4 HTTP/1.1|host: a||")),
    ("a fragment is dropped", "GET /a#b HTTP/1.1|Host: a||", passes("GET /a HTTP/1.1|host: a||")),
    ("the whole address", "GET http://a/x HTTP/1.1|Host: a||", passes("GET /x HTTP/1.1|host: a||")),
    (
        "the whole address, another host",
        "GET http://good.example:8080/x?y HTTP/1.1|Host: evil.example||",
        passes("GET /x?y HTTP/1.1|host: good.example:8080||"),
    ),
    (
        "the whole address, no host",
        "GET http://good.example/ HTTP/1.1||",
        passes("GET / HTTP/1.1|host: good.example||"),
    ),
    (
        "the whole address without a path",
        "GET http://good.example HTTP/1.1|Host: a||",
        passes("GET / HTTP/1.1|host: good.example||"),
    ),
    (
        "the whole address, a query and no path",
        "GET http://good.example?x HTTP/1.1|Host: a||",
        passes("GET /?x HTTP/1.1|host: good.example||"),
    ),
    (
        "a scheme in capitals",
        "GET HTTP://good.example/ HTTP/1.1|Host: a||",
        passes("GET / HTTP/1.1|host: good.example||"),
    ),
    ("the whole address, two hosts", "GET http://a/ HTTP/1.1|Host: a|Host: b||", refused(&[400])),
    ("a user in the address", "GET http://u:p@a/ HTTP/1.1|Host: a||", refused(&[400])),
    ("another scheme", "GET ftp://a/ HTTP/1.1|Host: a||", refused(&[400])),
    ("a file", "GET file:///etc/passwd HTTP/1.1|Host: a||", refused(&[400])),
    ("a scheme without a host", "GET http:///x HTTP/1.1|Host: a||", refused(&[400])),
    ("an authority alone", "GET evil.example HTTP/1.1|Host: a||", refused(&[400])),
    ("an authority with a port", "GET evil.example:80 HTTP/1.1|Host: a||", refused(&[400])),
    ("a path without a slash", "GET x/y HTTP/1.1|Host: a||", refused(&[400])),
    ("a query alone", "GET ?x HTTP/1.1|Host: a||", refused(&[400])),
    ("a space in a path", "GET /a b HTTP/1.1|Host: a||", refused(&[400])),
    ("two spaces", "GET  / HTTP/1.1|Host: a||", refused(&[400])),
    ("no target", "GET HTTP/1.1|Host: a||", refused(&[400])),
    ("a tab", "GET\t/\tHTTP/1.1|Host: a||", refused(&[400])),
    ("NUL in a path", "GET /\0 HTTP/1.1|Host: a||", refused(&[400])),
    ("DEL in a path", "GET /\u{7f} HTTP/1.1|Host: a||", refused(&[400])),
];

#[tokio::test]
async fn a_host_is_told_once_and_in_good_form() {
    http1(HOSTS).await;
}

#[tokio::test]
async fn a_target_is_a_path_or_a_whole_address() {
    http1(TARGETS).await;
}
