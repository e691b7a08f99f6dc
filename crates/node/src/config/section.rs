//! What can be configured. Each component owns its part; here they are only put together.

use std::collections::BTreeMap;
use std::path::PathBuf;

use callboard_domain::{agent, orchestrator, project};
use serde::{Deserialize, Serialize};

/// Everything that can be configured. An unknown key stops the start.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// This node.
    pub node: NodeSection,
    /// Logs.
    pub log: callboard_telemetry::Config,
    /// Defaults of projects.
    pub project: ProjectDefaults,
    /// Limits of the cluster.
    pub orchestrator: orchestrator::Limits,
    /// Limits of each project.
    pub project_limits: project::Limits,
    /// Limits of each agent.
    pub agent_limits: agent::Limits,
    /// The agent programs.
    pub programs: Programs,
    /// What may be done without a person.
    pub approvals: Approvals,
    /// The membership, directory and placement.
    pub cluster: callboard_cluster::Config,
    /// The actors' shell.
    pub actors: callboard_actors::sourced::Config,
    /// What the actors do.
    pub effects: callboard_orchestration::Config,
    /// The database and files.
    pub embedded: callboard_substrate_embedded::Config,
    /// The HTTP interface.
    pub gateway: callboard_gateway::Config,
    /// The staged stop.
    pub stop: callboard_actors::stop::Config,
}

/// This node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NodeSection {
    /// Its name; without one the host's.
    pub name: Option<String>,
    /// Where it keeps everything; without one `$XDG_DATA_HOME/callboard`.
    pub data_dir: Option<PathBuf>,
    /// What the operator says about it, for placement.
    pub labels: BTreeMap<String, String>,
    /// Threads on which actors run, besides the main one.
    pub arbiters: usize,
    /// Output kept per agent, in bytes; the oldest is forgotten.
    pub output_bytes_max: u64,
}

impl Default for NodeSection {
    fn default() -> Self {
        Self {
            name: None,
            data_dir: None,
            labels: BTreeMap::new(),
            arbiters: 2,
            output_bytes_max: 1024 * 1024,
        }
    }
}

/// Defaults of projects that are made on this node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProjectDefaults {
    /// How many agents may work at once.
    pub agents_max: u32,
    /// The check command.
    pub check: Option<String>,
}

impl Default for ProjectDefaults {
    fn default() -> Self {
        Self { agents_max: 3, check: None }
    }
}

/// The agent programs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Programs {
    /// The runtime of projects that name none; without it the first program that is found.
    pub default: Option<String>,
    /// More description files, or replacements of built-in ones.
    pub descriptions: Vec<PathBuf>,
    /// The model, by runtime.
    pub models: BTreeMap<String, String>,
    /// The file with credentials; without one `<data folder>/secrets.toml`.
    pub secrets: Option<PathBuf>,
    /// Whether programs may do everything without a question. Off unless a person turns it on.
    pub bypass_permissions: bool,
}

/// What may be done without a person.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Approvals {
    /// The policy file; without one everything is asked.
    pub policy: Option<PathBuf>,
}
