//! What an actor asks of a node.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use callboard_domain::id::ProgramName;
use serde::{Deserialize, Serialize};

use crate::report::Taint;

/// Who goes first in the queue. The first is the most urgent.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Priority {
    /// Before all others.
    High,
    /// The usual.
    #[default]
    Normal,
    /// After all others.
    Low,
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
        })
    }
}

impl FromStr for Priority {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "high" => Ok(Self::High),
            "normal" => Ok(Self::Normal),
            "low" => Ok(Self::Low),
            _ => Err(format!("{text:?} is no priority: use high, normal or low")),
        }
    }
}

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
