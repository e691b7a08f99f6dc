//! The closed set of error codes, mapped once to HTTP and once to the exit code.

use serde::{Deserialize, Serialize};

/// What kind of error it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// It failed for a reason of its own (a task failed, say, or a bug).
    Failed,
    /// The request is wrong in itself.
    Usage,
    /// There is no such thing.
    NotFound,
    /// Not allowed, not approved, or in conflict with what is.
    Refused,
    /// No node can be reached, or the node cannot do it now.
    Unreachable,
    /// It took too long; it may have had an effect.
    TimedOut,
}

impl Code {
    /// The status of the HTTP answer.
    #[must_use]
    pub fn http_status(self) -> u16 {
        match self {
            Self::Failed => 500,
            Self::Usage => 400,
            Self::NotFound => 404,
            Self::Refused => 409,
            Self::Unreachable => 503,
            Self::TimedOut => 504,
        }
    }

    /// The exit code of the command line.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::Refused => 4,
            Self::Unreachable => 5,
            Self::TimedOut => 6,
        }
    }
}

/// An error as every interface answers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_manual() {
        let codes = [
            Code::Failed,
            Code::Usage,
            Code::NotFound,
            Code::Refused,
            Code::Unreachable,
            Code::TimedOut,
        ];
        assert_eq!(codes.map(Code::exit_code), [1, 2, 3, 4, 5, 6]);
        assert_eq!(codes.map(Code::http_status), [500, 400, 404, 409, 503, 504]);
    }
}
