//! Why a command of the binary failed, with its exit code.

use callboard_api::error::Code;
use callboard_cli::Error;
use callboard_node::{ConfigError, DataError, ServeError};

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: u8,
    /// What happened, where, and what to do; empty where nobody reads any more.
    pub(crate) text: String,
}

impl Failure {
    pub(crate) fn new(code: Code, text: impl Into<String>) -> Self {
        Self { code: code.exit_code(), text: text.into() }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if callboard_cli::is_closed(&error) {
            return Self { code: 0, text: String::new() };
        }
        Self::new(error.code, error.message)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(Code::Usage, chain(&error))
    }
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Self {
        Self::new(Code::Failed, chain(&error))
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        let code = match &error {
            ServeError::Boot(error) if error.is_in_use() => Code::Refused,
            _ => Code::Failed,
        };
        Self::new(code, chain(&error))
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::new(Code::Failed, format!("{error:#}"))
    }
}

/// An error with its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(&format!(": {cause_text}"));
        }
        next = cause.source();
    }
    text
}
