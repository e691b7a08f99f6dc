//! What incarnations left behind when they stopped: their states, as they had them in memory.

use callboard_domain::id::ActorId;
use callboard_substrate::Blobs;
use callboard_substrate::name::BlobName;

/// A state that was left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// Whose.
    pub actor: ActorId,
    /// The commit after which it was so.
    pub index: u64,
    /// The state.
    pub state: serde_json::Value,
}

/// Reads what these actors left; an actor that left nothing is left out.
pub async fn read(blobs: &dyn Blobs, actors: impl Iterator<Item = &ActorId>) -> Vec<Left> {
    let mut left = Vec::new();
    for actor in actors {
        for slot in 0..2 {
            let name = BlobName::new(format!("snapshot.{}.{slot}", actor.stream()));
            let name = name.expect("an actor's id is made of legal tokens");
            if let Ok(bytes) = blobs.get(&name).await {
                left.extend(decode(actor, &bytes));
            }
        }
    }
    left
}

fn decode(actor: &ActorId, bytes: &[u8]) -> Option<Left> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let header: serde_json::Value = serde_json::from_slice(&bytes[..end]).ok()?;
    let state = serde_json::from_slice(&bytes[end + 1..]).ok()?;
    let index = header.get("index")?.as_u64()?;
    Some(Left { actor: actor.clone(), index, state })
}
