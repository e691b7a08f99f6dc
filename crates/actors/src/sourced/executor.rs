//! Who carries out what an entity owes to the world.

use std::time::Duration;

use async_trait::async_trait;
use callboard_domain::{EffectKey, Entity};

use crate::sourced::SourcedHandle;

/// Why an effect was not carried out. It is tried again for as long as the outbox holds its key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failed to carry out the effect: {reason}")]
pub struct EffectError {
    /// What went wrong.
    pub reason: String,
    /// Not before this time has passed, where the executor knows better than the back-off.
    pub retry_after: Option<Duration>,
}

impl EffectError {
    /// A failure to be retried after the back-off.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), retry_after: None }
    }
}

/// Carries out effects. One value serves all incarnations of one actor.
///
/// * `run` is called once per incarnation for each key of the outbox, again after a failure with
///   back-off, and again when it returned without having had its key removed. So it must be
///   idempotent: look whether the key's work is done or under way before doing it.
/// * The commands it returns are decided one after the other, before anything else; one of them
///   should confirm the effect, so that its key leaves the outbox. A rejected one is logged.
/// * It may run as long as the effect lives (a whole session), and talk to `me` meanwhile.
/// * Its future is dropped when the key leaves the outbox, when the effect under the key changes, and
///   when the incarnation ends. Whatever must end with it must end on drop.
/// * It runs on the actor's own thread: it must not block.
#[async_trait(?Send)]
pub trait Executor<E: Entity>: Send + Sync {
    /// Carries out `effect`.
    ///
    /// # Errors
    /// See [`EffectError`].
    async fn run(
        &self,
        key: EffectKey,
        effect: E::Effect,
        me: SourcedHandle<E>,
    ) -> Result<Vec<E::Command>, EffectError>;
}
