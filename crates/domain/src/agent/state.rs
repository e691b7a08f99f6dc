//! What an agent is, folded from its events.

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::agent::Command;
use crate::entity::EffectKey;
use crate::id::{AgentId, ApprovalId, MessageId, ProgramName, ProjectId, Role, TaskId};
use crate::message::Inbox;
use crate::task::{Attempt, Brief, Outcome};

/// What an agent is created as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// Its name.
    pub id: AgentId,
    /// Its role.
    pub role: Role,
    /// The project whose manager it reports to; none for an agent made by a person.
    pub project: Option<ProjectId>,
    /// The runtime that drives its program.
    pub runtime: ProgramName,
    /// The model, where the program takes one.
    pub model: Option<String>,
    /// Its limits.
    #[serde(default)]
    pub limits: Limits,
}

/// The limits of one agent. All from the configuration of the node that made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Messages that may wait; more are refused.
    pub inbox_max: usize,
    /// Program losses within `restart_window_s` before the agent is quarantined.
    pub restarts_max: u32,
    /// The window of `restarts_max`, in seconds.
    pub restart_window_s: u32,
    /// Milliseconds before each restart: the n-th loss in the window waits for the n-th entry, later
    /// ones for the last.
    pub restart_delays_ms: Vec<u64>,
    /// The longest time from the start of a run to a program that is ready, the workspace included, in
    /// seconds; then it counts as lost.
    pub start_s_max: u32,
    /// The longest turn, in seconds; then it is interrupted and the try fails.
    pub turn_s_max: u32,
    /// The time within which a prompt must be proven started, in seconds; then it is unconfirmed and
    /// the program is restarted.
    pub prompt_s_max: u32,
    /// Seconds between checkpoints while the program works.
    pub checkpoint_every_s: u32,
    /// Permission requests that may be open; more are denied.
    pub approvals_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            inbox_max: 1_000,
            restarts_max: 5,
            restart_window_s: 600,
            restart_delays_ms: vec![0, 1_000, 2_000, 5_000, 10_000],
            start_s_max: 600,
            turn_s_max: 3_600,
            prompt_s_max: 60,
            checkpoint_every_s: 10,
            approvals_max: 32,
        }
    }
}

/// What an agent does now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Waits for a node with room. Seen in the directory only: an agent without events.
    #[default]
    Requested,
    /// Its program starts, or waits for its restart.
    Starting,
    /// It has nothing to do. A program may be running; without one, the next task starts it.
    Idle,
    /// Its program is in a turn.
    Working,
    /// Its program waits for permission.
    AwaitingApproval,
    /// Stopped by a person, its project or the fleet switch; keeps everything.
    Stopped,
    /// Its program cannot run on this node until a person acts.
    Failed,
    /// Its program was lost too often; a person or its project must act.
    Quarantined,
    /// Over. Final.
    Archived,
}

impl Phase {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Starting => "starting",
            Self::Idle => "idle",
            Self::Working => "working",
            Self::AwaitingApproval => "awaiting-approval",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Quarantined => "quarantined",
            Self::Archived => "archived",
        }
    }
}

/// Where the work of a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkStage {
    /// Waits for the program to be idle in the task's workspace.
    Waiting,
    /// The program works on it.
    Prompted,
    /// Its commits are being stored in the cluster.
    Publishing,
    /// The outcome is being reported to the project.
    Reporting,
}

/// The task that the agent has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// The task.
    pub brief: Brief,
    /// Where it stands.
    pub stage: WorkStage,
    /// Whether the program was told of it at least once: then a restart says "go on".
    pub told: bool,
    /// Whether the conversation in which it was told is gone: then a restart tells it again.
    #[serde(default)]
    pub forgotten: bool,
    /// The last words of the program about it.
    pub summary: String,
}

/// What a turn is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "of", content = "id", rename_all = "snake_case")]
pub enum TurnOf {
    /// The agent's task.
    Task(Attempt),
    /// A message.
    Message(MessageId),
}

/// A turn of the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// The id of the prompt.
    pub prompt: Uuid,
    /// What it is about.
    pub of: TurnOf,
    /// Whether the program is proven to have begun.
    pub started: bool,
}

/// A checkpoint in the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The blob.
    pub blob: String,
    /// Grows with each checkpoint of the agent.
    pub seq: u64,
    /// The commit that holds the work in progress.
    pub commit: String,
    /// The size of the blob.
    pub bytes: u64,
    /// The digest of the blob.
    pub sha256: String,
    /// The provider's session that it carries.
    pub session: Option<String>,
    /// When it was taken.
    pub at: DateTime<Utc>,
}

/// A permission request that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The cluster's id of it.
    pub id: ApprovalId,
    /// The program's own id of it.
    pub request: String,
    /// The tool.
    pub tool: String,
    /// The exact command, where there is one.
    pub command: Option<String>,
    /// The files it would touch.
    pub files: Vec<String>,
    /// The folder in which it would run.
    pub folder: String,
    /// The program's own words.
    pub description: String,
    /// When it was asked.
    pub at: DateTime<Utc>,
}

/// Tokens and cost so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens read.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// Tokens read from the provider's cache.
    pub cached_tokens: u64,
    /// Cost in millionths of a US dollar.
    pub cost_micro_usd: u64,
}

/// What the project must know of its agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum SeatStatus {
    /// It can take a task.
    Idle,
    /// It cannot, until a person acts.
    Lost {
        /// Why.
        reason: String,
    },
    /// It is over, and leaves.
    Archived,
}

