//! What a service answers: passed on as it is, told to be cut where it was cut, or not believed.

use super::script::{Row, Then, replies};

use Then::{Again, Gone};

const WHOLE: &[Row] = &[
    ("a length", "HTTP/1.1 200 OK|Content-Length: 5||hello", "200|content-length: 5||hello", Again),
    (
        "chunks",
        "HTTP/1.1 200 OK|Transfer-Encoding: chunked||5|hello|0||",
        "200|transfer-encoding: chunked||hello",
        Again,
    ),
    ("to the end", "HTTP/1.1 200 OK||hello✂", "200|transfer-encoding: chunked||hello", Gone),
    ("to the end of HTTP/1.0", "HTTP/1.0 200 OK||hello✂", "200|transfer-encoding: chunked||hello", Gone),
    (
        "a length from HTTP/1.0",
        "HTTP/1.0 200 OK|Content-Length: 5||hello✂",
        "200|content-length: 5||hello",
        Gone,
    ),
    (
        "close",
        "HTTP/1.1 200 OK|Connection: close|Content-Length: 5||hello",
        "200|content-length: 5||hello",
        Gone,
    ),
    ("nothing", "HTTP/1.1 200 OK|Content-Length: 0||", "200|content-length: 0||", Again),
    ("no content", "HTTP/1.1 204 No Content||", "204||", Again),
    ("no content, of length none", "HTTP/1.1 204 No Content|Content-Length: 0||", "204||", Again),
    (
        "not modified, with the length that it would have",
        "HTTP/1.1 304 Not Modified|Content-Length: 5||",
        "304||",
        Again,
    ),
    ("words of its own", "HTTP/1.1 299 As You Like It|Content-Length: 0||", "299|content-length: 0||", Again),
    ("a status of nobody", "HTTP/1.1 799 |Content-Length: 0||", "799|content-length: 0||", Again),
    (
        "line feeds alone",
        "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
        "200|content-length: 5||hello",
        Again,
    ),
    (
        "what is for one hop",
        "HTTP/1.1 200 OK|Connection: X-A|X-A: 1|Keep-Alive: timeout=5|Upgrade: h2c|Proxy-Connection: x|X-B: 2|Content-Length: 0||",
        "200|x-b: 2|content-length: 0||",
        Again,
    ),
    (
        "cookies stay several",
        "HTTP/1.1 200 OK|Set-Cookie: a=1|Set-Cookie: b=2|Content-Length: 0||",
        "200|set-cookie: a=1|set-cookie: b=2|content-length: 0||",
        Again,
    ),
    (
        "the same length twice",
        "HTTP/1.1 200 OK|Content-Length: 5|Content-Length: 5||hello",
        "200|content-length: 5||hello",
        Again,
    ),
    (
        "go on, then an answer",
        "HTTP/1.1 100 Continue||HTTP/1.1 200 OK|Content-Length: 5||hello",
        "200|content-length: 5||hello",
        Again,
    ),
    (
        "hints, then an answer",
        "HTTP/1.1 103 Early Hints|Link: </a>||HTTP/1.1 102 Processing||HTTP/1.1 200 OK|Content-Length: 5||hello",
        "200|content-length: 5||hello",
        Again,
    ),
];

/// However it is cut, the client can tell: too few bytes, no last chunk, a reset of its stream.
const CUT: &[Row] = &[
    (
        "less than the length",
        "HTTP/1.1 200 OK|Content-Length: 10||hello✂",
        "200|content-length: 10||hello✂",
        Gone,
    ),
    (
        "a reset before the length is reached",
        "HTTP/1.1 200 OK|Content-Length: 10||hello↯",
        "200|content-length: 10||hello✂",
        Gone,
    ),
    (
        "no last chunk",
        "HTTP/1.1 200 OK|Transfer-Encoding: chunked||5|hello|✂",
        "200|transfer-encoding: chunked||hello✂",
        Gone,
    ),
    (
        "a reset between chunks",
        "HTTP/1.1 200 OK|Transfer-Encoding: chunked||5|hello|↯",
        "200|transfer-encoding: chunked||hello✂",
        Gone,
    ),
    (
        "half a chunk",
        "HTTP/1.1 200 OK|Transfer-Encoding: chunked||a|hello✂",
        "200|transfer-encoding: chunked||hello✂",
        Gone,
    ),
    (
        "a last chunk without its end",
        "HTTP/1.1 200 OK|Transfer-Encoding: chunked||5|hello|0|✂",
        "200|transfer-encoding: chunked||hello✂",
        Gone,
    ),
    (
        "a chunk of no size",
        "HTTP/1.1 200 OK|Transfer-Encoding: chunked||5|hello|x|",
        "200|transfer-encoding: chunked||hello✂",
        Gone,
    ),
    (
        "a chunk that spills over",
        "HTTP/1.1 200 OK|Transfer-Encoding: chunked||5|hello world|0||",
        "200|transfer-encoding: chunked||hello✂",
        Gone,
    ),
    ("a reset instead of an end", "HTTP/1.1 200 OK||hello↯", "200|transfer-encoding: chunked||hello✂", Gone),
];

