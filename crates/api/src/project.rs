//! `projects`, `project show`, `project diff` and reviews.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::agent::Agent;
use crate::status::TaskCounts;
use crate::task::Task;

/// A project in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// Its name.
    pub id: String,
    /// What is to be reached.
    pub goal: String,
    /// `open`, `stopped` or `archived`.
    pub state: String,
    /// Where the code comes from.
    pub source: String,
    /// The branch that collects the work, in the source.
    pub branch: String,
    /// The newest commit of that branch.
    pub head: Option<String>,
    /// How many tasks are in each state.
    pub tasks: TaskCounts,
    /// How many agents it has.
    pub agents: u64,
    /// How many it may have.
    pub agents_max: u32,
    /// Whether nothing more will happen by itself.
    pub settled: bool,
    /// When it was made.
    pub created_at: Option<DateTime<Utc>>,
}

/// Everything about a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectDetail {
    /// What the list shows.
    #[serde(flatten)]
    pub project: Project,
    /// The check command of its tasks.
    pub check: Option<String>,
    /// Its tasks.
    pub task_list: Vec<Task>,
    /// Its agents.
    pub agent_list: Vec<Agent>,
    /// What a person decided last about the result.
    pub review: Option<Review>,
}

/// What a person decided about the result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// The id of the request.
    pub id: String,
    /// `accept` or `discard`.
    pub action: String,
    /// `running`, `accepted`, `discarded` or `refused`.
    pub state: String,
    /// The branch and commit, the hidden ref, or why it was refused.
    pub text: Option<String>,
}

/// The result of a project, to be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diff {
    /// The project.
    pub project: String,
    /// The common ancestor of the person's HEAD and the result.
    pub base: String,
    /// The result.
    pub head: String,
    /// Its commits, newest first.
    pub commits: Vec<String>,
    /// How many lines changed in each file.
    pub stat: String,
    /// The patch.
    pub patch: String,
    /// Whether the patch was cut at the limit.
    pub truncated: bool,
}
