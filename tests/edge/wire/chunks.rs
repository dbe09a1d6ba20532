//! Bodies in chunks (RFC 9112 section 7.1), and all other codings.

use super::table::{Row, answered, http1, passes, refused};

const CHUNKS: &[Row] = &[
    (
        "chunks",
        "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked||5|hello|0||",
        passes("POST / HTTP/1.1|host: a|transfer-encoding: chunked||5|hello|0||"),
    ),
    (
        "several chunks",
        "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked||2|he|3|llo|0||",
        passes("POST / HTTP/1.1|host: a|transfer-encoding: chunked||5|hello|0||"),
    ),
    (
        "no chunks but the last",
        "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked||0||",
        passes("POST / HTTP/1.1|host: a|transfer-encoding: chunked||0||"),
    ),
    (
        "a coding is in any case",
        "POST / HTTP/1.1|Host: a|Transfer-Encoding: ChUnKeD||5|hello|0||",
        passes("POST / HTTP/1.1|host: a|transfer-encoding: chunked||5|hello|0||"),
    ),
    (
        "sizes are in any case",
        "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked||0A|helloworld|0||",
        passes("POST / HTTP/1.1|host: a|transfer-encoding: chunked||a|helloworld|0||"),
    ),
    (
        "many zeros",
        "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked||00005|hello|000||",
        passes("POST / HTTP/1.1|host: a|transfer-encoding: chunked||5|hello|0||"),
    ),
    (
        "an extension is dropped",
        "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked||5;a=b|hello|0;c||",
        passes("POST / HTTP/1.1|host: a|transfer-encoding: chunked||5|hello|0||"),
    ),
    (
        "a quoted extension is dropped",
        "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked||5;a=\"b;c\"|hello|0||",
        passes("POST / HTTP/1.1|host: a|transfer-encoding: chunked||5|hello|0||"),
    ),
    (
        "space after a size",
        "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked||5 |hello|0||",
        passes("POST / HTTP/1.1|host: a|transfer-encoding: chunked||5|hello|0||"),
    ),
    (
        "a chunk on GET",
        "GET / HTTP/1.1|Host: a|Transfer-Encoding: chunked||5|hello|0||",
        passes("GET / HTTP/1.1|host: a|transfer-encoding: chunked||5|hello|0||"),
    ),
];

/// What is read as a body until it turns out not to be one: the service sees a request without an end.
const BAD_CHUNKS: &[Row] = &[
    (
        "a size that is none",
        "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked||…x|hello|0||",
        answered(&[400], "POST / HTTP/1.1|host: a|transfer-encoding: chunked||✂"),
    ),
    (
        "no size",
        "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked||…|hello|0||",
        answered(&[400], "POST / HTTP/1.1|host: a|transfer-encoding: chunked||✂"),
    ),
    (
        "a sign before a size",
        "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked||…+5|hello|0||",
        answered(&[400], "POST / HTTP/1.1|host: a|transfer-encoding: chunked||✂"),
    ),
    (
        "a size with 0x",
        "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked||…0x5|hello|0||",
        answered(&[400], "POST / HTTP/1.1|host: a|transfer-encoding: chunked||✂"),
    ),
    (
        "a size beyond sixty-four bits",
        "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked||…ffffffffffffffff1|hello|0||",
        answered(&[400], "POST / HTTP/1.1|host: a|transfer-encoding: chunked||✂"),
    ),
    (
        "a size that wraps round to five",
        "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked||…10000000000000005|hello|0||",
        answered(&[400], "POST / HTTP/1.1|host: a|transfer-encoding: chunked||✂"),
    ),
    (
        "a chunk that spills over",
        "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked||…3|hello|0||",
        answered(&[400], "POST / HTTP/1.1|host: a|transfer-encoding: chunked||3|hel|✂"),
    ),
    (
        "a chunk that falls short",
        "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked||…8|hello|0||",
        answered(&[400], "POST / HTTP/1.1|host: a|transfer-encoding: chunked||8|hello|0|✂"),
    ),
    (
        "a line feed in an extension",
        "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked||…5;a\nb|hello|0||",
        answered(&[400], "POST / HTTP/1.1|host: a|transfer-encoding: chunked||✂"),
    ),
    (
        "a carriage return in an extension",
        "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked||…5;a\rb|hello|0||",
        answered(&[400], "POST / HTTP/1.1|host: a|transfer-encoding: chunked||✂"),
    ),
    (
        "a size that ends with a line feed",
        "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked||…5\nhello|0||",
        answered(&[400], "POST / HTTP/1.1|host: a|transfer-encoding: chunked||✂"),
    ),
    (
        "a chunk that ends with a line feed",
        "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked||…5|hello\n0||",
        answered(&[400], "POST / HTTP/1.1|host: a|transfer-encoding: chunked||5|hello|✂"),
    ),
    (
        "space within a size",
        "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked||…5 5|hello|0||",
        answered(&[400], "POST / HTTP/1.1|host: a|transfer-encoding: chunked||✂"),
    ),
    (
        "NUL in a size",
        "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked||…5\0|hello|0||",
        answered(&[400], "POST / HTTP/1.1|host: a|transfer-encoding: chunked||✂"),
    ),
];

