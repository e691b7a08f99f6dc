//! `tasks` and `task show`.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A task in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Its name.
    pub id: String,
    /// Its first line.
    pub title: String,
    /// `pending`, `ready`, `running`, `done`, `failed` or `cancelled`.
    pub state: String,
    /// While it runs: `working`, `queued`, `integrating` or `conflict`.
    pub stage: Option<String>,
    /// Its project.
    pub project: String,
    /// The role that it asks for.
    pub role: String,
    /// `high`, `normal` or `low`.
    pub priority: String,
    /// The tasks that must be done before.
    pub depends_on: Vec<String>,
    /// The agent that has it, or had it last.
    pub agent: Option<String>,
    /// How many tries were begun.
    pub attempts: u32,
    /// The branch it is worked on, in the agent's clone.
    pub branch: String,
    /// Its newest commits; the last one is the merge commit.
    pub commits: Vec<String>,
    /// What proves that it is done.
    pub evidence: Option<Evidence>,
    /// What went wrong last, or what it waits for.
    pub reason: Option<String>,
    /// When its first try began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
}

/// What proves that a task is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The merge commit on the project's branch.
    pub commit: String,
    /// The check command, where there is one.
    pub check: Option<String>,
    /// The end of the check's output.
    pub output: String,
    /// How long the check took.
    pub check_ms: u64,
}

/// Everything about a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskDetail {
    /// What the list shows.
    #[serde(flatten)]
    pub task: Task,
    /// Everything that the program is told.
    pub text: String,
    /// Its own check command.
    pub check: Option<String>,
    /// The task whose merge conflict it resolves.
    pub resolves: Option<String>,
    /// What its next try is told besides.
    pub feedback: Option<String>,
}
