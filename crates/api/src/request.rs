//! What a client asks for.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// `submit`: a task, or with `decompose` a goal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submit {
    /// The request's id: a repeat is the same request.
    pub id: Uuid,
    /// What to do.
    pub text: String,
    /// The project; without one it is named after the repository.
    #[serde(default)]
    pub project: Option<String>,
    /// An absolute path or a URL.
    pub repo: String,
    /// The role of the agent; without one it is found from the text.
    #[serde(default)]
    pub role: Option<String>,
    /// The runtime; without one the node's default.
    #[serde(default)]
    pub runtime: Option<String>,
    /// `high`, `normal` or `low`; without one it is found from the text.
    #[serde(default)]
    pub priority: Option<String>,
    /// The check command.
    #[serde(default)]
    pub check: Option<String>,
    /// The tasks that must be done before.
    #[serde(default)]
    pub depends_on: Vec<String>,
    /// Whether the text is a goal to be split into tasks.
    #[serde(default)]
    pub decompose: bool,
    /// How many agents may work at once.
    #[serde(default)]
    pub agents_max: Option<u32>,
}

/// `run PLANFILE`: a whole plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The request's id: a repeat is the same request.
    pub id: Uuid,
    /// The text of the plan file.
    pub plan: String,
    /// The plan file's name, for error messages.
    pub name: String,
    /// The repository, where the plan names none: an absolute path or a URL.
    pub repo: String,
    /// The folder that relative paths in the plan begin at.
    pub folder: String,
    /// How many agents may work at once; without it the plan's number.
    #[serde(default)]
    pub agents_max: Option<u32>,
    /// The runtime of tasks that name none; without it the plan's, then the node's default.
    #[serde(default)]
    pub runtime: Option<String>,
}

/// What a submission came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submitted {
    /// The project.
    pub project: String,
    /// Its new tasks.
    pub tasks: Vec<String>,
    /// What the person should know: the repository is dirty, say.
    pub notes: Vec<String>,
}

/// `message`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// The message's id: a repeat is the same message.
    pub id: Uuid,
    /// `orchestrator`, `project/NAME` or `agent/NAME`.
    pub target: String,
    /// The text.
    pub text: String,
    /// `high`, `normal` or `low`.
    #[serde(default)]
    pub priority: Option<String>,
    /// The conversation that it belongs to.
    #[serde(default)]
    pub conversation: Option<String>,
    /// Seconds after which it is no longer worth delivering.
    #[serde(default)]
    pub expires_s: Option<u64>,
}

/// `agent create`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewAgent {
    /// Its name.
    pub id: String,
    /// Its role.
    pub role: String,
    /// The runtime; without one the node's default.
    #[serde(default)]
    pub runtime: Option<String>,
    /// The model.
    #[serde(default)]
    pub model: Option<String>,
}

/// `approvals approve|deny`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// Whether it may.
    pub allow: bool,
    /// Told to the program on a refusal.
    #[serde(default)]
    pub reason: Option<String>,
}

/// `project accept|discard`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// The request's id: a repeat is the same request.
    pub id: Uuid,
    /// Whether it is accepted.
    pub accept: bool,
    /// The branch to merge into; without one the branch that is checked out.
    #[serde(default)]
    pub into: Option<String>,
}

/// `stop`, `agent stop`, `project stop`: why.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
}

/// `project start`, `run` without a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// How many agents may work at once from now on; without it as before.
    #[serde(default)]
    pub agents_max: Option<u32>,
}

/// `cleanup`: what was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cleanup {
    /// Agents whose workspaces were removed.
    pub workspaces: Vec<String>,
    /// Hidden refs that keep what was not merged.
    pub kept: Vec<String>,
    /// Left-over processes of ours that were ended.
    pub processes: Vec<u32>,
}

/// `doctor`: what was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What was looked at.
    pub check: String,
    /// `ok`, `warning` or `problem`.
    pub level: String,
    /// What was found, and what to do.
    pub text: String,
}

/// The verification of the log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogVerified {
    /// Streams read.
    pub streams: u64,
    /// Commits read.
    pub commits: u64,
    /// What is damaged; empty when all is well.
    pub damages: Vec<String>,
}
