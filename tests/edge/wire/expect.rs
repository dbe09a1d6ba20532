//! `Expect` (RFC 9110 section 10.1.1): the gateway's own business.

use super::table::{Row, answered, http1, passes, refused};

const EXPECTATIONS: &[Row] = &[
    (
        "to go on",
        "POST / HTTP/1.1|Host: a|Expect: 100-continue|Content-Length: 5||hello",
        answered(&[100, 200], "POST / HTTP/1.1|host: a|content-length: 5||hello"),
    ),
    (
        "to go on, in any case",
        "POST / HTTP/1.1|Host: a|expect: 100-CONTINUE|Transfer-Encoding: chunked||5|hello|0||",
        answered(&[100, 200], "POST / HTTP/1.1|host: a|transfer-encoding: chunked||5|hello|0||"),
    ),
    (
        "to go on with nothing",
        "POST / HTTP/1.1|Host: a|Expect: 100-continue|Content-Length: 0||",
        passes("POST / HTTP/1.1|host: a|content-length: 0||"),
    ),
    (
        "to go on with GET",
        "GET / HTTP/1.1|Host: a|Expect: 100-continue||",
        passes("GET / HTTP/1.1|host: a||"),
    ),
    (
        "from HTTP/1.0 it is not heard",
        "POST / HTTP/1.0|Host: a|Expect: 100-continue|Content-Length: 5||hello",
        passes("POST / HTTP/1.1|host: a|content-length: 5||hello"),
    ),
    (
        "twice the same",
        "POST / HTTP/1.1|Host: a|Expect: 100-continue|Expect: 100-continue|Content-Length: 5||hello",
        answered(&[100, 200], "POST / HTTP/1.1|host: a|content-length: 5||hello"),
    ),
    ("another", "POST / HTTP/1.1|Host: a|Expect: cake|Content-Length: 0||", refused(&[417])),
    ("a word before", "POST / HTTP/1.1|Host: a|Expect: y 100-continue|Content-Length: 0||", refused(&[417])),
    ("a list", "POST / HTTP/1.1|Host: a|Expect: 100-continue, cake|Content-Length: 0||", refused(&[417])),
    (
        "another in a line of its own",
        "POST / HTTP/1.1|Host: a|Expect: 100-continue|Expect: cake|Content-Length: 0||",
        refused(&[417]),
    ),
    ("a parameter", "POST / HTTP/1.1|Host: a|Expect: 100-continue;x|Content-Length: 0||", refused(&[417])),
    ("nothing", "POST / HTTP/1.1|Host: a|Expect: |Content-Length: 0||", refused(&[417])),
    ("quotes", "POST / HTTP/1.1|Host: a|Expect: \"100-continue\"|Content-Length: 0||", refused(&[417])),
    (
        "a refused one's body is no request",
        "POST / HTTP/1.1|Host: a|Expect: cake|Content-Length: 34||GET /evil HTTP/1.1|Host: evil||",
        refused(&[417]),
    ),
];

#[tokio::test]
async fn the_only_expectation_is_to_go_on_and_it_stays_here() {
    http1(EXPECTATIONS).await;
}
