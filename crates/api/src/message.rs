//! `message`, `receipt` and `events`.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The message's id.
    pub id: String,
    /// The actor it was sent to.
    pub target: String,
    /// `accepted`, `routed`, `delivered`, `started`, `unconfirmed`, `answered`, `refused`, `expired`
    /// or `dead`.
    pub state: String,
    /// Every step, oldest first.
    pub history: Vec<Step>,
    /// The answer, or the reason of a final refusal.
    pub answer: Option<String>,
}

/// One step of a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The state reached.
    pub state: String,
    /// When.
    pub at: DateTime<Utc>,
    /// On which node.
    pub node: String,
}

/// An event of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its place in the total order: `events --from` takes it.
    pub seq: u64,
    /// The actor that it happened to.
    pub actor: String,
    /// When.
    pub at: Option<DateTime<Utc>>,
    /// The fencing number of the incarnation that decided it.
    pub epoch: u64,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: String,
    /// The whole event.
    pub data: serde_json::Value,
}
