use std::fmt;
use std::sync::Arc;

use super::Time;

/// Why something did not work, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fault {
    /// For the operator: one sentence, the provider's own words where it has some.
    pub reason: Arc<str>,
    /// For a visitor: one safe sentence that tells nothing about the inside.
    pub public: &'static str,
    /// Waiting cannot help: the wake ends at once, whatever its dependencies are doing.
    pub terminal: bool,
    /// What was asked for was certainly not done, nor will it be: all is as it was before.
    pub unchanged: bool,
    /// When it happened, where that is known. A death before the dependencies were ready is forgiven.
    pub at: Option<Time>,
}

impl Fault {
    /// A fault that may pass by itself.
    pub fn new(reason: impl Into<Arc<str>>) -> Self {
        Self {
            reason: reason.into(),
            public: "The service did not start.",
            terminal: false,
            unchanged: false,
            at: None,
        }
    }

    /// A fault that waiting cannot mend.
    pub fn terminal(reason: impl Into<Arc<str>>) -> Self {
        Self { terminal: true, ..Self::new(reason) }
    }

    /// The same fault, with the sentence that visitors see.
    #[must_use]
    pub fn told_as(mut self, public: &'static str) -> Self {
        self.public = public;
        self
    }

    /// The same fault of a call that was certainly not carried out.
    #[must_use]
    pub fn unchanged(mut self) -> Self {
        self.unchanged = true;
        self
    }

    /// The same fault, with the moment it happened.
    #[must_use]
    pub fn happened_at(mut self, at: Time) -> Self {
        self.at = Some(at);
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Fault {}
