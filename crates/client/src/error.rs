//! Why a request was not done, each with the exit code it stands for.

use std::path::PathBuf;

use callboard_api::error::{self, Code};

/// Why a request was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No node runs here.
    #[error("failed to find a running node: there is no {path}; start one with `callboard up`")]
    NoNode {
        /// The runtime file that is missing.
        path: PathBuf,
    },
    /// The node's files cannot be read.
    #[error("failed to read {path}: {reason}")]
    BadFile {
        /// The runtime file, or the token's.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Nobody answers; nothing is known to be done.
    #[error("failed to reach a node at {url}: {reason}; start one with `callboard up`")]
    Unreachable {
        /// Where it should be.
        url: String,
        /// What went wrong.
        reason: String,
    },
    /// The answer took too long; the request may have had an effect.
    #[error("failed to get an answer from {url} in time: {reason}")]
    TimedOut {
        /// Where it was sent.
        url: String,
        /// What was waited for.
        reason: String,
    },
    /// The node answered with an error.
    #[error(transparent)]
    Answer(#[from] error::Error),
    /// The answer is none of a node of this version.
    #[error("failed to understand the answer of {url}: {reason}")]
    BadAnswer {
        /// Where it came from.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Error {
    /// What kind of error it is; the exit code follows from it.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::NoNode { .. } | Self::Unreachable { .. } => Code::Unreachable,
            Self::TimedOut { .. } => Code::TimedOut,
            Self::Answer(error) => error.code,
            Self::BadFile { .. } | Self::BadAnswer { .. } => Code::Failed,
        }
    }
}
