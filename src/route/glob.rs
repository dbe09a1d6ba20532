use std::fmt;

/// A pattern for a whole text: `*` stands for any run of characters, none included, `?` for any one character.
/// There is no escape.
///
/// ```
/// use wakegate::route::Glob;
///
/// assert!(Glob::new("acme-*").matches(b"acme-eu"));
/// assert!(!Glob::new("acme-?").matches(b"acme-eu"));
/// assert!(Glob::new("*").matches(b""), "present, whatever its value");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Glob {
    text: Box<str>,
    wild: bool,
    fold: bool,
}

impl Glob {
    /// A pattern that tells upper from lower case.
    pub fn new(pattern: &str) -> Self {
        Self { text: pattern.into(), wild: pattern.contains(['*', '?']), fold: false }
    }

    /// A pattern that does not tell upper from lower case, in ASCII.
    pub fn ignoring_case(pattern: &str) -> Self {
        Self { text: pattern.to_ascii_lowercase().into(), fold: true, ..Self::new(pattern) }
    }

    /// The pattern as given, in lower case if it ignores case.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the text as a whole fits. `?` takes one byte or, where the text is UTF-8, one character.
    pub fn matches(&self, text: &[u8]) -> bool {
        let pattern = self.text.as_bytes();
        match (self.wild, self.fold) {
            (false, false) => pattern == text,
            (false, true) => pattern.eq_ignore_ascii_case(text),
            (true, false) => wild(pattern, text, |byte| byte),
            (true, true) => wild(pattern, text, |byte| byte.to_ascii_lowercase()),
        }
    }
}

impl fmt::Debug for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Glob({:?})", self.text)
    }
}

/// Goes along both texts, and back to the latest `*` where they differ. An earlier `*` never needs another try:
/// what stands between the two was found at its first place, and a later one leaves less for the rest. So the
/// work is bounded by the product of the lengths, whatever the pattern.
fn wild(pattern: &[u8], text: &[u8], fold: impl Fn(u8) -> u8) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut back = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                p += 1;
                back = Some((p, t));
                continue;
            }
            Some(b'?') => {
                p += 1;
                t += 1;
                while text.get(t).is_some_and(|byte| is_continuation(*byte)) {
                    t += 1;
                }
                continue;
            }
            Some(byte) if *byte == fold(text[t]) => {
                p += 1;
                t += 1;
                continue;
            }
            _ => {}
        }
        let Some((after_star, taken)) = &mut back else { return false };
        *taken += 1;
        (p, t) = (*after_star, *taken);
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

fn is_continuation(byte: u8) -> bool {
    byte & 0b1100_0000 == 0b1000_0000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, text, fits) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("a*", "a", true),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("*ab", "aab", true),
            ("?", "", false),
            ("?", "é", true),
            ("??", "é", false),
            ("/img/?.png", "/img/7.png", true),
            ("/img/?.png", "/img/10.png", false),
            ("**", "anything", true),
        ] {
            assert_eq!(Glob::new(pattern).matches(text.as_bytes()), fits, "{pattern} against {text}");
        }
    }

    #[test]
    fn case_counts_only_when_asked() {
        assert!(!Glob::new("*Bot*").matches(b"a bot b"));
        assert!(Glob::ignoring_case("*Bot*").matches(b"a bOT b"));
        assert!(Glob::ignoring_case("Bot").matches(b"bOT"));
    }

    /// A naive matcher that tries everything, to compare with.
    fn slow(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), _) => slow(rest, text) || (!text.is_empty() && slow(pattern, &text[1..])),
            (Some((b'?', rest)), Some((_, text))) => slow(rest, text),
            (Some((a, rest)), Some((b, text))) => a == b && slow(rest, text),
            _ => false,
        }
    }

    #[test]
    fn agrees_with_the_naive_matcher() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut fits = 0;
        for _ in 0..20_000 {
            let pattern: String =
                (0..random.usize(0..7)).map(|_| *random.choice(b"ab*?").unwrap() as char).collect();
            let text: String =
                (0..random.usize(0..8)).map(|_| *random.choice(b"ab").unwrap() as char).collect();
            let expected = slow(pattern.as_bytes(), text.as_bytes());
            fits += usize::from(expected);
            assert_eq!(Glob::new(&pattern).matches(text.as_bytes()), expected, "{pattern} against {text}");
        }
        assert!((1_000..19_000).contains(&fits), "both outcomes were tried");
    }

    #[test]
    fn a_pattern_made_to_be_slow_is_not() {
        let pattern = Glob::new(&"*a".repeat(60));
        assert!(!pattern.matches(&[b"a".repeat(8_000), b"b".to_vec()].concat()));
    }
}
