//! Methods: those that mean something to a gateway, and all others.

use super::table::{Row, answered, http1, passes, refused};

const METHODS: &[Row] = &[
    ("HEAD", "HEAD / HTTP/1.1|Host: a||", passes("HEAD / HTTP/1.1|host: a||")),
    (
        "DELETE with a body",
        "DELETE / HTTP/1.1|Host: a|Content-Length: 2||hi",
        passes("DELETE / HTTP/1.1|host: a|content-length: 2||hi"),
    ),
    (
        "HEAD with a body",
        "HEAD / HTTP/1.1|Host: a|Content-Length: 2||hi",
        passes("HEAD / HTTP/1.1|host: a|content-length: 2||hi"),
    ),
    ("of WebDAV", "PROPFIND / HTTP/1.1|Host: a||", passes("PROPFIND / HTTP/1.1|host: a||")),
    ("of nobody", "X-Y.Z!1 / HTTP/1.1|Host: a||", passes("X-Y.Z!1 / HTTP/1.1|host: a||")),
    ("OPTIONS of a path", "OPTIONS /x HTTP/1.1|Host: a||", passes("OPTIONS /x HTTP/1.1|host: a||")),
    ("OPTIONS of the server", "OPTIONS * HTTP/1.1|Host: a||", passes("OPTIONS * HTTP/1.1|host: a||")),
    (
        "OPTIONS of the server with a body",
        "OPTIONS * HTTP/1.1|Host: a|Content-Length: 2||hi",
        passes("OPTIONS * HTTP/1.1|host: a|content-length: 2||hi"),
    ),
    ("the server with another method", "GET * HTTP/1.1|Host: a||", refused(&[400])),
    ("more than the server", "OPTIONS */x HTTP/1.1|Host: a||", refused(&[400])),
    ("TRACE", "TRACE / HTTP/1.1|Host: a||", refused(&[405])),
    ("TRACE with a limit of hops", "TRACE / HTTP/1.1|Host: a|Max-Forwards: 0||", refused(&[405])),
    ("CONNECT", "CONNECT a:443 HTTP/1.1|Host: a:443||", refused(&[405])),
    ("CONNECT to a path", "CONNECT / HTTP/1.1|Host: a||", refused(&[405])),
    ("CONNECT to an address", "CONNECT http://a/ HTTP/1.1|Host: a||", refused(&[405])),
    (
        "CONNECT with what might be run",
        "CONNECT a:443 HTTP/1.1|Host: a:443||GET /evil HTTP/1.1|Host: a||",
        answered(&[405, 200], "GET /evil HTTP/1.1|host: a||"),
    ),
    ("small letters", "get / HTTP/1.1|Host: a||", refused(&[405])),
    ("a small letter", "GeT / HTTP/1.1|Host: a||", refused(&[405])),
    ("no token", "GE(T / HTTP/1.1|Host: a||", refused(&[400])),
    ("no method", " / HTTP/1.1|Host: a||", refused(&[400])),
    ("the preface of HTTP/2, misspelt", "PRI * HTTP/1.1|Host: a||", refused(&[400])),
];

#[tokio::test]
async fn methods_pass_but_those_that_are_not_for_a_gateway() {
    http1(METHODS).await;
}
