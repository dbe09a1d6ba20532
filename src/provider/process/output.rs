use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, BufReader};
use tokio::task::JoinSet;
use tokio::time;

/// A line's bytes past this many are dropped.
const LONGEST_LINE: usize = 4096;
/// How many last lines of each stream are kept.
const KEPT: usize = 5;
/// How long a dead child's streams may stay open (something it started holds them) before its last lines are
/// taken as they are.
const STILL_OPEN: Duration = Duration::from_millis(200);

/// Follows what a child writes: every line goes to the log, the last ones are kept for the reason of its death.
#[derive(Debug)]
pub(super) struct Output {
    readers: JoinSet<()>,
    stdout: Tail,
    stderr: Tail,
}

type Tail = Arc<Mutex<VecDeque<String>>>;

impl Output {
    /// Follows both streams of the service of this name, until they end or the result is dropped.
    pub(super) fn follow(
        service: &Arc<str>,
        stdout: Option<impl AsyncRead + Send + Unpin + 'static>,
        stderr: Option<impl AsyncRead + Send + Unpin + 'static>,
    ) -> Self {
        let mut output = Self { readers: JoinSet::new(), stdout: Tail::default(), stderr: Tail::default() };
        if let Some(stream) = stdout {
            let (service, tail) = (service.clone(), output.stdout.clone());
            output.readers.spawn(follow(stream, tail, move |line| {
                tracing::info!(target: "service", service = &*service, stream = "stdout", "{line}");
            }));
        }
        if let Some(stream) = stderr {
            let (service, tail) = (service.clone(), output.stderr.clone());
            output.readers.spawn(follow(stream, tail, move |line| {
                tracing::info!(target: "service", service = &*service, stream = "stderr", "{line}");
            }));
        }
        output
    }

    /// The last lines of a child that has exited: its errors, or else what it said otherwise.
    pub(super) async fn last_words(&mut self) -> Option<String> {
        let all_read = async { while self.readers.join_next().await.is_some() {} };
        // Past the time, what was read so far must do.
        drop(time::timeout(STILL_OPEN, all_read).await);
        [&self.stderr, &self.stdout].into_iter().find_map(|tail| {
            let tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
            let lines: Vec<&str> = tail.iter().map(String::as_str).collect();
            (!lines.is_empty()).then(|| lines.join(" | "))
        })
    }
}

async fn follow(stream: impl AsyncRead + Unpin, tail: Tail, log: impl Fn(&str)) {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    while read_line(&mut stream, &mut line).await {
        let text = clean(&String::from_utf8_lossy(&line));
        log(&text);
        if !text.trim().is_empty() {
            let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
            if tail.len() == KEPT {
                tail.pop_front();
            }
            tail.push_back(text);
        }
    }
}

/// Reads one line into `line`, without its end and no longer than [`LONGEST_LINE`]. False at the stream's end.
async fn read_line(stream: &mut (impl AsyncBufRead + Unpin), line: &mut Vec<u8>) -> bool {
    line.clear();
    let mut any = false;
    loop {
        let chunk = match stream.fill_buf().await {
            Ok(chunk) if !chunk.is_empty() => chunk,
            // An error on a pipe is its end: there is nothing more to be had from it.
            _ => return any,
        };
        any = true;
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let part = &chunk[..end.unwrap_or(chunk.len())];
        line.extend_from_slice(&part[..part.len().min(LONGEST_LINE - line.len())]);
        let used = end.map_or(chunk.len(), |end| end + 1);
        stream.consume(used);
        if end.is_some() {
            return true;
        }
    }
}

/// The text without terminal colours and other control characters: it goes into logs, terminals and pages.
fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        if char == '\u{1b}' && chars.next_if_eq(&'[').is_some() {
            // A control sequence ends with its first byte from `@` to `~` (ECMA-48 section 5.4).
            chars.by_ref().find(|char| ('@'..='~').contains(char));
        } else if char == '\t' || !char.is_control() {
            out.push(char);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn lines(mut bytes: &[u8]) -> Vec<Vec<u8>> {
        let (mut line, mut all) = (Vec::new(), Vec::new());
        while read_line(&mut bytes, &mut line).await {
            all.push(line.clone());
        }
        all
    }

    #[tokio::test]
    async fn lines_end_where_they_end() {
        assert_eq!(lines(b"one\n\ntwo").await, [&b"one"[..], b"", b"two"]);
        assert!(lines(b"").await.is_empty());
    }

    #[tokio::test]
    async fn a_long_line_is_cut_and_the_next_one_is_whole() {
        let mut bytes = vec![b'x'; 3 * LONGEST_LINE];
        bytes.extend_from_slice(b"\nnext\n");
        let lines = lines(&bytes).await;
        assert_eq!(lines[0].len(), LONGEST_LINE);
        assert_eq!(lines[1], b"next");
    }

    #[test]
    fn control_characters_are_taken_out() {
        assert_eq!(clean("\u{1b}[1;31mred\u{1b}[0m\ta\r\u{7}\u{1b}b"), "red\tab");
        assert_eq!(clean("\u{1b}["), "");
    }

    #[tokio::test]
    async fn the_last_words_are_the_errors_if_there_are_any() {
        let name: Arc<str> = "web".into();
        let mut both = Output::follow(&name, Some(&b"1\n2\n"[..]), Some(&b"a\nb\nc\nd\ne\nf\xff\n \n"[..]));
        assert_eq!(both.last_words().await.unwrap(), "b | c | d | e | f\u{fffd}");
        let mut out = Output::follow(&name, Some(&b"1\n2\n"[..]), Some(&b""[..]));
        assert_eq!(out.last_words().await.unwrap(), "1 | 2");
        let mut none = Output::follow(&name, Some(&b""[..]), Some(&b""[..]));
        assert_eq!(none.last_words().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_stays_open_does_not_hold_up_the_last_words() {
        let (mut held, stream) = tokio::io::duplex(64);
        tokio::io::AsyncWriteExt::write_all(&mut held, b"so far\nand").await.unwrap();
        let mut output = Output::follow(&"web".into(), Some(stream), Some(&b""[..]));
        assert_eq!(output.last_words().await.unwrap(), "so far");
    }
}
