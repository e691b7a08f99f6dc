//! What the node actor is asked, as JSON.

use callboard_domain::id::ActorId;
use callboard_placement::{Misfit, Request};
use serde::{Deserialize, Serialize};

/// What the node actor is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum NodeCommand {
    /// Start an actor for which room is reserved. Safe to repeat. Answer: [`Activated`].
    Activate {
        /// The actor.
        actor: ActorId,
        /// The epoch of the reservation.
        epoch: u64,
        /// What it asks of the node.
        request: Request,
        /// What its factory needs.
        spec: serde_json::Value,
    },
    /// Stop an actor; the answer (null) comes when it is gone. Safe to repeat.
    Deactivate {
        /// The actor.
        actor: ActorId,
    },
}

/// The node keeps the actor running from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activated {
    /// The epoch of its first incarnation there.
    pub epoch: u64,
}

/// Why a node does not take an actor.
#[derive(Debug, Clone, PartialEq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeRefusal {
    /// There is no room.
    #[error("the node has no room: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    NoRoom(Vec<Misfit>),
    /// An older incarnation is still stopping there.
    #[error("an older incarnation is still stopping there")]
    StillStopping,
    /// The reservation is not in force any more.
    #[error("the reservation is not in force any more: {0}")]
    Superseded(String),
    /// The node is going down.
    #[error("the node is stopping")]
    NodeStopping,
}
