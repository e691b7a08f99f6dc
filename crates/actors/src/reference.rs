//! An event-sourced actor without its types: what routing registers by [`ActorId`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use callboard_domain::Entity;
use callboard_domain::id::ActorId;
use serde::{Deserialize, Serialize};

use crate::exit::ExitReason;
use crate::mailbox::AskError;
use crate::sourced::{CommandError, SourcedHandle};

/// Why a call was not done, or may not be. No self-describing parts, so that every codec can carry it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum CallError {
    /// The bytes are no command of this actor; nothing was done.
    #[error("failed to read the command: {reason}")]
    BadCommand {
        /// What is wrong with them.
        reason: String,
    },
    /// The entity refused it; nothing was stored.
    #[error("{text}")]
    Rejected {
        /// The rejection for a person.
        text: String,
        /// The rejection as JSON, for a program.
        json: String,
    },
    /// The mailbox is full; nothing was done.
    #[error("failed to call the actor: its mailbox is full")]
    Full,
    /// The actor ended before it answered. A retry with the same id is safe.
    #[error("failed to call the actor: it has stopped")]
    Stopped,
    /// A newer owner exists elsewhere: ask the directory again.
    #[error("failed to call the actor: it was fenced by epoch {by_epoch}")]
    Fenced {
        /// The epoch of the newer owner.
        by_epoch: u64,
    },
    /// No answer before the deadline; it may still be done. A retry with the same id is safe.
    #[error("failed to call the actor: no answer before the deadline")]
    TimedOut,
    /// The log did not say whether the events were stored. A retry with the same id is safe.
    #[error("failed to call the actor: the outcome is unknown, a retry with the same id is safe")]
    OutcomeUnknown,
    /// The log did not take the events; nothing was stored.
    #[error("failed to call the actor: the log is not available ({reason})")]
    Unavailable {
        /// What went wrong.
        reason: String,
    },
    /// The events are larger than the log accepts; nothing was stored.
    #[error("failed to call the actor: its events take {bytes} bytes, {bytes_max} are allowed")]
    TooLarge {
        /// The size of the commit.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
    /// The decision panicked; nothing was stored, and the actor restarts.
    #[error("failed to call the actor: the decision panicked ({message})")]
    Panicked {
        /// The panic's text.
        message: String,
    },
}

impl CallError {
    /// Whether the same call, with the same id, may succeed later or elsewhere.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::BadCommand { .. }
            | Self::Rejected { .. }
            | Self::TooLarge { .. }
            | Self::Panicked { .. } => false,
            Self::Full
            | Self::Stopped
            | Self::Fenced { .. }
            | Self::TimedOut
            | Self::OutcomeUnknown
            | Self::Unavailable { .. } => true,
        }
    }
}

impl From<AskError> for CallError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Full => Self::Full,
            AskError::Stopped => Self::Stopped,
            AskError::TimedOut => Self::TimedOut,
        }
    }
}

impl<R: std::error::Error + Serialize> From<CommandError<R>> for CallError {
    fn from(error: CommandError<R>) -> Self {
        match error {
            CommandError::Rejected(rejection) => Self::Rejected {
                text: rejection.to_string(),
                json: serde_json::to_string(&rejection).expect("rejections have a JSON form"),
            },
            CommandError::Full => Self::Full,
            CommandError::Stopped => Self::Stopped,
            CommandError::Fenced { by_epoch } => Self::Fenced { by_epoch },
            CommandError::TimedOut => Self::TimedOut,
            CommandError::OutcomeUnknown => Self::OutcomeUnknown,
            CommandError::Unavailable { reason } => Self::Unavailable { reason },
            CommandError::TooLarge { bytes, bytes_max } => {
                Self::TooLarge { bytes: bytes as u64, bytes_max: bytes_max as u64 }
            }
            CommandError::Panicked { message } => Self::Panicked { message },
        }
    }
}

#[async_trait]
trait Erased: Send + Sync {
    async fn call(&self, command: &[u8], deadline: Duration) -> Result<Vec<u8>, CallError>;
    async fn state(&self, deadline: Duration) -> Result<Vec<u8>, AskError>;
    async fn observable_state(&self, deadline: Duration) -> Result<serde_json::Value, AskError>;
    fn stop(&self);
    fn kill(&self);
    fn close(&self, why: ExitReason);
    fn closed(&self) -> Option<ExitReason>;
}

#[async_trait]
impl<E: Entity> Erased for SourcedHandle<E> {
    async fn call(&self, command: &[u8], deadline: Duration) -> Result<Vec<u8>, CallError> {
        let command = serde_json::from_slice(command)
            .map_err(|error| CallError::BadCommand { reason: error.to_string() })?;
        let done = self.ask(command, deadline).await?;
        Ok(serde_json::to_vec(&done).expect("numbers have a JSON form"))
    }

    async fn state(&self, deadline: Duration) -> Result<Vec<u8>, AskError> {
        let json = |state: &E::State| serde_json::to_vec(state).expect("states have a JSON form");
        self.query(deadline, json).await
    }

    async fn observable_state(&self, deadline: Duration) -> Result<serde_json::Value, AskError> {
        self.observable_state(deadline).await
    }

    fn stop(&self) {
        self.stop();
    }

    fn kill(&self) {
        self.kill();
    }

    fn close(&self, why: ExitReason) {
        self.close(why);
    }

    fn closed(&self) -> Option<ExitReason> {
        self.closed()
    }
}

/// Reaches an event-sourced actor by JSON. Cheap to clone; valid across restarts.
#[derive(Clone)]
pub struct ActorRef {
    id: ActorId,
    inner: Arc<dyn Erased>,
}

impl fmt::Debug for ActorRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ActorRef").field(&self.id).finish()
    }
}

impl<E: Entity> From<SourcedHandle<E>> for ActorRef {
    fn from(handle: SourcedHandle<E>) -> Self {
        Self { id: handle.id().clone(), inner: Arc::new(handle) }
    }
}

impl ActorRef {
    /// Who it is.
    #[must_use]
    pub fn id(&self) -> &ActorId {
        &self.id
    }

    /// Runs a command given as JSON; the answer is a [`crate::sourced::Done`] as JSON.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn call(&self, command: &[u8], deadline: Duration) -> Result<Vec<u8>, CallError> {
        self.inner.call(command, deadline).await
    }

    /// The entity's state as JSON.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn state(&self, deadline: Duration) -> Result<Vec<u8>, AskError> {
        self.inner.state(deadline).await
    }

    /// The shell's account of itself.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn observable_state(
        &self,
        deadline: Duration,
    ) -> Result<serde_json::Value, AskError> {
        self.inner.observable_state(deadline).await
    }

    /// See [`SourcedHandle::stop`].
    pub fn stop(&self) {
        self.inner.stop();
    }

    /// See [`SourcedHandle::kill`].
    pub fn kill(&self) {
        self.inner.kill();
    }

    /// See [`SourcedHandle::close`].
    pub fn close(&self, why: ExitReason) {
        self.inner.close(why);
    }

    /// See [`SourcedHandle::closed`].
    #[must_use]
    pub fn closed(&self) -> Option<ExitReason> {
        self.inner.closed()
    }
}
