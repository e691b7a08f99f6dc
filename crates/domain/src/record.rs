//! What a commit of an entity holds, as stored JSON: a version and the events of one decision.
//!
//! Invariant: what any earlier version wrote decodes, through [`Entity::upcast`], or is refused with a
//! reason; no event is ever skipped.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::entity::Entity;

#[derive(Serialize)]
struct Writing<'a, T> {
    version: u32,
    events: &'a [T],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reading<'a> {
    version: u32,
    #[serde(borrow)]
    events: &'a RawValue,
}

/// Why stored events cannot be understood. The actor is parked, with an alert.
#[derive(Debug, thiserror::Error)]
pub enum BadRecord {
    /// The bytes are no record, or an event has another shape than its version promises.
    #[error("failed to read the events of a commit")]
    Json(#[from] serde_json::Error),
    /// There is no way from the stored version to this one.
    #[error("failed to upcast an event from version {version}: {reason}")]
    Upcast {
        /// The stored version.
        version: u32,
        /// Why it cannot be lifted.
        reason: String,
    },
}

/// The stored form of one decision's events.
///
/// # Errors
/// Where an event has no JSON form: a bug of the entity.
pub fn encode<E: Entity>(events: &[E::Event]) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&Writing { version: E::VERSION, events })
}

/// The events of a stored record, lifted to the present version.
///
/// # Errors
/// See [`BadRecord`].
pub fn decode<E: Entity>(body: &[u8]) -> Result<Vec<E::Event>, BadRecord> {
    let Reading { version, events } = serde_json::from_slice(body)?;
    if version == E::VERSION {
        return Ok(serde_json::from_str(events.get())?);
    }
    let old: Vec<serde_json::Value> = serde_json::from_str(events.get())?;
    let mut lifted = Vec::with_capacity(old.len());
    for event in old {
        let event =
            E::upcast(version, event).map_err(|reason| BadRecord::Upcast { version, reason })?;
        lifted.push(serde_json::from_value(event)?);
    }
    Ok(lifted)
}
