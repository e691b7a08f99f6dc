//! What a project is, folded from its events.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::agent;
use crate::entity::EffectKey;
use crate::fleet::{Priority, Source};
use crate::id::{AgentId, ProgramName, ProjectId, Role, TaskId};
use crate::message::Inbox;
use crate::project::Command;
use crate::task::{Attempt, Brief, Published};

/// What a project is created as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// Its name.
    pub id: ProjectId,
    /// What is to be reached, in the person's words.
    pub goal: String,
    /// Where the code comes from.
    pub source: Source,
    /// The source's commit at which the project started.
    pub start: String,
    /// The check command of every task that has none of its own.
    pub check: Option<String>,
    /// The runtime of tasks that name none.
    pub runtime: ProgramName,
    /// The model, where the program takes one.
    pub model: Option<String>,
    /// How many agents may work at once.
    pub agents_max: u32,
    /// Its limits.
    #[serde(default)]
    pub limits: Limits,
    /// The limits of its agents.
    #[serde(default)]
    pub agent_limits: agent::Limits,
}

/// The limits of one project. All from the configuration of the node that made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Tasks that a project may hold; more are refused.
    pub tasks_max: usize,
    /// Tries of a task before it fails.
    pub attempts_max: u32,
    /// The wait before each retry: the n-th try waits for the n-th entry, later ones for the last.
    pub retry_delays_ms: Vec<u64>,
    /// The longest time of a try, in seconds, where its task names none.
    pub attempt_s_max: u32,
    /// The longest check, in seconds.
    pub check_s_max: u32,
    /// Seconds that an agent may be idle before its place is given back.
    pub idle_s_max: u32,
    /// Messages that may wait.
    pub inbox_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            tasks_max: 1_000,
            attempts_max: 3,
            retry_delays_ms: vec![1_000, 5_000, 30_000],
            attempt_s_max: 7_200,
            check_s_max: 900,
            idle_s_max: 60,
            inbox_max: 1_000,
        }
    }
}

/// Whether a project works.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Before its first command.
    #[default]
    New,
    /// It works off its tasks.
    Open,
    /// Its agents are stopped; it keeps everything.
    Stopped,
    /// Over. Final.
    Archived,
}

/// The state of a task, as people see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// Waits for other tasks, or for its next try.
    Pending,
    /// Waits for an agent.
    Ready,
    /// An agent has it, or its work is being merged.
    Running,
    /// Merged, its check passed. Final.
    Done,
    /// Given up; `retry` starts it again.
    Failed,
    /// Cancelled by a person.
    Cancelled,
}

/// Where a running task stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum Stage {
    /// An agent has it.
    Working,
    /// Its commits wait for their turn to be merged and checked.
    Queued {
        /// The commits.
        published: Published,
    },
    /// Its commits are being merged and checked.
    Integrating {
        /// The commits.
        published: Published,
    },
    /// Its commits conflict; another task resolves that.
    Conflict {
        /// The task that resolves it.
        by: TaskId,
    },
}

/// What proves that a task is done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The merge commit on the project's branch.
    pub commit: String,
    /// The check command, where there is one.
    pub check: Option<String>,
    /// The end of the check's output.
    pub output: String,
    /// How long the check took, in milliseconds.
    pub check_ms: u64,
}

/// A task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Its name.
    pub id: TaskId,
    /// Its first line.
    pub title: String,
    /// Everything that the program is told.
    pub text: String,
    /// The role that it asks for.
    pub role: Role,
    /// The runtime, where the task names one.
    pub runtime: Option<ProgramName>,
    /// How urgent it is.
    pub priority: Priority,
    /// The tasks that must be done before.
    pub depends_on: Vec<TaskId>,
    /// Its own check command.
    pub check: Option<String>,
    /// The longest time of a try, in seconds.
    pub deadline_s: Option<u32>,
    /// How many tries it has, where it names a number.
    pub attempts_max: Option<u32>,
    /// Its state.
    pub state: TaskState,
    /// Where it stands while it runs.
    pub stage: Option<Stage>,
    /// The seat that has it.
    pub agent: Option<AgentId>,
    /// The number of the newest try.
    pub attempts: u32,
    /// The tries that count against the limit.
    pub failures: u32,
    /// When its next try may begin.
    pub not_before: Option<DateTime<Utc>>,
    /// What went wrong last, or what it waits for.
    pub reason: Option<String>,
    /// The task with which it failed.
    pub because: Option<TaskId>,
    /// What its next try is told besides its text: what failed.
    pub feedback: Option<String>,
    /// The newest commits.
    pub commits: Vec<String>,
    /// What proves that it is done.
    pub evidence: Option<Evidence>,
    /// The commits of its last try, where its check failed: the next one goes on from them.
    pub from: Option<Published>,
    /// The commits whose conflict it resolves.
    pub conflict: Option<Published>,
    /// The task whose conflict it resolves.
    pub resolves: Option<TaskId>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When its first try began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
}

impl Task {
    /// Its newest try.
    #[must_use]
    pub fn attempt(&self) -> Attempt {
        Attempt { task: self.id.clone(), n: self.attempts }
    }

