//! What a sleeping service is remembered by: two tags of its own, which outlive every gateway.

use std::collections::BTreeMap;

use super::state::Suspended;

/// The tag with the desired count that the service had.
pub(super) const COUNT: &str = "wakegate:desired-count";
/// The tag with what Application Auto Scaling was allowed to do.
pub(super) const SCALING: &str = "wakegate:scaling";

/// What the tags of a service say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Memory {
    /// The desired count before it was put to sleep.
    pub(super) count: Option<u32>,
    /// Application Auto Scaling before it was suspended; none where it is not suspended by us.
    pub(super) scaling: Option<Scaling>,
}

/// Application Auto Scaling of a service before it was put to sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scaling {
    /// The least tasks it keeps.
    pub(super) min: u32,
    /// What was suspended before, not by us.
    pub(super) before: Suspended,
}

impl Memory {
    /// Reads the tags. What is there and makes no sense is as good as not there.
    pub(super) fn read(tags: &BTreeMap<String, String>) -> Self {
        Self {
            count: tags.get(COUNT).and_then(|value| value.trim().parse().ok()),
            scaling: tags.get(SCALING).map(|value| Scaling::read(value)),
        }
    }

    /// The count to wake a service to that has `desired` now. It is never lowered, for somebody may have asked
    /// for more, and Application Auto Scaling's minimum is kept to. The remembered count gives way to one that
    /// the configuration names.
    pub(super) fn wake_to(&self, desired: u32, asked: u32, configured: bool) -> u32 {
        let remembered = self.count.filter(|_| !configured).unwrap_or_default();
        let least = self.scaling.map_or(0, |scaling| scaling.min);
        desired.max(asked).max(remembered).max(least)
    }

    /// The tags that have to be set for `self` to be remembered, where `known` already is.
    pub(super) fn missing_from(&self, known: &Self) -> Vec<(&'static str, String)> {
        let count = self.count.filter(|_| self.count != known.count).map(|count| (COUNT, count.to_string()));
        let scaling = self
            .scaling
            .filter(|_| self.scaling != known.scaling)
            .map(|scaling| (SCALING, scaling.to_string()));
        count.into_iter().chain(scaling).collect()
    }
}

impl Scaling {
    /// A tag that somebody has spoilt still says that there is something to resume.
    fn read(value: &str) -> Self {
        let mut scaling = Self { min: 0, before: Suspended::default() };
        for word in value.split_whitespace() {
            match word.split_once('=') {
                Some(("min", number)) => scaling.min = number.parse().unwrap_or_default(),
                Some(("in", "suspended")) => scaling.before.scale_in = true,
                Some(("out", "suspended")) => scaling.before.scale_out = true,
                Some(("scheduled", "suspended")) => scaling.before.scheduled = true,
                _ => {}
            }
        }
        scaling
    }
}

impl std::fmt::Display for Scaling {
    /// Only characters that a tag's value may have: letters, digits, spaces and `+ - = . _ : / @`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = |suspended| if suspended { "suspended" } else { "active" };
        let Suspended { scale_in, scale_out, scheduled } = self.before;
        let (scale_in, scale_out, scheduled) = (word(scale_in), word(scale_out), word(scheduled));
        write!(f, "min={} in={scale_in} out={scale_out} scheduled={scheduled}", self.min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_is_written_is_read() {
        for bits in 0..8_u32 {
            let before =
                Suspended { scale_in: bits & 1 > 0, scale_out: bits & 2 > 0, scheduled: bits & 4 > 0 };
            let memory = Memory { count: Some(3), scaling: Some(Scaling { min: bits, before }) };
            let written = memory.missing_from(&Memory::default());
            let read = Memory::read(
                &written.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect(),
            );
            assert_eq!(read, memory);
            assert_eq!(memory.missing_from(&read), [], "nothing is written twice");
            let allowed = |c: char| c.is_ascii_alphanumeric() || " +-=._:/@".contains(c);
            assert!(written.iter().all(|(_, value)| value.chars().all(allowed)), "{written:?}");
        }
    }

    #[test]
    fn spoilt_tags_are_harmless() {
        assert_eq!(Memory::read(&tags(&[(COUNT, "-1"), ("other", "2")])), Memory::default());
        let read = Memory::read(&tags(&[(COUNT, " 2 "), (SCALING, "min=x in=suspended nonsense =")]));
        assert_eq!(read.count, Some(2));
        let before = Suspended { scale_in: true, ..Suspended::default() };
        assert_eq!(read.scaling, Some(Scaling { min: 0, before }));
    }

    #[test]
    fn waking_never_lowers_and_keeps_to_the_minimum() {
        let remembers =
            |count, min| Memory { count, scaling: Some(Scaling { min, before: Suspended::default() }) };
        assert_eq!(Memory::default().wake_to(0, 1, false), 1);
        assert_eq!(Memory::default().wake_to(5, 1, false), 5, "somebody asked for more");
        assert_eq!(remembers(Some(3), 0).wake_to(0, 1, false), 3);
        assert_eq!(remembers(Some(3), 0).wake_to(0, 2, true), 2, "the configuration decides");
        assert_eq!(
            remembers(Some(3), 4).wake_to(0, 2, true),
            4,
            "below the minimum it would be lifted anyway"
        );
    }
}
