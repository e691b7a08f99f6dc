//! Messages that need not survive: publish, subscribe, request with a deadline.

use std::time::Duration;

use async_trait::async_trait;

use crate::name::{Pattern, Subject};

/// A message that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Where it was sent.
    pub subject: Subject,
    /// Where an answer is awaited, if one is.
    pub reply: Option<Subject>,
    /// The bytes.
    pub payload: Vec<u8>,
}

/// Why a message was not sent or not answered.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// Nobody subscribes to the subject; nothing was delivered.
    #[error("failed to request {subject}: nobody answers there")]
    NoResponders {
        /// The subject.
        subject: Subject,
    },
    /// No answer within the deadline; the request may have had an effect.
    #[error("failed to request {subject}: no answer within {deadline:?}")]
    TimedOut {
        /// The subject.
        subject: Subject,
        /// The deadline that passed.
        deadline: Duration,
    },
    /// The payload is larger than [`Bus::payload_bytes_max`]; nothing was sent.
    #[error("failed to send to {subject}: {bytes} bytes are over the limit of {bytes_max}")]
    TooLarge {
        /// The subject.
        subject: Subject,
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The substrate cannot send now; nothing was sent.
    #[error("failed to send to {subject}: {reason}")]
    Unavailable {
        /// The subject.
        subject: Subject,
        /// What went wrong.
        reason: String,
    },
}

impl BusError {
    /// Whether the same message may be sent again without a second effect.
    #[must_use]
    pub fn retryable(&self) -> bool {
        matches!(self, Self::NoResponders { .. } | Self::Unavailable { .. })
    }
}

/// A running subscription. Dropping it ends it.
#[async_trait]
pub trait Subscription: Send {
    /// Waits for the next message. Cancel-safe. `None` when the substrate closed.
    async fn next(&mut self) -> Option<Message>;

    /// How many messages were dropped because this subscriber's bounded buffer was full.
    fn n_dropped(&self) -> u64;
}

/// The bus: at-most-once, ordered per publisher and subject, lost without a subscriber.
#[async_trait]
pub trait Bus: Send + Sync {
    /// Sends to every subscriber that there is now.
    ///
    /// # Errors
    /// See [`BusError`].
    async fn publish(&self, subject: &Subject, payload: Vec<u8>) -> Result<(), BusError>;

    /// Subscribes from now on. Messages published after this returns are seen.
    ///
    /// # Errors
    /// See [`BusError`].
    async fn subscribe(&self, pattern: &Pattern) -> Result<Box<dyn Subscription>, BusError>;

    /// Sends, and waits for the first answer to the message's `reply`.
    ///
    /// # Errors
    /// See [`BusError`].
    async fn request(
        &self,
        subject: &Subject,
        payload: Vec<u8>,
        deadline: Duration,
    ) -> Result<Vec<u8>, BusError>;

    /// The largest payload accepted, in bytes.
    fn payload_bytes_max(&self) -> usize;
}
