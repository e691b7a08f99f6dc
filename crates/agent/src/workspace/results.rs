//! Results of attempts, and what comes of them.

use callboard_domain::id::{ProjectId, TaskId};
use serde::{Deserialize, Serialize};

use super::{CommitId, Source};

/// How [`super::Workspaces::publish`] treats what the agent left uncommitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Uncommitted {
    /// It is reported and left alone.
    #[default]
    Report,
    /// It is committed to the task's branch first.
    Commit,
}

/// A result in the blobs: the commits of one attempt as a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// The blob: `result.<project>.<task>.<attempt>`.
    pub blob: String,
    /// The task.
    pub task: TaskId,
    /// The attempt.
    pub attempt: u32,
    /// The last commit.
    pub head: CommitId,
    /// The commit that the branch began at.
    pub base: CommitId,
    /// How many commits lie between.
    pub n_commits: u64,
    /// How many changed files the agent left uncommitted; they are not in the result.
    pub n_uncommitted: u64,
}

/// What [`super::Workspaces::publish`] found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Publication {
    /// The result is stored durably.
    Published(Published),
    /// The attempt has no commit; nothing was stored.
    NoCommit {
        /// How many changed files the agent left uncommitted.
        n_uncommitted: u64,
    },
}

/// The command that decides whether a merge result is good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckSpec {
    /// A line for `sh -c`, run in a clean work tree of the merge result. Good is exit code 0.
    pub command: String,
    /// How long it may take; then its process group is killed.
    pub deadline_ms: u64,
}

/// What a check showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The command.
    pub command: String,
    /// Its exit code; `None` where a signal ended it.
    pub exit_code: Option<i32>,
    /// The end of its output, standard output and error, lossy UTF-8.
    pub output_tail: String,
    /// How long it took.
    pub duration_ms: u64,
}

/// What [`super::Workspaces::integrate`] is to merge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Integrate {
    /// The project.
    pub project: ProjectId,
    /// The result; its task and attempt identify the merge for ever.
    pub published: Published,
    /// Where the result goes to.
    pub source: Source,
    /// The commit at which the project started: the branch begins there.
    pub start: CommitId,
    /// The check; without one, a clean merge is good.
    pub check: Option<CheckSpec>,
    /// What the merge commit is to say, one line.
    pub title: String,
}

/// What came of [`super::Workspaces::integrate`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Integration {
    /// The result is in `callboard/<project>` of the source.
    Merged {
        /// The merge commit, or where the result came in with another one the branch's commit.
        commit: CommitId,
        /// Whether the branch contained it before this call.
        already: bool,
        /// What the check showed, where there was one and it is still known.
        evidence: Option<Evidence>,
    },
    /// It does not merge; nothing was changed.
    Conflict {
        /// The files in conflict.
        files: Vec<String>,
    },
    /// It merges but the check refused it; nothing was changed.
    CheckFailed(Evidence),
    /// It merges but the check did not end in time and was killed; nothing was changed.
    CheckTimedOut(Evidence),
    /// The result has no commit.
    NoCommit,
}

/// A project's result for a person to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectDiff {
    /// The common ancestor of the person's HEAD and the result.
    pub base: CommitId,
    /// The result.
    pub head: CommitId,
    /// Commits between, newest first, at most 200: abbreviated name and subject.
    pub commits: Vec<String>,
    /// `git diff --stat`.
    pub stat: String,
    /// The patch.
    pub patch: String,
    /// Whether the patch was cut at the limit.
    pub truncated: bool,
}

/// What came of [`super::Workspaces::accept`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Acceptance {
    /// The branch now contains the result.
    Accepted {
        /// The branch.
        branch: String,
        /// Its new commit.
        commit: CommitId,
        /// Whether no merge commit was needed.
        fast_forward: bool,
    },
    /// The branch contained it before.
    AlreadyAccepted {
        /// The branch.
        branch: String,
        /// Its commit.
        commit: CommitId,
    },
    /// It does not merge; nothing was changed.
    Conflict {
        /// The files in conflict.
        files: Vec<String>,
    },
    /// The person's own changes are in the way; nothing was changed.
    Dirty {
        /// The files that both sides changed.
        files: Vec<String>,
    },
    /// It cannot be done here; nothing was changed.
    Refused {
        /// Why, for the person.
        reason: String,
    },
    /// The project has no result.
    Nothing,
}

/// What came of [`super::Workspaces::discard`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Discard {
    /// The branch is gone; its commits stay under a hidden ref of the source.
    Discarded {
        /// The branch's last commit.
        commit: CommitId,
        /// The hidden ref.
        kept: String,
    },
    /// It cannot be done now; nothing was changed.
    Refused {
        /// Why, for the person.
        reason: String,
    },
    /// The project has no result.
    Nothing,
}