/// Nobody can be sure what is meant, or where it ends.
const BAD: &[Row] = &[
    ("two lengths", "HTTP/1.1 200 OK|Content-Length: 5|Content-Length: 6||hello", "502", Gone),
    ("a list of two lengths", "HTTP/1.1 200 OK|Content-Length: 5, 6||hello", "502", Gone),
    ("a length of no digits", "HTTP/1.1 200 OK|Content-Length: x||hello", "502", Gone),
    ("a length with a sign", "HTTP/1.1 200 OK|Content-Length: +5||hello", "502", Gone),
    (
        "a length and chunks",
        "HTTP/1.1 200 OK|Content-Length: 5|Transfer-Encoding: chunked||5|hello|0||",
        "502",
        Gone,
    ),
    (
        "chunks and a length",
        "HTTP/1.1 200 OK|Transfer-Encoding: chunked|Content-Length: 5||5|hello|0||",
        "502",
        Gone,
    ),
    ("another coding", "HTTP/1.1 200 OK|Transfer-Encoding: gzip, chunked||5|hello|0||", "502", Gone),
    (
        "chunks twice",
        "HTTP/1.1 200 OK|Transfer-Encoding: chunked|Transfer-Encoding: chunked||5|hello|0||",
        "502",
        Gone,
    ),
    ("chunks that are not the last", "HTTP/1.1 200 OK|Transfer-Encoding: chunked, gzip||hello✂", "502", Gone),
    ("chunks from HTTP/1.0", "HTTP/1.0 200 OK|Transfer-Encoding: chunked||5|hello|0||", "502", Gone),
    ("a folded line", "HTTP/1.1 200 OK|X: y| z|Content-Length: 0||", "502", Gone),
    ("a carriage return alone", "HTTP/1.1 200 OK|X: y\rz|Content-Length: 0||", "502", Gone),
    ("NUL", "HTTP/1.1 200 OK|X: \0|Content-Length: 0||", "502", Gone),
    ("space before a colon", "HTTP/1.1 200 OK|X : y|Content-Length: 0||", "502", Gone),
    ("no colon", "HTTP/1.1 200 OK|X|Content-Length: 0||", "502", Gone),
    ("a status of two digits", "HTTP/1.1 99 OK|Content-Length: 0||", "502", Gone),
    ("a status of four", "HTTP/1.1 2000 OK|Content-Length: 0||", "502", Gone),
    ("a status below all", "HTTP/1.1 099 OK|Content-Length: 0||", "502", Gone),
    ("a status of letters", "HTTP/1.1 2OO OK|Content-Length: 0||", "502", Gone),
    ("no status", "HTTP/1.1|Content-Length: 0||", "502", Gone),
    ("version 2", "HTTP/2.0 200 OK|Content-Length: 0||", "502", Gone),
    ("version 0.9", "<h1>hello</h1>✂", "502", Gone),
    ("another protocol", "SSH-2.0-OpenSSH_9.9|", "502", Gone),
    ("TLS", "\u{15}\u{3}\u{1}\0\u{2}\u{2}F", "502", Gone),
    (
        "a switch that nobody asked for",
        "HTTP/1.1 101 Switching Protocols|Connection: Upgrade|Upgrade: websocket||",
        "502",
        Gone,
    ),
];

/// Whatever comes after an answer is nobody's.
const MORE: &[Row] = &[
    (
        "a second answer",
        "HTTP/1.1 200 OK|Content-Length: 5||helloHTTP/1.1 200 OK|Content-Length: 4||evil",
        "200|content-length: 5||hello",
        Gone,
    ),
    (
        "a second answer after chunks",
        "HTTP/1.1 200 OK|Transfer-Encoding: chunked||5|hello|0||HTTP/1.1 200 OK|Content-Length: 4||evil",
        "200|transfer-encoding: chunked||hello",
        Gone,
    ),
    (
        "a second answer after nothing",
        "HTTP/1.1 200 OK|Content-Length: 0||HTTP/1.1 200 OK|Content-Length: 4||evil",
        "200|content-length: 0||",
        Gone,
    ),
    (
        "more than the length",
        "HTTP/1.1 200 OK|Content-Length: 5||hello world",
        "200|content-length: 5||hello",
        Gone,
    ),
    (
        "a line end too many",
        "HTTP/1.1 200 OK|Content-Length: 5||hello|",
        "200|content-length: 5||hello",
        Gone,
    ),
    (
        "no content, and yet",
        "HTTP/1.1 204 No Content||HTTP/1.1 200 OK|Content-Length: 4||evil",
        "204||",
        Gone,
    ),
    ("no content that is announced", "HTTP/1.1 204 No Content|Content-Length: 5||", "204||", Gone),
    ("no content in chunks", "HTTP/1.1 204 No Content|Transfer-Encoding: chunked||0||", "204||", Gone),
    ("not modified, and yet", "HTTP/1.1 304 Not Modified|Content-Length: 5||hello", "304||", Gone),
];

/// What is too much, or never comes to the point.
#[tokio::test]
async fn an_answers_head_has_bounds() {
    let leak = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    let fields = |count: usize| -> String { (0..count).map(|at| format!("X-{at}: y|")).collect() };
    let rows = vec![
        ("too many fields", leak(format!("HTTP/1.1 200 OK|{}Content-Length: 0||", fields(100))), "502", Gone),
        ("an endless value", leak(format!("HTTP/1.1 200 OK|X: {}", "y".repeat(1_000_000))), "502", Gone),
        (
            "many words before the answer",
            leak(format!("{}HTTP/1.1 204 No Content||", "HTTP/1.1 100 Continue||".repeat(1000))),
            "204||",
            Again,
        ),
    ];
    replies(rows.leak()).await;
}

#[tokio::test]
async fn a_whole_answer_passes() {
    replies(WHOLE).await;
}

#[tokio::test]
async fn an_answer_that_is_cut_is_seen_to_be_cut() {
    replies(CUT).await;
}

#[tokio::test]
async fn an_answer_that_may_mean_anything_is_not_passed_on() {
    replies(BAD).await;
}

#[tokio::test]
async fn what_comes_after_an_answer_is_nobodys() {
    replies(MORE).await;
}
