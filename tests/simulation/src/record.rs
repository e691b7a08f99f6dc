//! What happened in the outside world, in order: the append-only record that no actor can touch.

use callboard_domain::id::{AgentId, ProjectId, TaskId};
use callboard_domain::task::Attempt;
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// One side effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SideEffect {
    /// When, by the same clock as the log's events.
    pub at: DateTime<Utc>,
    /// Which boot of the node did it.
    pub boot: u32,
    /// What.
    pub kind: Kind,
}

/// What a program or a workspace did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A program began.
    ProgramStarted {
        /// Whose.
        agent: AgentId,
        /// The epoch of the incarnation that began it.
        epoch: u64,
        /// Its process.
        process: u64,
    },
    /// A program and everything that it began are gone.
    ProgramEnded {
        /// Whose.
        agent: AgentId,
        /// Its process.
        process: u64,
    },
    /// A program took a prompt.
    PromptTaken {
        /// Whose.
        agent: AgentId,
        /// The epoch of the incarnation that gave it.
        epoch: u64,
        /// The prompt.
        prompt: Uuid,
    },
    /// A program did a step of a task and committed it: it must never be done again.
    StepDone {
        /// Whose.
        agent: AgentId,
        /// The epoch of the program's incarnation.
        epoch: u64,
        /// Its process.
        process: u64,
        /// Which try.
        attempt: Attempt,
        /// Which step of it, from 0.
        step: u32,
    },
    /// A workspace was changed by its owner.
    WorkspacePrepared {
        /// Whose.
        agent: AgentId,
        /// The epoch of the owner.
        epoch: u64,
    },
    /// Commits came into a project's branch.
    Merged {
        /// The project.
        project: ProjectId,
        /// The task.
        task: TaskId,
        /// The try.
        attempt: u32,
    },
}
