//! Ends of lines and space between words (RFC 9112 sections 2.2, 5.1 and 5.2): what passes is spelt in one way.

use super::table::{Row, http1, passes, refused};

const LINES: &[Row] = &[
    ("line feeds alone", "GET / HTTP/1.1\nHost: a\n\n", passes("GET / HTTP/1.1|host: a||")),
    ("some line feeds alone", "GET / HTTP/1.1\nHost: a|X: y\n|", passes("GET / HTTP/1.1|host: a|x: y||")),
    ("an empty line before", "|GET / HTTP/1.1|Host: a||", passes("GET / HTTP/1.1|host: a||")),
    ("empty lines before", "||\n|GET / HTTP/1.1|Host: a||", passes("GET / HTTP/1.1|host: a||")),
    ("carriage returns alone", "GET / HTTP/1.1\rHost: a\r\r", refused(&[400])),
    ("a carriage return in a value", "GET / HTTP/1.1|Host: a|X: y\rz||", refused(&[400])),
    ("a carriage return before the line's end", "GET / HTTP/1.1|Host: a|X: y\r||", refused(&[400])),
    ("a carriage return in a name", "GET / HTTP/1.1|Host: a|X\r: y||", refused(&[400])),
    ("a carriage return in the first line", "GET /\rx HTTP/1.1|Host: a||", refused(&[400])),
    ("NUL in a value", "GET / HTTP/1.1|Host: a|X: \0||", refused(&[400])),
    ("a folded line", "GET / HTTP/1.1|Host: a|X: y| z||", refused(&[400])),
    ("a line folded with a tab", "GET / HTTP/1.1|Host: a|X: y|\tz||", refused(&[400])),
    ("a fold before the first field", "GET / HTTP/1.1| X: y|Host: a||", refused(&[400])),
    ("a folded end", "GET / HTTP/1.1|Host: a|X: y| ||", refused(&[400])),
    (
        "space around a value",
        "GET / HTTP/1.1|Host: a|X: \t y z \t||",
        passes("GET / HTTP/1.1|host: a|x: y z||"),
    ),
    ("no space before a value", "GET / HTTP/1.1|Host: a|X:y||", passes("GET / HTTP/1.1|host: a|x: y||")),
    ("no value", "GET / HTTP/1.1|Host: a|X:||", passes("GET / HTTP/1.1|host: a|x: ||")),
    ("no colon", "GET / HTTP/1.1|Host: a|X||", refused(&[400])),
    ("no name", "GET / HTTP/1.1|Host: a|: y||", refused(&[400])),
    ("space before a colon", "GET / HTTP/1.1|Host: a|X : y||", refused(&[400])),
    ("a tab before a colon", "GET / HTTP/1.1|Host: a|X\t: y||", refused(&[400])),
    ("space after the version", "GET / HTTP/1.1 |Host: a||", refused(&[400])),
    ("words after the version", "GET / HTTP/1.1 x|Host: a||", refused(&[400])),
    ("small letters of the version", "GET / http/1.1|Host: a||", refused(&[400])),
    ("a version to come", "GET / HTTP/1.2|Host: a||", refused(&[400])),
    ("version 2 without its preface", "GET / HTTP/2.0|Host: a||", refused(&[400])),
    ("version 0.9", "GET /|", refused(&[400])),
    ("a version of two digits", "GET / HTTP/1.10|Host: a||", refused(&[400])),
    ("no protocol", "GET / |Host: a||", refused(&[400])),
    ("words of another protocol", "SSH-2.0-OpenSSH_9.9||", refused(&[400])),
];

#[tokio::test]
async fn a_line_ends_in_one_way_behind_the_gateway() {
    http1(LINES).await;
}
