//! Where the header blocks of an HTTP/2 client begin and end.
//!
//! A block that is begun and not ended holds up its whole connection (RFC 9113 section 4.3), and the library that reads it
//! waits without end. To bound the time, somebody must see the frames go by; nothing but their heads is looked at.

/// The length of what a client sends before its first frame (RFC 9113 section 3.4).
const PREFACE: usize = super::PREFACE.len();
/// The length of a frame's head (RFC 9113 section 4.1).
const FRAME_HEAD: usize = 9;

const HEADERS: u8 = 0x1;
const CONTINUATION: u8 = 0x9;
const END_HEADERS: u8 = 0x4;

/// Follows what a client sends, from its first byte on.
#[derive(Debug)]
pub(super) struct Frames {
    /// How much of the preface or of a frame's payload is still to come.
    left: usize,
    head: [u8; FRAME_HEAD],
    filled: usize,
    /// The frame that is under way ends a block.
    ends: bool,
    open: bool,
    ended: u64,
}

impl Frames {
    pub(super) fn new() -> Self {
        // The preface counts as a block: it is no less waited for.
        Self { left: PREFACE, head: [0; FRAME_HEAD], filled: 0, ends: true, open: true, ended: 0 }
    }

    /// The block that is under way, by the number of those before it.
    pub(super) fn open(&self) -> Option<u64> {
        self.open.then_some(self.ended)
    }

    /// Takes note of what came next.
    pub(super) fn follow(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.left > 0 {
                let count = self.left.min(bytes.len());
                self.left -= count;
                bytes = &bytes[count..];
            } else {
                let count = (FRAME_HEAD - self.filled).min(bytes.len());
                let (head, rest) = bytes.split_at(count);
                self.head[self.filled..self.filled + count].copy_from_slice(head);
                self.filled += count;
                bytes = rest;
                if self.filled < FRAME_HEAD {
                    return;
                }
                self.begin();
            }
            if self.left == 0 && self.ends {
                (self.open, self.ends) = (false, false);
                self.ended += 1;
            }
        }
    }

    fn begin(&mut self) {
        let [long, middle, short, kind, flags, ..] = self.head;
        self.left = usize::from(long) << 16 | usize::from(middle) << 8 | usize::from(short);
        self.filled = 0;
        if matches!(kind, HEADERS | CONTINUATION) {
            self.open = true;
            self.ends = flags & END_HEADERS != 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, length: u8) -> Vec<u8> {
        let mut frame = vec![0, 0, length, kind, flags, 0, 0, 0, 1];
        frame.resize(FRAME_HEAD + usize::from(length), b'x');
        frame
    }

    #[test]
    fn a_block_is_open_from_its_first_frame_to_the_end_of_its_last() {
        let mut all = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        let mut steps = vec![(all.len(), None)];
        let mut add = |frame: Vec<u8>, open| {
            all.extend(frame);
            steps.push((all.len(), open));
        };
        add(frame(4, 0, 6), None);
        add(frame(HEADERS, 0, 5), Some(1));
        add(frame(CONTINUATION, 0, 0), Some(1));
        add(frame(CONTINUATION, END_HEADERS, 3), None);
        add(frame(0, 1, 200), None);
        add(frame(HEADERS, END_HEADERS, 0), None);
        add(frame(HEADERS, END_HEADERS | 1, 9), None);
        for size in 1..all.len() {
            let mut frames = Frames::new();
            assert_eq!(frames.open(), Some(0));
            let mut at = 0;
            for &(end, open) in &steps {
                while at < end {
                    let next = end.min(at + size);
                    frames.follow(&all[at..next]);
                    at = next;
                }
                assert_eq!(frames.open(), open, "after {end} by {size}");
            }
            assert_eq!(frames.ended, 4);
        }
    }

    #[test]
    fn a_frame_that_stops_within_is_open() {
        let mut frames = Frames::new();
        frames.follow(&[0; PREFACE]);
        frames.follow(&frame(HEADERS, END_HEADERS, 9)[..FRAME_HEAD + 8]);
        assert_eq!(frames.open(), Some(1));
    }
}
