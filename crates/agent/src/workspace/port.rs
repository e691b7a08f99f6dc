//! The port itself, and the fence that its callers give.

use std::collections::BTreeSet;
use std::path::PathBuf;

use async_trait::async_trait;
use callboard_domain::id::{AgentId, ProjectId};

use super::{
    Acceptance, CheckpointRef, Checkpointed, Cleanup, Discard, Error, Integrate, Integration,
    Prepare, ProjectDiff, Publication, Restored, Scratch, Source, SourceFacts, Uncommitted,
    Workspace,
};

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
