//! The port to workspaces: an agent's own clone, its checkpoints, its results, and their
//! integration into the person's repository.
//!
//! It decides nothing about tasks or agents: callers say what, implementations do it. No caller
//! needs to look into a path, so a fake can keep everything in memory.
//!
//! Invariants: the person's checked-out branch and work tree change in [`Workspaces::accept`]
//! alone; work that was not integrated is never deleted, only moved to a hidden ref; every call may
//! be repeated after a crash at any point and then gives the same result.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use async_trait::async_trait;
use callboard_domain::id::{AgentId, ProjectId, TaskId};
use serde::{Deserialize, Serialize};

/// The integration branch of `project`: `callboard/<project>`.
#[must_use]
pub fn project_branch(project: &ProjectId) -> String {
    format!("callboard/{project}")
}

/// The branch on which `task` is worked: `callboard/<project>/<task>`. It exists in agents' clones
/// alone: git cannot hold it beside [`project_branch`] in one repository.
#[must_use]
pub fn task_branch(project: &ProjectId, task: &TaskId) -> String {
    format!("callboard/{project}/{task}")
}

/// The name of a commit: 40 or 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CommitId(String);

/// A text that names no commit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failed to read commit {0:?}: use 40 or 64 lower-case hexadecimal digits")]
pub struct BadCommitId(pub String);

