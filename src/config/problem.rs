use std::fmt;

/// How many problems are kept. A file of another kind would otherwise report every line it has.
const MOST: usize = 1000;

/// A place in the configuration's text; both count from one, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// One thing that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where it stands; `None` where the text could not be had at all.
    pub position: Option<Position>,
    /// The key it is about, as `services.web.idle_after` or `routes[0].host`; empty for the text as a whole.
    pub path: String,
    /// What is wrong, and where it can be said, what would be right.
    pub message: String,
}

/// Everything that is wrong with a configuration, by position. Never empty.
///
/// Shows as one problem a line, `file:line:column: key: message`, and their number at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    source: String,
    all: Vec<Problem>,
    more: usize,
}

impl Problems {
    pub(super) fn new(source: &str, mut all: Vec<Problem>) -> Self {
        all.sort();
        all.dedup();
        let more = all.len().saturating_sub(MOST);
        all.truncate(MOST);
        Self { source: source.to_owned(), all, more }
    }

    /// A single problem with the configuration as a whole.
    pub(super) fn whole(source: &str, message: impl Into<String>) -> Self {
        Self::new(source, vec![Problem { position: None, path: String::new(), message: message.into() }])
    }

    /// What the configuration is called: its file's name, or the variable's.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The problems, by position; the first thousand.
    pub fn all(&self) -> &[Problem] {
        &self.all
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Problem { position, path, message } in &self.all {
            f.write_str(&self.source)?;
            if let Some(Position { line, column }) = position {
                write!(f, ":{line}:{column}")?;
            }
            if !path.is_empty() {
                write!(f, ": {path}")?;
            }
            writeln!(f, ": {message}")?;
        }
        match self.all.len() + self.more {
            1 => f.write_str("1 problem"),
            count if self.more == 0 => write!(f, "{count} problems"),
            count => write!(f, "{count} problems, the first {} shown", self.all.len()),
        }
    }
}

impl std::error::Error for Problems {}

/// A text as it may stand in a message: without control characters, and not without end.
pub(super) fn quoted(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut shown: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    // Quotes need no escape between backticks.
    format!("`{}`", shown.replace("\\\"", "\"").replace("\\'", "'"))
}
