//! What a command came to.

use callboard_substrate::log::Position;
use serde::{Deserialize, Serialize};

use crate::mailbox::AskError;

/// A command that is done: its events are stored, or it was a duplicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// The place in the total order of the actor's last commit: a reader that has seen it has seen
    /// what this command did.
    pub position: Position,
    /// The index of the actor's last commit in its own stream.
    pub index: u64,
}

/// Why a command was not done, or may not be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum CommandError<R: std::error::Error + 'static> {
    /// The entity refused it; nothing was stored.
    #[error(transparent)]
    Rejected(R),
    /// The mailbox is full; nothing was done.
    #[error("failed to run the command: the actor's mailbox is full")]
    Full,
    /// The actor ended before it answered. A retry with the same id is safe.
    #[error("failed to run the command: the actor has stopped")]
    Stopped,
    /// A newer owner exists elsewhere: ask the directory again.
    #[error("failed to run the command: the actor was fenced by epoch {by_epoch}")]
    Fenced {
        /// The epoch of the newer owner.
        by_epoch: u64,
    },
    /// No answer before the deadline; it may still be done. A retry with the same id is safe.
    #[error("failed to run the command: no answer before the deadline")]
    TimedOut,
    /// The log did not say whether the events were stored. The actor reloads; a retry with the same
    /// id is safe, and settles it.
    #[error("failed to run the command: its outcome is unknown, a retry with the same id is safe")]
    OutcomeUnknown,
    /// The log did not take the events; nothing was stored.
    #[error("failed to run the command: the log is not available ({reason})")]
    Unavailable {
        /// What went wrong.
        reason: String,
    },
    /// The events are larger than the log accepts; nothing was stored.
    #[error("failed to run the command: its events take {bytes} bytes, {bytes_max} are allowed")]
    TooLarge {
        /// The size of the commit.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The decision panicked; nothing was stored, and the actor restarts.
    #[error("failed to run the command: the decision panicked ({message})")]
    Panicked {
        /// The panic's text.
        message: String,
    },
}

impl<R: std::error::Error> CommandError<R> {
    /// Whether the same command, with the same id, may succeed later or elsewhere.
    #[must_use]
    pub fn retryable(&self) -> bool {
        !matches!(self, Self::Rejected(_) | Self::TooLarge { .. } | Self::Panicked { .. })
    }
}

impl<R: std::error::Error> From<AskError> for CommandError<R> {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Full => Self::Full,
            AskError::Stopped => Self::Stopped,
            AskError::TimedOut => Self::TimedOut,
        }
    }
}
