//! What an actor asks of a node.

use std::collections::BTreeMap;

pub use callboard_domain::fleet::Priority;
use callboard_domain::id::ProgramName;
use serde::{Deserialize, Serialize};

use crate::report::Taint;

/// Lets an actor onto a node with a taint.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Toleration {
    /// The taint's key.
    pub key: String,
    /// The taint's value; `None` tolerates any.
    pub value: Option<String>,
}

impl Toleration {
    /// Whether it covers `taint`.
    #[must_use]
    pub fn covers(&self, taint: &Taint) -> bool {
        self.key == taint.key && self.value.as_ref().is_none_or(|value| *value == taint.value)
    }
}

/// What an actor asks of a node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Request {
    /// Processor time, in thousandths of one processor.
    pub cpu_millis: u64,
    /// Memory.
    pub memory_bytes: u64,
    /// Labels that the node must have, with these values.
    pub labels: BTreeMap<String, String>,
    /// The agent program that must be installed, if one is needed.
    pub runtime: Option<ProgramName>,
    /// Two actors with the same key never share a node.
    pub anti_affinity: Option<String>,
    /// Taints that do not matter.
    pub tolerations: Vec<Toleration>,
    /// Its place in the queue.
    pub priority: Priority,
}
