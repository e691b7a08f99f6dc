//! Why a call was not done: one closed set of errors for local and remote calls.

use std::time::Duration;

use async_trait::async_trait;
use callboard_actors::ActorRef;
use callboard_wire::v1::node::Answer;
use serde::{Deserialize, Serialize};

/// Why a call was not done, or may not be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallError {
    /// No such actor is known; nothing was done.
    #[error("failed to call the actor: it does not exist")]
    NotFound,
    /// The actor moved while the call was under way, and the deadline passed before it was found
    /// again; nothing was done.
    #[error("failed to call the actor: it is not on the node that was asked")]
    NotHere,
    /// The bytes are no command of this actor; nothing was done.
    #[error("failed to call the actor: it does not know the command ({reason})")]
    BadCommand {
        /// What is wrong with them.
        reason: String,
    },
    /// The actor refused the command; nothing was done.
    #[error("{text}")]
    Rejected {
        /// The rejection for a person.
        text: String,
        /// The rejection as JSON, for a program.
        json: String,
    },
    /// A queue on the way is full; nothing was done. Slow down.
    #[error("failed to call the actor: a queue on the way is full")]
    Full,
    /// The actor ended before it answered. A retry with the same id is safe.
    #[error("failed to call the actor: it stopped before it answered")]
    Stopped,
    /// No answer before the deadline; it may still be done. A retry with the same id is safe.
    #[error("failed to call the actor: no answer before the deadline")]
    TimedOut,
    /// It may be done, or not. A retry with the same id is safe, and settles it.
    #[error("failed to call the actor: the outcome is unknown, a retry with the same id is safe")]
    OutcomeUnknown,
    /// Nothing was done; it may work later.
    #[error("failed to call the actor: {reason}")]
    Unavailable {
        /// What it waits for.
        reason: String,
    },
    /// Nothing was done, and a retry does not help.
    #[error("failed to call the actor: {reason}")]
    Failed {
        /// What went wrong.
        reason: String,
    },
}

impl CallError {
    /// Whether the same call, with the same id, may succeed later.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::NotFound
            | Self::BadCommand { .. }
            | Self::Rejected { .. }
            | Self::Failed { .. } => false,
            Self::NotHere
            | Self::Full
            | Self::Stopped
            | Self::TimedOut
            | Self::OutcomeUnknown
            | Self::Unavailable { .. } => true,
        }
    }

    pub(crate) fn unavailable(reason: impl ToString) -> Self {
        Self::Unavailable { reason: reason.to_string() }
    }
}

impl From<callboard_actors::CallError> for CallError {
    fn from(error: callboard_actors::CallError) -> Self {
        use callboard_actors::CallError as Local;
        match error {
            Local::BadCommand { reason } => Self::BadCommand { reason },
            Local::Rejected { text, json } => Self::Rejected { text, json },
            Local::Full => Self::Full,
            Local::Stopped => Self::Stopped,
            Local::Fenced { .. } => Self::NotHere,
            Local::TimedOut => Self::TimedOut,
            Local::OutcomeUnknown => Self::OutcomeUnknown,
            Local::Unavailable { reason } => Self::Unavailable { reason },
            error @ (Local::TooLarge { .. } | Local::Panicked { .. }) => {
                Self::Failed { reason: error.to_string() }
            }
        }
    }
}

impl From<callboard_actors::AskError> for CallError {
    fn from(error: callboard_actors::AskError) -> Self {
        match error {
            callboard_actors::AskError::Full => Self::Full,
            callboard_actors::AskError::Stopped => Self::Stopped,
            callboard_actors::AskError::TimedOut => Self::TimedOut,
        }
    }
}

impl From<CallError> for Answer {
    fn from(error: CallError) -> Self {
        match error {
            CallError::NotFound => Self::NotFound,
            CallError::NotHere => Self::NotHere,
            CallError::BadCommand { reason } => Self::BadCommand(reason),
            CallError::Rejected { text, json } => Self::Rejected { text, json },
            CallError::Full => Self::Full,
            CallError::Stopped => Self::Stopped,
            CallError::TimedOut => Self::TimedOut,
            CallError::OutcomeUnknown => Self::OutcomeUnknown,
            CallError::Unavailable { reason } => Self::Unavailable(reason),
            CallError::Failed { reason } => Self::Failed(reason),
        }
    }
}

/// The result that an answer stands for.
pub(super) fn from_answer(answer: Answer) -> Result<Vec<u8>, CallError> {
    Err(match answer {
        Answer::Done(bytes) => return Ok(bytes),
        Answer::NotFound => CallError::NotFound,
        Answer::NotHere => CallError::NotHere,
        Answer::BadCommand(reason) => CallError::BadCommand { reason },
        Answer::Rejected { text, json } => CallError::Rejected { text, json },
        Answer::Full => CallError::Full,
        Answer::Stopped => CallError::Stopped,
        Answer::TimedOut => CallError::TimedOut,
        Answer::OutcomeUnknown => CallError::OutcomeUnknown,
        Answer::Unavailable(reason) => CallError::Unavailable { reason },
        Answer::Failed(reason) => CallError::Failed { reason },
    })
}

/// Why a typed question was not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError<R: std::error::Error + 'static> {
    /// The entity refused it; nothing was stored.
    #[error(transparent)]
    Rejected(R),
    /// It did not get there, or its outcome is not known.
    #[error(transparent)]
    Call(CallError),
}

impl<R: std::error::Error> AskError<R> {
    /// Whether the same command, with the same id, may succeed later.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::Rejected(_) => false,
            Self::Call(error) => error.retryable(),
        }
    }
}

/// What can be called on a node: an event-sourced actor, or one of this crate's own.
#[async_trait]
pub trait Callee: Send + Sync {
    /// Hands over a command as JSON, and waits for the answer as JSON.
    ///
    /// # Errors
    /// See [`CallError`].
    async fn call(&self, command: &[u8], deadline: Duration) -> Result<Vec<u8>, CallError>;

    /// Asks the incarnation to stop before its next message.
    fn stop(&self);

    /// Ends the incarnation where it stands.
    fn kill(&self);

    /// Refuses everything from now on: a next incarnation has a mailbox of its own.
    fn close(&self, why: callboard_actors::ExitReason);
}

#[async_trait]
impl Callee for ActorRef {
    async fn call(&self, command: &[u8], deadline: Duration) -> Result<Vec<u8>, CallError> {
        Ok(Self::call(self, command, deadline).await?)
    }

    fn stop(&self) {
        Self::stop(self);
    }

    fn kill(&self) {
        Self::kill(self);
    }

    fn close(&self, why: callboard_actors::ExitReason) {
        Self::close(self, why);
    }
}
