//! `status`, `nodes` and `placement explain`.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The cluster at a glance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The cluster's name.
    pub cluster: String,
    /// The version of the answering node.
    pub version: String,
    /// `embedded`, `nats` or `memory`.
    pub substrate: String,
    /// The nodes.
    pub nodes: Vec<Node>,
    /// Who leads.
    pub leaders: Leaders,
    /// Whether the fleet switch is off, and why.
    pub fleet_stopped: Option<String>,
    /// How many projects are open.
    pub projects: u64,
    /// How many tasks are in each state.
    pub tasks: TaskCounts,
    /// How many agents are in each state.
    pub agents: BTreeMap<String, u64>,
    /// How many permission requests wait for a person.
    pub approvals: u64,
    /// What a person should look at.
    pub alerts: Vec<Alert>,
}

/// Something that a person should look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// When it was raised.
    pub at: DateTime<Utc>,
    /// Where: an actor or a part of the node.
    pub subject: String,
    /// What happened, and what to do.
    pub text: String,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// `ready`, `cordoned`, `draining` or `gone`.
    pub state: String,
    /// Its present boot.
    pub incarnation: String,
    /// Processors that it may use (a cgroup limit counts).
    pub cpu_count: f64,
    /// How much of them is used, 0 to 100.
    pub cpu_used_pct: f64,
    /// Memory that it may use (a cgroup limit counts).
    pub memory_total_bytes: u64,
    /// Memory that is free for use.
    pub memory_available_bytes: u64,
    /// How many agents it runs.
    pub agents: u64,
    /// Its labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The runtimes whose programs it has.
    #[serde(default)]
    pub runtimes: Vec<String>,
}

/// Who leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaders {
    /// The orchestrator.
    pub orchestrator: Option<Leader>,
    /// The placement actor.
    pub placement: Option<Leader>,
}

/// The holder of a singleton.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leader {
    /// The node.
    pub node: String,
    /// The fencing number.
    pub epoch: u64,
}

/// How many tasks are in each state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskCounts {
    /// Wait for other tasks, or for their next try.
    pub pending: u64,
    /// Wait for an agent.
    pub ready: u64,
    /// An agent has them, or their work is being merged.
    pub running: u64,
    /// Merged, check passed.
    pub done: u64,
    /// Given up.
    pub failed: u64,
    /// Cancelled by a person.
    pub cancelled: u64,
}

/// Why an agent is where it is, or what it waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The agent.
    pub agent: String,
    /// `active`, `reserved`, `queued`, `quarantined`, `released` or `unknown`.
    pub state: String,
    /// The node, where it has one.
    pub node: Option<String>,
    /// Why, in one sentence.
    pub summary: String,
    /// One line per node: why it was chosen or not.
    pub reasons: Vec<String>,
}
