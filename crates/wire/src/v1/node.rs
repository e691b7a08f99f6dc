//! What nodes say to each other on the bus: calls of actors, their answers, and beats.

use serde::{Deserialize, Serialize};

use crate::envelope::Schema;

/// Hands a command to an actor of the node that gets the frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// The actor, as text.
    pub actor: String,
    /// How long the caller waits.
    pub deadline_ms: u64,
    /// The command, as the actor reads it.
    pub command: Vec<u8>,
}

/// What a call came to. New variants are appended only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// The actor's answer.
    Done(Vec<u8>),
    /// No such actor is known.
    NotFound,
    /// The actor is not on this node: ask the directory again. Nothing was done.
    NotHere,
    /// The bytes are no command of this actor; nothing was done.
    BadCommand(String),
    /// The actor refused the command; nothing was done.
    Rejected {
        /// The rejection for a person.
        text: String,
        /// The rejection as JSON.
        json: String,
    },
    /// A queue is full; nothing was done.
    Full,
    /// The actor ended before it answered.
    Stopped,
    /// The deadline passed; it may still be done.
    TimedOut,
    /// It may be done, or not.
    OutcomeUnknown,
    /// Nothing was done; it may work later.
    Unavailable(String),
    /// Nothing was done, and no retry helps.
    Failed(String),
}

/// A sign of life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    /// The node's name.
    pub node: String,
    /// Its boot.
    pub incarnation: [u8; 16],
    /// Counts the beats of this boot.
    pub sequence: u64,
    /// The node's report as JSON, where this beat carries one.
    pub report: Option<Vec<u8>>,
}

impl Schema for Call {
    const ID: u16 = 0x0201;
    const VERSION: u16 = 1;
}

impl Schema for Answer {
    const ID: u16 = 0x0202;
    const VERSION: u16 = 1;
}

impl Schema for Beat {
    const ID: u16 = 0x0203;
    const VERSION: u16 = 1;
}
