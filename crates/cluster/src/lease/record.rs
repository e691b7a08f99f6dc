//! What is stored of a lease. Durable JSON with a version.

use callboard_domain::id::NodeName;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

const VERSION: u32 = 1;

/// What is stored of a lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The version of this shape.
    pub v: u32,
    /// Who holds it.
    pub holder: NodeName,
    /// The holder's boot.
    pub incarnation: Uuid,
    /// Grows with every change of holder, and with every restart of the singleton.
    pub epoch: u64,
    /// Counts renewals, so that each write differs.
    pub n_renewals: u64,
    /// Given up: anyone may take it at once.
    pub released: bool,
}

impl Record {
    pub(crate) fn first(holder: &NodeName, incarnation: Uuid) -> Self {
        Self {
            v: VERSION,
            holder: holder.clone(),
            incarnation,
            epoch: 1,
            n_renewals: 0,
            released: false,
        }
    }

    pub(crate) fn taken_by(&self, holder: &NodeName, incarnation: Uuid) -> Self {
        Self { epoch: self.epoch + 1, ..Self::first(holder, incarnation) }
    }

    pub(crate) fn renewed(&self) -> Self {
        Self { n_renewals: self.n_renewals + 1, ..self.clone() }
    }

    pub(crate) fn next_epoch(&self) -> Self {
        Self { epoch: self.epoch + 1, ..self.renewed() }
    }

    pub(crate) fn given_up(&self) -> Self {
        Self { released: true, ..self.renewed() }
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
