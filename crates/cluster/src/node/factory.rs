//! How a node makes an actor: injected, for this crate knows no entity.

use std::fmt;
use std::sync::Arc;

use callboard_actors::{ActorRef, Watch};
use callboard_domain::id::ActorId;
use futures_util::future::BoxFuture;

use crate::routing::Callee;

/// An incarnation on its way.
pub struct Started {
    /// How to reach it.
    pub actor: Arc<dyn Callee>,
    /// Its start and its end.
    pub exit: Watch,
}

impl Started {
    /// An event-sourced incarnation that was just launched.
    #[must_use]
    pub fn new(actor: ActorRef, exit: Watch) -> Self {
        Self { actor: Arc::new(actor), exit }
    }
}

impl fmt::Debug for Started {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Started").field("exit", &self.exit).finish_non_exhaustive()
    }
}

/// Why an actor could not be started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failed to start {actor}: {reason}")]
pub struct StartError {
    /// The actor.
    pub actor: ActorId,
    /// What went wrong.
    pub reason: String,
    /// Whether a later try may succeed. Otherwise the actor is quarantined at once.
    pub retryable: bool,
}

/// Makes actors from their specs.
///
/// * Called once per incarnation, with an epoch that no other incarnation of the actor ever had.
/// * Launches and returns; it need not wait until the incarnation has started.
/// * A panic in it counts as a failed start.
pub trait ActorFactory: Send + Sync {
    /// Launches an incarnation of `actor`. `spec` is what was given to `ensure`; null for the
    /// orchestrator.
    fn start(
        &self,
        actor: ActorId,
        epoch: u64,
        spec: serde_json::Value,
    ) -> BoxFuture<'static, Result<Started, StartError>>;
}
