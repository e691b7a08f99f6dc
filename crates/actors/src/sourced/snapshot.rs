//! Snapshots: a shortcut for recovery, never the truth.
//!
//! One line of JSON, the header, then the state as JSON. Two slots per actor are written in turn, so
//! that the last good one survives a bad one. Whatever is wrong with a snapshot, it is ignored with an
//! alert, and the log is replayed.

use callboard_domain::Entity;
use callboard_stdx::digest::sha256_hex;
use callboard_substrate::blobs::BlobError;
use callboard_substrate::log::Version;
use callboard_substrate::name::BlobName;
use serde::{Deserialize, Serialize};

use crate::sourced::Alert;
use crate::sourced::persist::Cursor;
use crate::sourced::spec::Shared;

/// The version of the layout.
const VERSION: u32 = 1;
const N_SLOTS: u8 = 2;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    v: u32,
    entity_version: u32,
    /// The version of the stream before the last commit that the state contains. Meaningful to this
    /// substrate only, which is where the snapshot lies; proven by `digest`.
    after: u64,
    index: u64,
    epoch: u64,
    /// Of the last commit that the state contains.
    digest: String,
    /// Of the state's bytes.
    sha256: String,
}

/// A snapshot whose bytes are whole; whether it belongs to this log is still to be seen.
pub(crate) struct Snapshot<S> {
    pub(crate) state: S,
    pub(crate) after: Version,
    pub(crate) index: u64,
    pub(crate) epoch: u64,
    pub(crate) digest: String,
    pub(crate) slot: u8,
}

/// The stored bytes of a snapshot.
pub(crate) fn encode<E: Entity>(cursor: &Cursor, state: &E::State) -> Vec<u8> {
    let state = serde_json::to_vec(state).expect("states have a JSON form");
    let header = Header {
        v: VERSION,
        entity_version: E::VERSION,
        after: cursor.before.0,
        index: cursor.chain.index(),
        epoch: cursor.chain.epoch(),
        digest: cursor.chain.digest().to_owned(),
        sha256: sha256_hex(&state),
    };
    let mut bytes = serde_json::to_vec(&header).expect("numbers and text are always JSON");
    bytes.push(b'\n');
    bytes.extend_from_slice(&state);
    bytes
}

fn decode<E: Entity>(bytes: &[u8], slot: u8) -> Result<Snapshot<E::State>, String> {
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or("it has no header")?;
    let (line, state) = (&bytes[..end], &bytes[end + 1..]);
    let header: Header =
        serde_json::from_slice(line).map_err(|error| format!("bad header: {error}"))?;
    let Header { v, entity_version, after, index, epoch, digest, sha256 } = header;
    if (v, entity_version) != (VERSION, E::VERSION) {
        return Err(format!("version {v}/{entity_version}, not {VERSION}/{}", E::VERSION));
    }
    if sha256_hex(state) != sha256 {
        return Err("its checksum does not match".to_owned());
    }
    let state = serde_json::from_slice(state).map_err(|error| format!("bad state: {error}"))?;
    Ok(Snapshot { state, after: Version(after), index, epoch, digest, slot })
}

fn name<E: Entity>(shared: &Shared<E>, slot: u8) -> BlobName {
    let name = format!("snapshot.{}.{slot}", shared.stream);
    BlobName::new(name).expect("a stream and a number are legal tokens")
}

/// The readable snapshots, newest first.
pub(crate) async fn load<E: Entity>(shared: &Shared<E>) -> Vec<Snapshot<E::State>> {
    let mut snapshots = Vec::new();
    for slot in 0..N_SLOTS {
        match shared.spec.blobs.get(&name(shared, slot)).await {
            Ok(bytes) => match decode::<E>(&bytes, slot) {
                Ok(snapshot) => snapshots.push(snapshot),
                Err(reason) => ignore(shared, reason),
            },
            Err(BlobError::NotFound { .. }) => {}
            Err(error) => ignore(shared, error.to_string()),
        }
    }
    snapshots.sort_by_key(|snapshot| std::cmp::Reverse(snapshot.index));
    snapshots
}

/// Says that a snapshot is of no use.
pub(crate) fn ignore<E: Entity>(shared: &Shared<E>, reason: String) {
    let actor = shared.spec.id.to_string();
    shared.spec.alerts.raise(Alert::SnapshotIgnored { actor, reason });
}

/// Stores a snapshot; a failure is an alert, for the log has it all.
pub(crate) async fn store<E: Entity>(
    shared: &Shared<E>,
    cursor: &Cursor,
    state: &E::State,
    slot: u8,
) {
    let bytes = encode::<E>(cursor, state);
    if let Err(error) = shared.spec.blobs.put(&name(shared, slot), bytes).await {
        let actor = shared.spec.id.to_string();
        let reason = error.to_string();
        shared.spec.alerts.raise(Alert::SnapshotNotStored { actor, reason });
    }
}
