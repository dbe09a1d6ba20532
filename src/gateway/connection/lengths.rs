//! Whether the head of an HTTP/1 request gives a length.
//!
//! Where it gives a coding too, somebody may be about to smuggle a request past one who goes by the length (RFC 9112 section
//! 6.3). hyper goes by the coding and does not tell, so the lines of the head are looked at as they come.

use memchr::memchr;

const FIELD: &[u8] = b"content-length:";

/// Follows one head, however it is cut into pieces.
#[derive(Debug, Default)]
pub(super) struct Lengths {
    /// How the current line begins, and how much of that has come.
    line: [u8; FIELD.len()],
    filled: usize,
    begun: bool,
    ended: bool,
    found: bool,
}

impl Lengths {
    /// Takes note of the next bytes. `true` when with them the head has turned out to give a length.
    pub(super) fn follow(&mut self, mut bytes: &[u8]) -> bool {
        let before = self.found;
        while !self.ended && !bytes.is_empty() {
            let end = memchr(b'\n', bytes);
            let piece = &bytes[..end.unwrap_or(bytes.len())];
            let count = piece.len().min(FIELD.len() - self.filled);
            self.line[self.filled..self.filled + count].copy_from_slice(&piece[..count]);
            self.filled += count;
            let Some(end) = end else { break };
            self.line_ended();
            bytes = &bytes[end + 1..];
        }
        self.found && !before
    }

    fn line_ended(&mut self) {
        match &self.line[..self.filled] {
            // Empty lines may come before a request (RFC 9112 section 2.2).
            b"" | b"\r" => self.ended = self.begun,
            line => {
                self.begun = true;
                self.found |= line.eq_ignore_ascii_case(FIELD);
            }
        }
        self.filled = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_seen_however_its_head_is_cut() {
        for (text, found) in [
            ("GET / HTTP/1.1\r\nhost: a\r\n\r\n", false),
            ("POST / HTTP/1.1\r\nhost: a\r\nContent-LENGTH:5\r\n\r\n", true),
            ("\r\n\r\nPOST / HTTP/1.1\nhost: a\ncontent-length: 5\n\n", true),
            (
                "POST / HTTP/1.1\r\ncontent-lengths: 5\r\nx-content-length: 5\r\nx: content-length:\r\n\r\n",
                false,
            ),
            ("POST / HTTP/1.1\r\nhost: a\r\n\r\ncontent-length: 5\r\n\r\n", false),
            ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5", false),
        ] {
            for size in 1..=text.len() {
                let mut lengths = Lengths::default();
                let told = text.as_bytes().chunks(size).filter(|piece| lengths.follow(piece)).count();
                assert_eq!(told, usize::from(found), "{text:?} by {size}");
            }
        }
    }
}