    /// Whether nothing more will happen to it by itself.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        matches!(self.state, TaskState::Done | TaskState::Failed | TaskState::Cancelled)
    }
}

/// What an agent of the project does, as the project knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "seat", rename_all = "snake_case")]
pub enum SeatState {
    /// Waits for a node with room, or for its program to be ready.
    Placing,
    /// It lets go of a task that was taken away.
    Freeing,
    /// It can take a task.
    Idle {
        /// Since when.
        since: DateTime<Utc>,
    },
    /// It has this task.
    Busy {
        /// Which.
        task: TaskId,
    },
}

/// A place for an agent in the project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// The agent.
    pub agent: AgentId,
    /// Its role.
    pub role: Role,
    /// Its runtime.
    pub runtime: ProgramName,
    /// What it does.
    pub state: SeatState,
}

/// What a person decided about the project's result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// The id of the person's request.
    pub id: Uuid,
    /// `accept` or `discard`.
    pub action: String,
    /// What came of it; none while it runs.
    pub outcome: Option<crate::project::ReviewOutcome>,
}

/// What a project owes to the world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum Effect {
    /// Have this agent placed and created.
    Place {
        /// The agent.
        agent: Box<agent::Spec>,
        /// How urgent its first task is.
        priority: Priority,
    },
    /// Give a task to an agent.
    Assign {
        /// The agent.
        agent: AgentId,
        /// The task.
        brief: Box<Brief>,
    },
    /// Take a task away from an agent.
    CancelTask {
        /// The agent.
        agent: AgentId,
        /// Which try.
        attempt: Attempt,
    },
    /// Archive an agent whose seat is gone.
    Dismiss {
        /// The agent.
        agent: AgentId,
    },
    /// Stop or start the agents of the project.
    Switch {
        /// The agent.
        agent: AgentId,
        /// Whether it shall run.
        on: bool,
    },
    /// Merge commits into the project's branch and check the result.
    Integrate {
        /// The commits.
        published: Box<Published>,
        /// The title, for the merge commit.
        title: String,
        /// The check command.
        check: Option<String>,
        /// Its limit in seconds.
        check_s_max: u32,
    },
    /// Merge the result into the person's branch, or throw it away.
    Review {
        /// The id of the person's request.
        id: Uuid,
        /// Whether it is accepted.
        accept: bool,
        /// The branch to merge into; the checked-out one where none is named.
        into: Option<String>,
    },
    /// Remove the workspaces of the project, what is not merged saved before.
    Cleanup,
    /// Give the place in the cluster back.
    Release,
    /// Send `command` to itself when it is due.
    Timer {
        /// When.
        due: DateTime<Utc>,
        /// What.
        command: Box<Command>,
    },
}

/// A project.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// What it was created as; none before its first event.
    pub spec: Option<Spec>,
    /// Whether it works.
    pub status: Status,
    /// The present incarnation.
    pub epoch: u64,
    /// Its node.
    pub node: String,
    /// How many agents it may have, as the orchestrator says.
    pub quota: Option<u32>,
    /// Whether the fleet switch is off.
    pub fleet_stopped: bool,
    /// Its tasks.
    pub tasks: BTreeMap<TaskId, Task>,
    /// Numbers its tasks.
    pub n_tasks: u64,
    /// Its agents.
    pub seats: BTreeMap<AgentId, Seat>,
    /// Numbers its agents.
    pub n_agents: u64,
    /// Requests that were carried out, so that a repeat is recognised; the newest 1,000.
    pub submissions: BTreeMap<Uuid, Vec<TaskId>>,
    /// The newest commit of the project's branch.
    pub head: Option<String>,
    /// What a person decided last about the result.
    pub review: Option<Review>,
    /// The messages.
    pub inbox: Inbox,
    /// When it was made.
    pub created_at: Option<DateTime<Utc>>,
    /// The effects not yet confirmed.
    pub outbox: BTreeMap<EffectKey, Effect>,
}

impl State {
    /// Its limits.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.spec.as_ref().map(|spec| spec.limits.clone()).unwrap_or_default()
    }

    /// How many agents may work at once: its own limit and the orchestrator's, at least one, so that
    /// every project settles.
    #[must_use]
    pub fn agents_max(&self) -> u32 {
        let own = self.spec.as_ref().map_or(0, |spec| spec.agents_max);
        own.min(self.quota.unwrap_or(u32::MAX)).max(1)
    }

    /// Whether it owes this effect.
    #[must_use]
    pub fn owes(&self, kind: &str, id: impl std::fmt::Display) -> bool {
        self.outbox.contains_key(&EffectKey(format!("{kind}/{id}")))
    }

    /// Whether it works off its tasks now.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status == Status::Open && !self.fleet_stopped
    }

    /// Whether nothing more will happen by itself.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.tasks.values().all(Task::is_settled)
    }

    /// The runtime that a task is done with.
    #[must_use]
    pub fn runtime_of(&self, task: &Task) -> Option<ProgramName> {
        task.runtime.clone().or_else(|| self.spec.as_ref().map(|spec| spec.runtime.clone()))
    }
}
