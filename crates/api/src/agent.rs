//! `agents`, `agent show` and `approvals`.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// An agent in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// Its name.
    pub id: String,
    /// Its role.
    pub role: String,
    /// Its project; none for an agent made by a person.
    pub project: Option<String>,
    /// `requested`, `starting`, `idle`, `working`, `awaiting-approval`, `stopped`, `failed`,
    /// `quarantined` or `archived`.
    pub state: String,
    /// Its node; none while it waits for one.
    pub node: Option<String>,
    /// The fencing number of its incarnation.
    pub epoch: u64,
    /// The runtime that drives its program.
    pub runtime: String,
    /// Its task.
    pub task: Option<String>,
    /// The process id of its program's guard on the node.
    pub pid: Option<u32>,
    /// How often its program was lost and started again.
    pub restarts: u32,
    /// Why it is stopped, failed or quarantined; what it waits for; or what it said last.
    pub reason: Option<String>,
}

/// Everything about an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentDetail {
    /// What the list shows.
    #[serde(flatten)]
    pub agent: Agent,
    /// The model, where the program takes one.
    pub model: Option<String>,
    /// The provider's conversation.
    pub session: Option<String>,
    /// The newest checkpoint.
    pub checkpoint: Option<Checkpoint>,
    /// What it said last about its progress.
    pub progress: Option<String>,
    /// Tokens and cost so far.
    pub usage: Usage,
    /// Messages that wait.
    pub messages_waiting: u64,
    /// Permission requests that wait for a person.
    pub approvals: Vec<Approval>,
    /// When it was last seen to do something.
    pub active_at: Option<DateTime<Utc>>,
}

impl AgentDetail {
    /// An agent of which nothing is known but that it is wanted.
    #[must_use]
    pub fn without_events(agent: Agent) -> Self {
        Self {
            agent,
            model: None,
            session: None,
            checkpoint: None,
            progress: None,
            usage: Usage::default(),
            messages_waiting: 0,
            approvals: Vec::new(),
            active_at: None,
        }
    }
}

/// A checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Its number.
    pub seq: u64,
    /// The commit that holds the work in progress.
    pub commit: String,
    /// The size of the blob.
    pub bytes: u64,
    /// When it was taken.
    pub at: DateTime<Utc>,
}

/// Tokens and cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens read.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// Tokens read from the provider's cache.
    pub cached_tokens: u64,
    /// Cost in millionths of a US dollar, as far as programs report it.
    pub cost_micro_usd: u64,
}

/// A piece of what an agent's program said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// The text.
    pub text: String,
    /// Where the next piece begins.
    pub next: u64,
}

/// A permission request that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Its id.
    pub id: String,
    /// Who asks.
    pub agent: String,
    /// The project of the agent.
    pub project: Option<String>,
    /// The tool.
    pub tool: String,
    /// The exact command, where there is one.
    pub command: Option<String>,
    /// The files it would touch.
    pub files: Vec<String>,
    /// The folder in which it would run.
    pub folder: String,
    /// The program's own words.
    pub description: String,
    /// When it was asked.
    pub at: DateTime<Utc>,
}
