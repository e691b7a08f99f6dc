//! What the directory stores of one actor. Durable JSON with a version.

use callboard_domain::id::{ActorId, NodeName};
use callboard_placement::Request;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The version that is written.
pub(super) const VERSION: u32 = 1;

/// Where an actor stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum State {
    /// It waits for room.
    Queued,
    /// Room is reserved, and the node is asked.
    Reserved {
        /// The node.
        node: NodeName,
        /// When the reservation lapses. For people: the placement actor measures by its own clock.
        until: DateTime<Utc>,
    },
    /// It runs, or is being restarted, there.
    Active {
        /// The node.
        node: NodeName,
        /// The node's boot.
        incarnation: Uuid,
    },
    /// It kept failing; it stays down until it is ensured again.
    Quarantined {
        /// Where it failed.
        node: NodeName,
        /// The last failure.
        reason: String,
    },
    /// It is not wanted any more. Kept, so that its epoch is never used again.
    Released,
}

/// What the directory stores of one actor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The version of this shape.
    pub v: u32,
    /// Who.
    pub actor: ActorId,
    /// What its factory needs to start it.
    pub spec: serde_json::Value,
    /// What it asks of a node.
    pub request: Request,
    /// Where it stands.
    pub state: State,
    /// Its newest epoch; 0 before its first reservation.
    pub epoch: u64,
    /// Since when it stands there. While it waits: since when it waits.
    pub since: DateTime<Utc>,
    /// Why it stands there, for a person.
    pub why: String,
}

impl Record {
    /// Reads a stored record.
    ///
    /// # Errors
    /// The reason why it cannot be understood.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        let record: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        match record.v {
            VERSION => Ok(record),
            v => Err(format!("version {v} is unknown, this program knows {VERSION}")),
        }
    }

    /// The node that it is reserved or active on.
    #[must_use]
    pub fn node(&self) -> Option<&NodeName> {
        match &self.state {
            State::Reserved { node, .. } | State::Active { node, .. } => Some(node),
            State::Queued | State::Quarantined { .. } | State::Released => None,
        }
    }

    /// Whether it is wanted.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        !matches!(self.state, State::Released)
    }
}
