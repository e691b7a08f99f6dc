//! Why a command was not carried out.

use callboard_api::error::{self, Code};

/// Why a command was not carried out; its code tells the exit code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What kind.
    pub code: Code,
    /// What happened, where, and what to do.
    pub message: String,
}

impl Error {
    /// An error of this kind.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl From<error::Error> for Error {
    fn from(error: error::Error) -> Self {
        let error::Error { code, message } = error;
        Self { code, message }
    }
}

impl From<callboard_client::Error> for Error {
    fn from(error: callboard_client::Error) -> Self {
        Self::new(error.code(), error.to_string())
    }
}
