//! What a project may be asked, and why it refuses.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::agent::SeatStatus;
use crate::fleet::Priority;
use crate::id::{AgentId, ProgramName, Role, TaskId};
use crate::message::{self, Message};
use crate::project::state::{Evidence, Spec};
use crate::task::{Attempt, Outcome};

/// A task to be added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewTask {
    /// Its name within this submission, by which others depend on it; or none.
    pub label: Option<String>,
    /// Its first line.
    pub title: String,
    /// Everything that the program is told.
    pub text: String,
    /// The role that it asks for.
    pub role: Role,
    /// The runtime, where it names one.
    pub runtime: Option<ProgramName>,
    /// How urgent it is.
    pub priority: Priority,
    /// Labels of this submission, or names of tasks of the project.
    pub depends_on: Vec<String>,
    /// Its own check command.
    pub check: Option<String>,
    /// The longest time of a try, in seconds.
    pub deadline_s: Option<u32>,
    /// How many tries it has.
    pub attempts_max: Option<u32>,
}

/// What came of merging and checking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "integration", rename_all = "snake_case")]
pub enum Integration {
    /// Merged, and the check passed.
    Merged {
        /// The proof.
        evidence: Evidence,
    },
    /// The commits conflict with the project's branch.
    Conflict {
        /// The files.
        files: Vec<String>,
    },
    /// The check failed, or took too long.
    CheckFailed {
        /// What it printed at its end, and how it ended.
        output: String,
    },
    /// It could not be done (the repository is gone, say); a person must act.
    Failed {
        /// Why, and what to do.
        reason: String,
    },
}

/// What came of a person's decision about the result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "review", rename_all = "snake_case")]
pub enum ReviewOutcome {
    /// The result is in the person's branch.
    Accepted {
        /// The branch.
        branch: String,
        /// Its newest commit.
        commit: String,
    },
    /// The result is thrown away; a hidden ref keeps it.
    Discarded {
        /// The ref.
        kept_as: String,
    },
    /// Nothing was changed.
    Refused {
        /// Why, and what to do.
        reason: String,
    },
}

/// What a project may be asked to do, or told of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Be this project. Repeated at each activation.
    Create {
        /// The project.
        spec: Box<Spec>,
    },
    /// Add tasks. Repeats are recognised by the id.
    Submit {
        /// The id of the request.
        id: Uuid,
        /// The tasks.
        tasks: Vec<NewTask>,
        /// A new limit of agents, where the request names one.
        agents_max: Option<u32>,
    },
    /// Give up a task, and with it those that depend on it.
    CancelTask {
        /// The task.
        task: TaskId,
    },
    /// Start a failed or cancelled task again, and those that failed with it.
    RetryTask {
        /// The task.
        task: TaskId,
    },
    /// Stop the agents, keep everything.
    Stop {
        /// Why.
        reason: String,
    },
    /// Go on after a stop.
    Start,
    /// End for good: agents are dismissed, workspaces removed.
    Archive,
    /// The fleet switch.
    Fleet {
        /// Whether the fleet is stopped.
        stopped: bool,
    },
    /// How many agents it may have.
    Quota {
        /// The number.
        agents_max: u32,
    },
    /// Merge the result into a branch of the person's, or throw it away.
    Review {
        /// The id of the request.
        id: Uuid,
        /// Whether it is accepted.
        accept: bool,
        /// The branch to merge into.
        into: Option<String>,
    },
    /// A review was carried out.
    Reviewed {
        /// The id of the request.
        id: Uuid,
        /// What came of it.
        outcome: ReviewOutcome,
    },
    /// Take a message; it is answered with a report.
    Deliver {
        /// The message.
        message: Message,
    },
    /// An agent is created on a node.
    Placed {
        /// The agent.
        agent: AgentId,
    },
    /// An agent could not be created; a person must act.
    PlaceFailed {
        /// The agent.
        agent: AgentId,
        /// Why.
        reason: String,
    },
    /// An agent says whether it can work.
    Seat {
        /// The agent.
        agent: AgentId,
        /// What it says.
        status: SeatStatus,
    },
    /// An agent has its task.
    Assigned {
        /// Which try.
        attempt: Attempt,
    },
    /// An agent refused its task.
    AssignRefused {
        /// Which try.
        attempt: Attempt,
        /// Why.
        reason: String,
    },
    /// A try ended.
    TaskEnded {
        /// Which try.
        attempt: Attempt,
        /// How.
        outcome: Outcome,
    },
    /// Merging and checking ended.
    Integrated {
        /// Which try.
        attempt: Attempt,
        /// How.
        integration: Integration,
    },
    /// An agent no longer has a task.
    TaskCancelled {
        /// Which try.
        attempt: Attempt,
    },
    /// An agent is archived.
    Dismissed {
        /// The agent.
        agent: AgentId,
    },
    /// An agent was stopped or started.
    Switched {
        /// The agent.
        agent: AgentId,
        /// Whether it runs.
        on: bool,
    },
    /// The workspaces are removed.
    CleanedUp,
    /// The place in the cluster is given back.
    Released,
    /// The time of a try is over.
    AttemptOverdue {
        /// Which try.
        attempt: Attempt,
    },
    /// The wait before a retry is over.
    RetryDue {
        /// The task.
        task: TaskId,
    },
    /// An agent may have been idle for too long.
    IdleDue {
        /// The agent.
        agent: AgentId,
    },
}

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum Rejection {
    /// It does not exist (yet).
    #[error("failed to reach the project: it was never created")]
    NotCreated,
    /// It is over.
    #[error("failed to change the project: it is archived")]
    Archived,
    /// It is being dismissed: it learns so, or asks again when that is done.
    #[error("failed to hear agent {0}: it is being dismissed")]
    Leaving(AgentId),
    /// No task has this name.
    #[error("failed to find task {0} in this project")]
    NoTask(TaskId),
    /// A dependency is not there.
    #[error(
        "failed to accept task {task:?}: it depends on {dependency:?}, which is neither in this submission nor in the project"
    )]
    UnknownDependency {
        /// The task's title.
        task: String,
        /// What it names.
        dependency: String,
    },
    /// Two tasks of one submission have the same label.
    #[error("failed to accept the tasks: the id {0:?} is given twice")]
    DuplicateLabel(String),
    /// The tasks depend on each other in a circle.
    #[error("failed to accept the tasks: they depend on each other in a circle: {0}")]
    Cycle(String),
    /// A dependency can no longer be done.
    #[error(
        "failed to accept task {task:?}: it depends on {dependency}, which is {state}; retry that first"
    )]
    DeadDependency {
        /// The task's title.
        task: String,
        /// The task that it depends on.
        dependency: TaskId,
        /// Its state.
        state: String,
    },
    /// There would be too many tasks.
    #[error("failed to accept the tasks: the project has {n_tasks} of at most {tasks_max}")]
    TooManyTasks {
        /// How many there are.
        n_tasks: usize,
        /// The limit.
        tasks_max: usize,
    },
    /// The task cannot be cancelled or retried in its state.
    #[error("failed to {action} task {task}: it is {state}")]
    WrongState {
        /// What was asked.
        action: String,
        /// The task.
        task: TaskId,
        /// Its state.
        state: String,
    },
    /// There is nothing to review, or tasks still run.
    #[error("failed to review the result: {0}")]
    NothingToReview(String),
    /// The message was refused.
    #[error(transparent)]
    Message(#[from] message::Refusal),
}
