//! What the driver and the scripted program say to each other: lines of JSON. Both are this crate.
//!
//! The driver writes [`Request`]s; the program answers with [`callboard_agent::Event`]s, all but
//! `Exited`, which only the driver can know.

use callboard_agent::event::PermissionAnswer;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// From the driver to the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Request {
    Prompt { id: Uuid, text: String },
    Answer { id: String, answer: PermissionAnswer },
    Interrupt,
}

/// A value as one line.
pub(super) fn line(value: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(value).expect("no map with keys that are no text");
    line.push(b'\n');
    line
}
