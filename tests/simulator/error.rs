//! An error as an AWS API answers it; each protocol has its own way of writing it down.

use std::fmt;

/// An error of an API call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    /// The HTTP status; AWS answers 400 to nearly everything.
    pub(crate) status: u16,
    /// The name of the exception, such as `ClusterNotFoundException`.
    pub(crate) code: String,
    /// What it says.
    pub(crate) message: String,
}

impl ApiError {
    /// An error with status 400.
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { status: 400, code: code.to_owned(), message: message.into() }
    }

    /// `InvalidParameterException`, as ECS calls it.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterException", message)
    }

    /// The same error with another status.
    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}
