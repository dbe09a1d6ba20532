use std::fmt;
use std::process::ExitCode;

/// Why a verb did not do what it was asked to: what happened, and what to do about it.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    code: u8,
    what: String,
    hint: Option<String>,
}

impl Failure {
    /// Wrong use, or a wrong configuration: exit code 64 (`EX_USAGE` of sysexits).
    pub fn usage(what: impl Into<String>) -> Self {
        Self { code: 64, what: what.into(), hint: None }
    }

    /// Anything else: exit code 70 (`EX_SOFTWARE`).
    pub fn other(what: impl Into<String>) -> Self {
        Self { code: 70, what: what.into(), hint: None }
    }

    /// The same, with what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, with words before what happened.
    #[must_use]
    pub fn before(mut self, words: &str) -> Self {
        self.what.insert_str(0, words);
        self
    }

    /// The exit code that stands for it.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.what)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::other(error.to_string())
    }
}