impl CommitId {
    /// Checks a commit's name.
    ///
    /// # Errors
    /// [`BadCommitId`] with the text, cut to 80 characters.
    pub fn new(text: impl Into<String>) -> Result<Self, BadCommitId> {
        let text = text.into();
        let legal = matches!(text.len(), 40 | 64)
            && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if legal { Ok(Self(text)) } else { Err(BadCommitId(text.chars().take(80).collect())) }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for CommitId {
    type Error = BadCommitId;
    fn try_from(text: String) -> Result<Self, BadCommitId> {
        Self::new(text)
    }
}

impl From<CommitId> for String {
    fn from(commit: CommitId) -> Self {
        commit.0
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

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

/// What [`Workspaces::prepare`] is to make.
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

/// What [`Workspaces::checkpoint`] did.
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

/// What [`Workspaces::restore`] made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// The workspace, as it was when `from` was taken.
    pub workspace: Workspace,
    /// The number of the checkpoint that was used.
    pub seq: u64,
    /// Why the wanted checkpoint was not used but an older one, where that is so.
    pub fell_back: Option<String>,
}

/// How [`Workspaces::publish`] treats what the agent left uncommitted.
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

/// What [`Workspaces::publish`] found.
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

/// What [`Workspaces::integrate`] is to merge.
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

/// What came of [`Workspaces::integrate`].
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

/// Says whether the caller still owns what it acts for. Asked right before the outside world is
/// changed.
#[async_trait]
pub trait Fence: Send + Sync {
    /// Whether the caller's epoch is still the newest. When in doubt: `false`.
    async fn holds(&self) -> bool;
}

/// A fence that always holds, for callers that cannot be superseded.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unfenced;

#[async_trait]
impl Fence for Unfenced {
    async fn holds(&self) -> bool {
        true
    }
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

/// What came of [`Workspaces::accept`].
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

/// What came of [`Workspaces::discard`].
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

/// What [`Workspaces::cleanup`] removed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cleanup {
    /// Agents whose workspaces were removed.
    pub removed: Vec<AgentId>,
    /// Hidden refs of the mirrors that hold their work, as `<agent> <ref>`.
    pub kept: Vec<String>,
}

/// Why a workspace operation failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The path does not exist.
    #[error("failed to open repository {path}: there is no such folder")]
    NotFound {
        /// The source.
        path: String,
    },
    /// The path exists but is no repository.
    #[error("failed to open repository {path}: it is not a git repository")]
    NotARepository {
        /// The source.
        path: String,
    },
    /// The repository has no commit to begin at.
    #[error("failed to use repository {path}: it has no commit yet")]
    NoCommit {
        /// The source.
        path: String,
    },
    /// The source cannot be reached now.
    #[error("failed to reach {source_name}: {reason}")]
    Unreachable {
        /// The source.
        source_name: String,
        /// What git said.
        reason: String,
    },
    /// The base is not in the source (any more).
    #[error("failed to find {base} in {source_name}")]
    BaseMissing {
        /// The commit or branch.
        base: String,
        /// The source.
        source_name: String,
    },
    /// The branch to be written is checked out, or somebody else moved it.
    #[error("failed to update {branch}: {reason}")]
    BranchRefused {
        /// The branch.
        branch: String,
        /// Why.
        reason: String,
    },
    /// Another owner has taken over; nothing was written.
    #[error("failed to {operation}: a newer owner has taken over")]
    Fenced {
        /// What was to be done.
        operation: &'static str,
    },
    /// Neither the wanted checkpoint nor an older one can be read.
    #[error("failed to restore {agent}: {reason}")]
    NoCheckpoint {
        /// The agent.
        agent: AgentId,
        /// What is wrong with each.
        reason: String,
    },
    /// A name or path was refused.
    #[error("failed to accept {what} {text:?}")]
    BadInput {
        /// What it was for.
        what: &'static str,
        /// The refused text.
        text: String,
    },
    /// A git command failed.
    #[error("failed to {operation}: {detail}")]
    Git {
        /// What was to be done.
        operation: &'static str,
        /// The end of what git said.
        detail: String,
    },
    /// A git command did not end in time and was killed.
    #[error("failed to {operation} within {deadline_ms} ms")]
    TimedOut {
        /// What was to be done.
        operation: &'static str,
        /// The deadline.
        deadline_ms: u64,
    },
    /// The blobs refused or failed.
    #[error("failed to store or read {blob}")]
    Blob {
        /// The blob's name.
        blob: String,
        /// Whether the same call may succeed later.
        retryable: bool,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file or folder of the node could not be used.
    #[error("failed to {operation} {path}")]
    Io {
        /// What was to be done.
        operation: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    /// Whether the same call may succeed later without anybody changing anything.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::Io { .. } => true,
            Self::Blob { retryable, .. } => *retryable,
            Self::NotFound { .. }
            | Self::NotARepository { .. }
            | Self::NoCommit { .. }
            | Self::BaseMissing { .. }
            | Self::BranchRefused { .. }
            | Self::Fenced { .. }
            | Self::NoCheckpoint { .. }
            | Self::BadInput { .. }
            | Self::Git { .. } => false,
        }
    }
}

/// Workspaces, checkpoints and results of one node.
///
/// Every call has deadlines of its own and ends. Every call is safe to repeat, after a success, an
/// error or a crash in its middle. Calls about different agents and projects may run at the same
/// time; calls about one agent or one project wait for each other, also for what a dropped call
/// still does. The agent may be at work during [`Workspaces::checkpoint`] and
/// [`Workspaces::publish`]; during every other call about it no process of it may run.
#[async_trait]
pub trait Workspaces: Send + Sync {
    /// Looks at a source before anything is made of it. Changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotARepository`], [`Error::NoCommit`],
    /// [`Error::Unreachable`].
    async fn inspect(&self, source: &Source) -> Result<SourceFacts, Error>;

    /// The agent's workspace, where this node has it and it is on this attempt of this task already.
    /// Changes nothing.
    ///
    /// # Errors
    /// See [`Error`].
    async fn find(&self, request: &Prepare) -> Result<Option<Workspace>, Error>;

    /// An empty folder and the home of an agent that has no task yet. Made where it is missing.
    ///
    /// # Errors
    /// See [`Error`].
    async fn scratch(&self, agent: &AgentId) -> Result<Scratch, Error>;

    /// Makes the agent's workspace, or switches it to another task. Where it already is on this
    /// attempt of this task, it is left as it is. What the last task left behind, committed or
    /// not, goes to a hidden ref first; ignored files stay.
    ///
    /// # Errors
    /// See [`Error`].
    async fn prepare(&self, request: &Prepare) -> Result<Workspace, Error>;

    /// Stores the work in progress and the session files as one pair. `session_files` are files
    /// or folders relative to [`Workspace::home`]; those that do not exist are left out. Two
    /// checkpoints are kept. Index, branches, HEAD, stash and hooks of the agent are not touched.
    /// The session files are read first: work done while it runs is in this checkpoint or the
    /// next, and never known to the session but absent from the work tree.
    ///
    /// # Errors
    /// See [`Error`]; the last checkpoint is then unchanged.
    async fn checkpoint(
        &self,
        workspace: &Workspace,
        session_files: &[PathBuf],
        seq: u64,
    ) -> Result<Checkpointed, Error>;

    /// Makes the workspace as it was at `checkpoint`: branch, HEAD, local branches, work tree with
    /// untracked files, session files. What lies in the workspace now goes to a hidden ref first.
    /// Where the checkpoint is missing or damaged, the newest older one is used, and said. What
    /// was staged is restored as unstaged; ignored files are not restored.
    ///
    /// # Errors
    /// [`Error::NoCheckpoint`] where none can be used; see [`Error`].
    async fn restore(
        &self,
        checkpoint: &CheckpointRef,
        request: &Prepare,
    ) -> Result<Restored, Error>;

    /// Stores the commits of the workspace's present attempt as a result. They are those of the
    /// task's branch, or where it has none those of HEAD.
    ///
    /// # Errors
    /// See [`Error`].
    async fn publish(
        &self,
        workspace: &Workspace,
        uncommitted: Uncommitted,
    ) -> Result<Publication, Error>;

    /// Merges a result into `callboard/<project>`, checks the merge result, and if it is good
    /// moves that branch of the source. Every other ref and every work tree of the source stays
    /// as it is. `fence` is asked right before the branch moves.
    ///
    /// # Errors
    /// [`Error::Fenced`] and [`Error::BranchRefused`], with nothing moved; see [`Error`].
    async fn integrate(&self, request: &Integrate, fence: &dyn Fence)
    -> Result<Integration, Error>;

    /// Shows what the project changed; `None` where it has no result.
    ///
    /// # Errors
    /// See [`Error`].
    async fn diff(
        &self,
        project: &ProjectId,
        source: &Source,
    ) -> Result<Option<ProjectDiff>, Error>;

    /// Merges the project's result into the person's `branch`, or without one into the branch
    /// that is checked out. Uncommitted changes of the person are never touched.
    ///
    /// # Errors
    /// See [`Error`].
    async fn accept(
        &self,
        project: &ProjectId,
        source: &Source,
        branch: Option<&str>,
    ) -> Result<Acceptance, Error>;

    /// Deletes the project's branch and keeps its commits under a hidden ref.
    ///
    /// # Errors
    /// See [`Error`].
    async fn discard(&self, project: &ProjectId, source: &Source) -> Result<Discard, Error>;

    /// Removes the workspaces of all agents but `keep`. Work that is in them alone is first saved
    /// to hidden refs of the node's mirror.
    ///
    /// # Errors
    /// See [`Error`]; workspaces whose work could not be saved are still there.
    async fn cleanup(&self, keep: &BTreeSet<AgentId>) -> Result<Cleanup, Error>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_are_checked() {
        assert!(CommitId::new("a".repeat(40)).is_ok());
        assert!(CommitId::new("0".repeat(64)).is_ok());
        for bad in ["", "HEAD", &"A".repeat(40), &"a".repeat(39), "--upload-pack=x"] {
            assert!(CommitId::new(bad).is_err(), "{bad:?}");
        }
    }
}