const CODINGS: &[Row] = &[
    (
        "another coding below",
        "POST / HTTP/1.1|Host: a|Transfer-Encoding: gzip, chunked||5|hello|0||",
        refused(&[501]),
    ),
    (
        "an unknown coding below",
        "POST / HTTP/1.1|Host: a|Transfer-Encoding: cow, chunked||5|hello|0||",
        refused(&[501]),
    ),
    (
        "an empty coding before",
        "POST / HTTP/1.1|Host: a|Transfer-Encoding: ,chunked||5|hello|0||",
        refused(&[501]),
    ),
    (
        "chunked twice in one line",
        "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked, chunked||5|hello|0||",
        refused(&[501]),
    ),
    (
        "chunked twice in two lines",
        "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked|Transfer-Encoding: chunked||5|hello|0||",
        refused(&[501]),
    ),
    (
        "two codings in two lines",
        "POST / HTTP/1.1|Host: a|Transfer-Encoding: gzip|Transfer-Encoding: chunked||5|hello|0||",
        refused(&[501]),
    ),
    (
        "chunked is not the last",
        "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked, identity||5|hello|0||",
        refused(&[400]),
    ),
    (
        "chunked is not the last of two lines",
        "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked|Transfer-Encoding: identity||5|hello|0||",
        refused(&[400]),
    ),
    ("identity", "POST / HTTP/1.1|Host: a|Transfer-Encoding: identity||hello", refused(&[400])),
    ("gzip alone", "POST / HTTP/1.1|Host: a|Transfer-Encoding: gzip||hello", refused(&[400])),
    ("no coding", "POST / HTTP/1.1|Host: a|Transfer-Encoding: ||hello", refused(&[400])),
    (
        "a quoted coding",
        "POST / HTTP/1.1|Host: a|Transfer-Encoding: \"chunked\"||5|hello|0||",
        refused(&[400]),
    ),
    ("a parameter", "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked;q=1||5|hello|0||", refused(&[400])),
    (
        "a vertical tab before",
        "POST / HTTP/1.1|Host: a|Transfer-Encoding: \u{b}chunked||5|hello|0||",
        refused(&[400]),
    ),
    (
        "a coding with a letter of another script",
        "POST / HTTP/1.1|Host: a|Transfer-Encoding: chun\u{ab}ed||5|hello|0||",
        refused(&[400]),
    ),
    (
        "a name with a space",
        "POST / HTTP/1.1|Host: a|Transfer-Encoding : chunked||5|hello|0||",
        refused(&[400]),
    ),
    (
        "a name that looks alike",
        "POST / HTTP/1.1|Host: a|Transfer_Encoding: chunked|Content-Length: 5||hello",
        passes("POST / HTTP/1.1|host: a|transfer_encoding: chunked|content-length: 5||hello"),
    ),
    (
        "chunks from HTTP/1.0",
        "POST / HTTP/1.0|Host: a|Transfer-Encoding: chunked||5|hello|0||",
        refused(&[400]),
    ),
    (
        "chunks and a length from HTTP/1.0",
        "POST / HTTP/1.0|Host: a|Transfer-Encoding: chunked|Content-Length: 5||5|hello|0||",
        refused(&[400]),
    ),
];

#[tokio::test]
async fn chunks_are_cut_anew() {
    http1(CHUNKS).await;
}

#[tokio::test]
async fn a_bad_chunk_is_the_clients_fault_and_never_ends_a_request() {
    http1(BAD_CHUNKS).await;
}

#[tokio::test]
async fn chunked_is_the_only_coding() {
    http1(CODINGS).await;
}
