//! Names and values of fields (RFC 9110 section 5).

use super::table::{Row, answered, http1, passes, refused};

const NAMES: &[Row] = &[
    (
        "names are in small letters",
        "GET / HTTP/1.1|Host: a|X-UPPER: Y||",
        passes("GET / HTTP/1.1|host: a|x-upper: Y||"),
    ),
    (
        "all that a token has",
        "GET / HTTP/1.1|Host: a|!#$%&'*+-.^_`~1: y||",
        passes("GET / HTTP/1.1|host: a|!#$%&'*+-.^_`~1: y||"),
    ),
    ("a parenthesis", "GET / HTTP/1.1|Host: a|X(: y||", refused(&[400])),
    ("a slash", "GET / HTTP/1.1|Host: a|X/Y: y||", refused(&[400])),
    ("a bracket", "GET / HTTP/1.1|Host: a|X[0]: y||", refused(&[400])),
    ("a space", "GET / HTTP/1.1|Host: a|X Y: y||", refused(&[400])),
    ("a byte beyond ASCII", "GET / HTTP/1.1|Host: a|X\u{e4}: y||", refused(&[400])),
    ("NUL", "GET / HTTP/1.1|Host: a|X\0: y||", refused(&[400])),
    ("a name of HTTP/2", "GET / HTTP/1.1|Host: a|:path: /evil||", refused(&[400])),
    (
        "a name several times",
        "GET / HTTP/1.1|Host: a|X: 1|Y: 2|x: 3||",
        passes("GET / HTTP/1.1|host: a|x: 1|x: 3|y: 2||"),
    ),
    (
        "cookies become one",
        "GET / HTTP/1.1|Host: a|Cookie: a=1|Cookie: b=2||",
        passes("GET / HTTP/1.1|host: a|cookie: a=1; b=2||"),
    ),
    (
        "two passwords",
        "GET / HTTP/1.1|Host: a|Authorization: Basic eDp5|Authorization: Basic eTp4||",
        passes("GET / HTTP/1.1|host: a|authorization: Basic eDp5|authorization: Basic eTp4||"),
    ),
];

const VALUES: &[Row] = &[
    (
        "bytes beyond ASCII",
        "GET / HTTP/1.1|Host: a|X: \u{e4}\u{ff}||",
        passes("GET / HTTP/1.1|host: a|x: \u{e4}\u{ff}||"),
    ),
    ("a tab within", "GET / HTTP/1.1|Host: a|X: y\tz||", passes("GET / HTTP/1.1|host: a|x: y\tz||")),
    (
        "quotes and commas",
        "GET / HTTP/1.1|Host: a|X: \"a, b\", c;d=\"\\\"\"||",
        passes("GET / HTTP/1.1|host: a|x: \"a, b\", c;d=\"\\\"\"||"),
    ),
    ("a colon", "GET / HTTP/1.1|Host: a|X: y: z||", passes("GET / HTTP/1.1|host: a|x: y: z||")),
    ("a control character", "GET / HTTP/1.1|Host: a|X: \u{1}||", refused(&[400])),
    ("DEL", "GET / HTTP/1.1|Host: a|X: \u{7f}||", refused(&[400])),
    ("an escape", "GET / HTTP/1.1|Host: a|X: \u{1b}[2J||", refused(&[400])),
    ("a vertical tab", "GET / HTTP/1.1|Host: a|X: a\u{b}b||", refused(&[400])),
];

#[tokio::test]
async fn a_name_is_a_token() {
    http1(NAMES).await;
}

#[tokio::test]
async fn a_value_is_text() {
    http1(VALUES).await;
}

/// What is too much is refused before it is looked at.
#[tokio::test]
async fn a_head_has_bounds() {
    let fields = |count: usize| -> String { (0..count).map(|at| format!("X-{at}: y|")).collect() };
    let leak = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    http1(&[
        ("a hundred fields", leak(format!("GET / HTTP/1.1|Host: a|{}|", fields(101))), refused(&[431])),
        (
            "a long value",
            leak(format!("GET / HTTP/1.1|Host: a|X: {}||", "y".repeat(70_000))),
            refused(&[431]),
        ),
        (
            "a long name",
            leak(format!("GET / HTTP/1.1|Host: a|{}: y||", "x".repeat(66_000))),
            answered(&[431], ""),
        ),
        ("a long target", leak(format!("GET /{} HTTP/1.1|Host: a||", "y".repeat(65_600))), refused(&[431])),
    ])
    .await;
}