/// What an agent owes to the world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum Effect {
    /// Run the program: prepare or restore the workspace, start or resume, pass on what it says, until
    /// this effect is gone. Long-running.
    Run {
        /// Numbers the runs of this agent: facts of an older run are ignored.
        run: u64,
        /// The task whose workspace it runs in; without one, a scratch folder.
        brief: Option<Box<Brief>>,
        /// The conversation to go on with.
        resume: Option<String>,
        /// What to restore where this node has no workspace of the agent.
        checkpoint: Option<Checkpoint>,
    },
    /// Give a prompt to the idle program.
    Prompt {
        /// The run.
        run: u64,
        /// The prompt's id.
        prompt: Uuid,
        /// The text.
        text: String,
    },
    /// Interrupt the turn.
    Interrupt {
        /// The run.
        run: u64,
    },
    /// Answer a permission request.
    Answer {
        /// The run.
        run: u64,
        /// The cluster's id of the request.
        approval: ApprovalId,
        /// The program's own id of the request.
        request: String,
        /// Whether it may.
        allow: bool,
        /// Told to the program on a refusal.
        reason: String,
    },
    /// Take a checkpoint.
    Checkpoint {
        /// Its number.
        seq: u64,
        /// The provider's session to carry.
        session: Option<String>,
    },
    /// Store the commits of the task's branch in the cluster.
    Publish {
        /// The task.
        brief: Box<Brief>,
    },
    /// Tell the project how a try ended.
    Report {
        /// The project.
        project: ProjectId,
        /// Which try.
        attempt: Attempt,
        /// How it ended.
        outcome: Outcome,
    },
    /// Tell the project whether the agent can work.
    Seat {
        /// The project.
        project: ProjectId,
        /// What to tell.
        status: SeatStatus,
    },
    /// Give the place in the cluster back. The last effect of an archived agent.
    Release,
    /// Send `command` to itself when it is due.
    Timer {
        /// When.
        due: DateTime<Utc>,
        /// What.
        command: Box<Command>,
    },
}

/// An agent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// What it was created as; none before its first event.
    pub spec: Option<Spec>,
    /// The newest task that it was given: its workspace and its conversation are the agent's until
    /// the next one.
    pub brief: Option<Brief>,
    /// What it does now.
    pub phase: Phase,
    /// The present incarnation.
    pub epoch: u64,
    /// Its node.
    pub node: String,
    /// Numbers the runs of the program.
    pub run: u64,
    /// The program's process id on the node, while it runs.
    pub pid: Option<u32>,
    /// Whether the program is ready for prompts.
    pub ready: bool,
    /// The provider's conversation.
    pub session: Option<String>,
    /// The newest checkpoint.
    pub checkpoint: Option<Checkpoint>,
    /// Numbers the checkpoints.
    pub checkpoint_seq: u64,
    /// The task.
    pub work: Option<Work>,
    /// The newest try of each task that it got or was told to drop, so that an order for an older one
    /// is recognised as late. At most as many as its project has tasks.
    #[serde(default)]
    pub tries: BTreeMap<TaskId, u32>,
    /// The running turn.
    pub turn: Option<Turn>,
    /// The tool call that the program is in.
    pub tool: Option<String>,
    /// What a resumed program must be told before it goes on.
    pub in_flight: Option<String>,
    /// The messages.
    pub inbox: Inbox,
    /// The permission requests that wait for a person.
    pub approvals: BTreeMap<ApprovalId, Approval>,
    /// Tokens and cost.
    pub usage: Usage,
    /// How often the program was lost and started again.
    pub restarts: u32,
    /// When it was lost, within the window.
    pub losses: VecDeque<DateTime<Utc>>,
    /// Why it is failed, quarantined or stopped; or its last loss.
    pub reason: Option<String>,
    /// What the program said last about its progress.
    pub progress: Option<String>,
    /// Whether the fleet switch stopped it: then `FleetResumed` starts it again.
    pub stopped_by_fleet: bool,
    /// What the project was told last.
    pub seat: Option<SeatStatus>,
    /// When it was last seen to do something.
    pub active_at: Option<DateTime<Utc>>,
    /// The effects not yet confirmed.
    pub outbox: BTreeMap<EffectKey, Effect>,
}

impl State {
    /// Its limits.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.spec.as_ref().map(|spec| spec.limits.clone()).unwrap_or_default()
    }

    /// Whether its program runs, or is about to.
    #[must_use]
    pub fn has_program(&self) -> bool {
        let runs = |key: &EffectKey| key.0.starts_with("run/") || key.0.starts_with("restart/");
        self.outbox.keys().any(runs)
    }

    /// Whether it owes this effect.
    #[must_use]
    pub fn owes(&self, kind: &str, id: impl std::fmt::Display) -> bool {
        self.outbox.contains_key(&EffectKey(format!("{kind}/{id}")))
    }

    /// Whether the program of the present run is wanted. What one says that is gone is ignored.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.owes("run", self.run)
    }

    /// Whether the order for this try is late: a later one came, or this one has ended.
    #[must_use]
    pub fn is_over(&self, attempt: &Attempt) -> bool {
        self.tries.get(&attempt.task).is_some_and(|newest| attempt.n <= *newest)
    }

    /// Whether it may work: then a program is started when there is something to do.
    #[must_use]
    pub fn is_able(&self) -> bool {
        matches!(
            self.phase,
            Phase::Starting | Phase::Idle | Phase::Working | Phase::AwaitingApproval
        )
    }
}
