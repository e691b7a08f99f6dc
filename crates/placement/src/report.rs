//! What a node says about itself once a second. In a pod, the pod's limits, not the host's.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use callboard_domain::id::{NodeName, ProgramName};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Whether a node takes actors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeState {
    /// It takes actors.
    Ready,
    /// It keeps what it has and takes nothing new.
    Cordoned,
    /// It hands over what it has.
    Draining,
    /// It left, or it was declared dead.
    Gone,
}

impl fmt::Display for NodeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ready => "ready",
            Self::Cordoned => "cordoned",
            Self::Draining => "draining",
            Self::Gone => "gone",
        })
    }
}

/// Linux pressure: the share of the last ten seconds in which something waited, in percent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Pressure {
    /// Some task waited.
    pub some_avg10_pct: f64,
    /// All tasks waited.
    pub full_avg10_pct: f64,
}

/// The processors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cpu {
    /// Processors that the system shows.
    pub count: u32,
    /// What may be used, in thousandths: the count, or the smaller cgroup quota.
    pub limit_millis: u64,
    /// How much of the limit is used, 0 to 100.
    pub used_pct: f64,
    /// The load average of one minute.
    pub load1: f64,
    /// Pressure, where the system tells it.
    pub pressure: Option<Pressure>,
}

/// The memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// What the machine has.
    pub total_bytes: u64,
    /// What can be used now without swapping, within the limit.
    pub available_bytes: u64,
    /// The cgroup limit, where there is one below the total.
    pub limit_bytes: Option<u64>,
    /// Pressure, where the system tells it.
    pub pressure: Option<Pressure>,
}

impl Memory {
    /// What may be used at most: the limit, else the total.
    #[must_use]
    pub fn capacity_bytes(&self) -> u64 {
        self.limit_bytes.map_or(self.total_bytes, |limit| limit.min(self.total_bytes))
    }
}

/// A mark that keeps actors off a node unless they tolerate it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Taint {
    /// What it is about: `gpu`, `maintenance` …
    pub key: String,
    /// Its value; may be empty.
    pub value: String,
}

/// The frame versions that a node understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Protocols {
    /// The oldest.
    pub min: u16,
    /// The newest.
    pub max: u16,
}

/// One node as placement sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeReport {
    /// The node's name.
    pub name: NodeName,
    /// New for each boot of the node process.
    pub incarnation: Uuid,
    /// Names the machine. Nodes of one host without a limit of their own share its capacity.
    pub host_id: String,
    /// Whether it takes actors.
    pub state: NodeState,
    /// The processors.
    pub cpu: Cpu,
    /// The memory.
    pub memory: Memory,
    /// Free bytes in the data folder's file system.
    pub disk_free_bytes: u64,
    /// Running agents.
    pub n_agents: u32,
    /// Agent programs that can be started there.
    pub runtimes: BTreeSet<ProgramName>,
    /// What the operator says about the node.
    pub labels: BTreeMap<String, String>,
    /// What keeps actors off it.
    pub taints: BTreeSet<Taint>,
    /// The frame versions that it understands.
    pub protocols: Protocols,
    /// The program's version, for people.
    pub version: String,
}

impl NodeReport {
    /// The ledger that its reservations are counted in.
    #[must_use]
    pub fn pool(&self) -> String {
        let shared = self.memory.limit_bytes.is_none() && !self.host_id.is_empty();
        if shared { format!("host {}", self.host_id) } else { format!("node {}", self.name) }
    }
}
