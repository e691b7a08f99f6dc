//! What an agent is told to do, and what it reports: the words between project and agent.

use serde::{Deserialize, Serialize};

use crate::fleet::Source;
use crate::id::TaskId;

/// One try of one task. Its number grows with every assignment, so that a late report of an older
/// try is recognised.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Attempt {
    /// The task.
    pub task: TaskId,
    /// 1 for the first try.
    pub n: u32,
}

impl std::fmt::Display for Attempt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.task, self.n)
    }
}

/// A task as an agent gets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brief {
    /// Which try this is.
    pub attempt: Attempt,
    /// The first line.
    pub title: String,
    /// Everything the program is told.
    pub text: String,
    /// Where the code comes from.
    pub source: Source,
    /// The source's commit at which the project started.
    pub start: String,
    /// The commits of an earlier try to go on from, where its check failed.
    #[serde(default)]
    pub from: Option<Published>,
    /// The commits that could not be merged, where this task is to resolve the conflict: they are
    /// fetched into the workspace.
    #[serde(default)]
    pub conflict: Option<Published>,
}

/// Commits of a task's branch, stored as a bundle in the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// Which try they come from.
    pub attempt: Attempt,
    /// The bundle's blob name.
    pub blob: String,
    /// The newest commit.
    pub head: String,
    /// The commit that the branch began at.
    pub base: String,
    /// How many commits.
    pub n_commits: u32,
}

/// How a try ended, as the agent reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Outcome {
    /// The program says that it is done, and there are commits.
    Published(Published),
    /// The program says that it is done, but there is no commit.
    NoCommit {
        /// Its last words.
        summary: String,
    },
    /// The program, its provider or its host failed.
    Failed {
        /// What went wrong.
        reason: String,
    },
}
