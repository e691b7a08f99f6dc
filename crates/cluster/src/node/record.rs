//! The register of nodes. Durable JSON with a version.

use std::collections::{BTreeMap, BTreeSet};

use callboard_domain::id::{NodeName, ProgramName};
use callboard_placement::{NodeState, Protocols, Taint};
use callboard_substrate::Kv;
use callboard_substrate::kv::WriteError;
use callboard_substrate::log::ReadError;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::names::{Names, node_key};

const VERSION: u32 = 1;
/// A conflict means that another boot of this name registers at the same moment.
const N_TRIES_MAX: u32 = 8;

/// What a node is, for the length of one boot.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeInfo {
    /// Its name.
    pub name: NodeName,
    /// New for each boot.
    pub incarnation: Uuid,
    /// Names the machine; nodes of one host share its capacity. Empty: unknown.
    pub host_id: String,
    /// What the operator says about it.
    pub labels: BTreeMap<String, String>,
    /// What keeps actors off it.
    pub taints: BTreeSet<Taint>,
    /// Agent programs that can be started there.
    pub runtimes: BTreeSet<ProgramName>,
    /// The frame versions that it understands.
    pub protocols: Protocols,
    /// The program's version.
    pub version: String,
}

/// What the register stores of a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeRecord {
    /// The version of this shape.
    pub v: u32,
    /// Its name.
    pub name: NodeName,
    /// Its newest boot.
    pub incarnation: Uuid,
    /// Whether it takes actors.
    pub state: NodeState,
    /// The machine.
    pub host_id: String,
    /// What the operator says about it.
    pub labels: BTreeMap<String, String>,
    /// The frame versions that it understands.
    pub protocols: Protocols,
    /// The program's version.
    pub version: String,
    /// When this state began.
    pub since: DateTime<Utc>,
}

impl NodeRecord {
    pub(crate) fn new(info: &NodeInfo, state: NodeState, since: DateTime<Utc>) -> Self {
        Self {
            v: VERSION,
            name: info.name.clone(),
            incarnation: info.incarnation,
            state,
            host_id: info.host_id.clone(),
            labels: info.labels.clone(),
            protocols: info.protocols,
            version: info.version.clone(),
            since,
        }
    }

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
}

/// Why a node could not be registered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegisterError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Writes this boot's record over any other's.
pub(crate) async fn register(
    kv: &dyn Kv,
    names: &Names,
    record: &NodeRecord,
) -> Result<(), RegisterError> {
    let key = node_key(&record.name);
    let value = serde_json::to_vec(record).expect("a node record has only string keys");
    let mut n = 0;
    loop {
        let entry = kv.get(names.nodes(), &key).await?;
        let written = match &entry {
            Some(entry) if entry.value == value => return Ok(()),
            Some(entry) => kv.update(names.nodes(), &key, value.clone(), entry.revision).await,
            None => kv.create(names.nodes(), &key, value.clone()).await,
        };
        n += 1;
        match written {
            Ok(_) => return Ok(()),
            Err(error) if n >= N_TRIES_MAX => return Err(error.into()),
            // Read again: it changed, or it may be written.
            Err(_) => {}
        }
    }
}
