//! How long a request is (RFC 9112 section 6): told in one way, passed on in ours.

use super::table::{Row, answered, http1, passes, refused};

const LENGTHS: &[Row] = &[
    (
        "a length",
        "POST / HTTP/1.1|Host: a|Content-Length: 5||hello",
        passes("POST / HTTP/1.1|host: a|content-length: 5||hello"),
    ),
    (
        "a length of zero",
        "POST / HTTP/1.1|Host: a|Content-Length: 0||",
        passes("POST / HTTP/1.1|host: a|content-length: 0||"),
    ),
    ("no length is none", "POST / HTTP/1.1|Host: a||", passes("POST / HTTP/1.1|host: a||")),
    (
        "a body on GET",
        "GET / HTTP/1.1|Host: a|Content-Length: 5||hello",
        passes("GET / HTTP/1.1|host: a|content-length: 5||hello"),
    ),
    (
        "leading zeros",
        "POST / HTTP/1.1|Host: a|Content-Length: 0005||hello",
        passes("POST / HTTP/1.1|host: a|content-length: 5||hello"),
    ),
    (
        "the same length twice",
        "POST / HTTP/1.1|Host: a|Content-Length: 5|Content-Length: 5||hello",
        passes("POST / HTTP/1.1|host: a|content-length: 5||hello"),
    ),
    ("two lengths", "POST / HTTP/1.1|Host: a|Content-Length: 5|Content-Length: 6||hello", refused(&[400])),
    (
        "two lengths, the other way round",
        "POST / HTTP/1.1|Host: a|Content-Length: 6|Content-Length: 5||hello",
        refused(&[400]),
    ),
    ("a list of lengths", "POST / HTTP/1.1|Host: a|Content-Length: 5, 5||hello", refused(&[400])),
    ("a sign", "POST / HTTP/1.1|Host: a|Content-Length: +5||hello", refused(&[400])),
    ("less than nothing", "POST / HTTP/1.1|Host: a|Content-Length: -5||hello", refused(&[400])),
    ("hexadecimal", "POST / HTTP/1.1|Host: a|Content-Length: 0x5||hello", refused(&[400])),
    ("a fraction", "POST / HTTP/1.1|Host: a|Content-Length: 5.0||hello", refused(&[400])),
    ("an exponent", "POST / HTTP/1.1|Host: a|Content-Length: 5e0||hello", refused(&[400])),
    ("digits with a space", "POST / HTTP/1.1|Host: a|Content-Length: 1 5||hello", refused(&[400])),
    ("an underscore in digits", "POST / HTTP/1.1|Host: a|Content-Length: 0_5||hello", refused(&[400])),
    ("an empty length", "POST / HTTP/1.1|Host: a|Content-Length: ||hello", refused(&[400])),
    ("a quoted length", "POST / HTTP/1.1|Host: a|Content-Length: \"5\"||hello", refused(&[400])),
    (
        "too many digits",
        "POST / HTTP/1.1|Host: a|Content-Length: 99999999999999999999||hello",
        refused(&[400]),
    ),
    (
        "two to the sixty-four and five",
        "POST / HTTP/1.1|Host: a|Content-Length: 18446744073709551621||hello",
        refused(&[400]),
    ),
    ("another script's digit", "POST / HTTP/1.1|Host: a|Content-Length: \u{b2}||he", refused(&[400])),
    (
        "a length with a name that looks alike",
        "POST / HTTP/1.1|Host: a|Content_Length: 5||",
        passes("POST / HTTP/1.1|host: a|content_length: 5||"),
    ),
];

/// RFC 9112 section 6.3: who sends both may be smuggling, and is refused; the connection closes, so that nothing that follows
/// is taken for a request. Only where such a head comes behind another request does hyper's reading stand: the chunks count,
/// and the connection closes all the same.
const BOTH: &[Row] = &[
    (
        "a coding, then a length",
        "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked|Content-Length: 5||5|hello|0||",
        refused(&[400]),
    ),
    (
        "a length, then a coding",
        "POST / HTTP/1.1|Host: a|Content-Length: 5|Transfer-Encoding: chunked||5|hello|0||",
        refused(&[400]),
    ),
    (
        "what follows by the length is not run",
        "POST / HTTP/1.1|Host: a|Content-Length: 5|Transfer-Encoding: chunked||0||GET /evil HTTP/1.1|Host: a||",
        refused(&[400]),
    ),
    (
        "a coding, then two lengths",
        "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked|Content-Length: 5|Content-Length: 6||5|hello|0||",
        refused(&[400]),
    ),
    (
        "a coding, then nonsense for a length",
        "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked|Content-Length: x||5|hello|0||",
        refused(&[400]),
    ),
    (
        "a body that speaks of a length",
        "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked||19|x|content-length: 5||x|0||",
        passes("POST / HTTP/1.1|host: a|transfer-encoding: chunked||19|x|content-length: 5||x|0||"),
    ),
    (
        "both, behind another request",
        "GET /1 HTTP/1.1|Host: a||POST /2 HTTP/1.1|Host: a|Content-Length: 4|Transfer-Encoding: chunked||0||GET /evil HTTP/1.1|Host: a||",
        answered(
            &[200, 200],
            "GET /1 HTTP/1.1|host: a||POST /2 HTTP/1.1|host: a|transfer-encoding: chunked||0||",
        ),
    ),
];

#[tokio::test]
async fn a_length_is_a_number_and_there_is_one() {
    http1(LENGTHS).await;
}

#[tokio::test]
async fn a_length_beside_chunks_is_refused() {
    http1(BOTH).await;
}
