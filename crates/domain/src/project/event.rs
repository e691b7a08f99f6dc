//! What happened to a project.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::agent;
use crate::fleet::Priority;
use crate::id::{AgentId, TaskId};
use crate::message;
use crate::project::command::ReviewOutcome;
use crate::project::state::{Evidence, Spec, Task};
use crate::task::{Attempt, Brief, Published};

/// An event with its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When it was decided.
    pub at: DateTime<Utc>,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EventKind {
    /// A new incarnation owns the project.
    Activated {
        /// Its fencing number.
        epoch: u64,
        /// Its node.
        node: String,
    },
    /// It was created.
    Created {
        /// As what.
        spec: Box<Spec>,
    },
    /// Tasks were added.
    Submitted {
        /// The id of the request.
        id: Uuid,
        /// The tasks.
        tasks: Vec<Task>,
        /// A new limit of agents.
        agents_max: Option<u32>,
    },
    /// A task can be given to an agent.
    TaskReady {
        /// The task.
        task: TaskId,
    },
    /// A task was given to an agent.
    TaskAssigned {
        /// The agent.
        agent: AgentId,
        /// The task.
        brief: Box<Brief>,
        /// When the try is over.
        due: DateTime<Utc>,
    },
    /// The agent has it.
    AssignConfirmed {
        /// Which try.
        attempt: Attempt,
    },
    /// Its commits wait to be merged.
    TaskPublished {
        /// The commits.
        published: Published,
    },
    /// Its commits are to be merged and checked.
    IntegrationStarted {
        /// The commits.
        published: Published,
        /// The check command.
        check: Option<String>,
    },
    /// Merged and checked.
    TaskDone {
        /// The task.
        task: TaskId,
        /// The proof.
        evidence: Evidence,
    },
    /// Its commits conflict; `by` is a new task that resolves it.
    ConflictFound {
        /// The task.
        task: TaskId,
        /// The new task.
        by: Box<Task>,
    },
    /// A try failed; the next begins not before `retry_at`.
    AttemptFailed {
        /// Which try.
        attempt: Attempt,
        /// Why.
        reason: String,
        /// What the next try is told.
        feedback: Option<String>,
        /// Whether it counts against the limit.
        counts: bool,
        /// When the next try may begin.
        retry_at: DateTime<Utc>,
    },
    /// The wait before a retry is over.
    RetryReached {
        /// The task.
        task: TaskId,
    },
    /// It is given up.
    TaskFailed {
        /// The task.
        task: TaskId,
        /// Why.
        reason: String,
    },
    /// A person gave it up.
    TaskCancelled {
        /// The task.
        task: TaskId,
        /// Why.
        reason: String,
    },
    /// A person wants it again.
    TaskRetried {
        /// The task.
        task: TaskId,
    },
    /// The agent no longer has it.
    CancelConfirmed {
        /// Which try.
        attempt: Attempt,
    },
    /// An agent is asked for.
    SeatOpened {
        /// The agent.
        agent: Box<agent::Spec>,
        /// How urgent its first task is.
        priority: Priority,
    },
    /// The agent is created on a node.
    SeatPlaced {
        /// The agent.
        agent: AgentId,
    },
    /// The agent can take a task.
    SeatIdle {
        /// The agent.
        agent: AgentId,
        /// When its place is given back if it stays idle.
        due: DateTime<Utc>,
    },
    /// The agent is dismissed.
    SeatClosed {
        /// The agent.
        agent: AgentId,
        /// Why.
        reason: String,
    },
    /// The agent is archived.
    DismissConfirmed {
        /// The agent.
        agent: AgentId,
    },
    /// The agent was stopped or started.
    SwitchConfirmed {
        /// The agent.
        agent: AgentId,
        /// Whether it runs.
        on: bool,
    },
    /// It was stopped.
    Stopped {
        /// Why.
        reason: String,
    },
    /// It goes on.
    Started,
    /// It is over.
    Archived,
    /// The fleet switch.
    FleetSwitched {
        /// Whether the fleet is stopped.
        stopped: bool,
    },
    /// How many agents it may have.
    QuotaSet {
        /// The number.
        agents_max: u32,
    },
    /// A person decided about the result.
    ReviewRequested {
        /// The id of the request.
        id: Uuid,
        /// Whether it is accepted.
        accept: bool,
        /// The branch to merge into.
        into: Option<String>,
    },
    /// What came of it.
    Reviewed {
        /// The id of the request.
        id: Uuid,
        /// What.
        outcome: ReviewOutcome,
    },
    /// Something of its messages.
    Inbox {
        /// What.
        event: message::Event,
    },
    /// The workspaces are removed.
    CleanedUp,
    /// Its place in the cluster is given back.
    Released,
}
