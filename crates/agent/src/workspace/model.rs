//! What callers ask for and get: sources, workspaces, checkpoints.

use std::fmt;
use std::path::PathBuf;

use callboard_domain::id::{AgentId, ProjectId, TaskId};
use serde::{Deserialize, Serialize};

use super::{CommitId, Published};

/// Where a project's history comes from and its result goes to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A repository on this host, bare or not, by an absolute path.
    Path(PathBuf),
    /// A repository that git reaches by a URL.
    Url(String),
    /// A bundle in the cluster's blobs, by the blob's name. Results go to
    /// `integrated.<project>`.
    Bundle(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Url(url) => f.write_str(url),
            Self::Bundle(blob) => write!(f, "bundle {blob}"),
        }
    }
}

/// What a source is, for the person who names it. Dirty, bare, detached and shallow sources are
/// all usable: what counts is the commit of HEAD.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFacts {
    /// The source; a path is made absolute and leads to the repository's top folder.
    pub source: Source,
    /// The commit of HEAD: what a project that starts now is based on.
    pub head: CommitId,
    /// The branch that HEAD is on; `None` where it is detached.
    pub branch: Option<String>,
    /// Changed and untracked files that are not part of `head`, and so not seen by agents.
    pub n_dirty_files: u64,
    /// Whether it has no work tree.
    pub bare: bool,
    /// Whether its history is cut off.
    pub shallow: bool,
}

/// What a new task branch begins at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Base {
    /// The project's integration branch, or where it does not exist yet the commit at which the
    /// project started ([`SourceFacts::head`]).
    Project {
        /// That commit.
        start: CommitId,
    },
    /// This commit.
    Commit(CommitId),
    /// This branch of the source.
    Branch(String),
}

/// What [`super::Workspaces::prepare`] is to make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepare {
    /// The agent that will work there.
    pub agent: AgentId,
    /// The project of the task.
    pub project: ProjectId,
    /// The task.
    pub task: TaskId,
    /// The attempt at the task; a new attempt begins anew.
    pub attempt: u32,
    /// Where the history comes from.
    pub source: Source,
    /// What the branch begins at.
    pub base: Base,
    /// Results of other attempts that the agent shall find as remote branches
    /// `results/<task>-<attempt>` (to resolve a conflict).
    pub results: Vec<Published>,
    /// The epoch of the agent's owner.
    pub epoch: u64,
}

/// An agent's clone, ready to work in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workspace {
    /// The agent.
    pub agent: AgentId,
    /// The project of the present task.
    pub project: ProjectId,
    /// The present task.
    pub task: TaskId,
    /// The attempt at it.
    pub attempt: u32,
    /// The epoch of the owner that prepared or restored it.
    pub epoch: u64,
    /// The clone's work tree.
    pub folder: PathBuf,
    /// The home folder of the agent's program; session files lie under it.
    pub home: PathBuf,
    /// The task's branch.
    pub branch: String,
    /// The commit that the branch began at.
    pub base_commit: CommitId,
}

/// Where an agent without a task works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scratch {
    /// A folder that is no repository.
    pub folder: PathBuf,
    /// The home folder of the agent's program.
    pub home: PathBuf,
}

/// A stored checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointRef {
    /// The blob: `checkpoint.<agent>.<seq>`.
    pub blob: String,
    /// Its number; grows with every checkpoint of an agent, across epochs.
    pub seq: u64,
    /// The size of the blob.
    pub bytes: u64,
    /// The digest of the blob.
    pub sha256: String,
    /// The commit of the work in progress in it.
    pub commit: CommitId,
}

/// What [`super::Workspaces::checkpoint`] did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Checkpointed {
    /// A new checkpoint is stored durably.
    Taken(CheckpointRef),
    /// Nothing changed since this one.
    Unchanged(CheckpointRef),
    /// It would be over the limit; nothing was stored, the last checkpoint stays.
    TooLarge {
        /// Its size, at least.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
        /// The largest files that are therefore in no checkpoint, largest first, at most 10.
        missing: Vec<String>,
    },
}

/// What [`super::Workspaces::restore`] made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// The workspace, as it was when `from` was taken.
    pub workspace: Workspace,
    /// The number of the checkpoint that was used.
    pub seq: u64,
    /// Why the wanted checkpoint was not used but an older one, where that is so.
    pub fell_back: Option<String>,
}

/// What [`super::Workspaces::cleanup`] removed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cleanup {
    /// Agents whose workspaces were removed.
    pub removed: Vec<AgentId>,
    /// Hidden refs of the mirrors that hold their work, as `<agent> <ref>`.
    pub kept: Vec<String>,
}
