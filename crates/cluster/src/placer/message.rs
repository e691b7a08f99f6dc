//! What the placement actor is asked and told.

use callboard_actors::Reply;
use callboard_domain::id::{ActorId, NodeName};
use callboard_placement::{NodeReport, Request};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::directory;
use crate::routing::CallError;

/// What the placement actor is asked, as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum PlacementCommand {
    /// Want an actor to run. Safe to repeat. Answer: [`Placed`].
    Ensure {
        /// The actor.
        actor: ActorId,
        /// What it asks of a node.
        request: Request,
        /// What its factory needs.
        spec: serde_json::Value,
    },
    /// Want it not to run any more. Safe to repeat. Answer: null, when it is gone.
    Release {
        /// The actor.
        actor: ActorId,
    },
    /// Why is it where it is? Answer: [`Explanation`].
    Explain {
        /// The actor.
        actor: ActorId,
    },
    /// Its node does not keep it any more: look into the directory. Answer: null.
    Ended {
        /// The actor.
        actor: ActorId,
    },
}

/// What `ensure` came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Placed {
    /// Its node keeps it running.
    Active {
        /// The node.
        node: NodeName,
        /// The epoch of its activation; restarts there have larger ones.
        epoch: u64,
    },
    /// It waits for room.
    Queued {
        /// What is missing, and why no node fits.
        explanation: String,
    },
}

/// Why an actor is where it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The actor.
    pub actor: ActorId,
    /// Where it stands.
    pub state: directory::State,
    /// Its newest epoch.
    pub epoch: u64,
    /// What it asks of a node.
    pub request: Request,
    /// Since when it stands there.
    pub since: DateTime<Utc>,
    /// Why, for a person.
    pub text: String,
}

/// Who waits for an answer.
pub(crate) type Answer = Reply<Result<Vec<u8>, CallError>>;

/// What goes through the placement actor's mailbox.
pub(crate) enum PlacerMessage {
    /// A question.
    Command(PlacementCommand, Answer),
    /// A node's newest report.
    Report(Box<NodeReport>),
    /// What an activation came to.
    Activated {
        /// The actor.
        actor: ActorId,
        /// The epoch of its reservation.
        epoch: u64,
        /// Why its node did not take it, if it did not.
        outcome: Result<(), CallError>,
    },
    /// The actor's node has stopped it, or did not answer in time.
    Deactivated {
        /// The actor.
        actor: ActorId,
        /// Who waits for it.
        answer: Answer,
        /// Whether it is gone.
        outcome: Result<(), CallError>,
    },
    /// Compare with the directory.
    Reconcile,
}
