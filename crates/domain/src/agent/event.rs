//! What happened to an agent.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::agent::state::{Approval, Checkpoint, SeatStatus, Spec, TurnOf, Usage};
use crate::id::ApprovalId;
use crate::message;
use crate::task::{Attempt, Brief, Outcome};

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
    /// A new incarnation owns the agent; the program of the older one is gone.
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
    /// It got a task.
    Assigned {
        /// The task.
        brief: Box<Brief>,
    },
    /// Its task was taken away.
    TaskDropped {
        /// Which try.
        attempt: Attempt,
    },
    /// Something of its messages.
    Inbox {
        /// What.
        event: message::Event,
    },
    /// Its program runs.
    Launched {
        /// The run.
        run: u64,
        /// The process id on the node.
        pid: u32,
        /// How the workspace came to be.
        workspace: String,
    },
    /// Its program is ready.
    Ready {
        /// The provider's conversation.
        session: String,
        /// The step whose outcome it does not know.
        in_flight: Option<String>,
    },
    /// A prompt is to be given.
    Prompted {
        /// Its id.
        prompt: Uuid,
        /// What it is about.
        of: TurnOf,
        /// The text.
        text: String,
    },
    /// The turn began.
    TurnStarted {
        /// The prompt.
        prompt: Uuid,
    },
    /// The turn ended.
    TurnEnded {
        /// The prompt.
        prompt: Uuid,
        /// Why it did not complete.
        failure: Option<String>,
        /// Its last words.
        summary: String,
    },
    /// A tool call began.
    ToolStarted {
        /// What it is about to do.
        detail: String,
    },
    /// A tool call ended.
    ToolEnded {
        /// What it was.
        detail: String,
        /// Whether it failed.
        failed: bool,
    },
    /// It waits for a person's permission, or the policy decided.
    ApprovalRequested {
        /// The request.
        approval: Box<Approval>,
    },
    /// A permission request was decided.
    ApprovalDecided {
        /// The request.
        id: ApprovalId,
        /// The program's own id of it.
        request: String,
        /// Whether it may.
        allow: bool,
        /// Told to the program on a refusal.
        reason: String,
        /// Who decided: a person, or `policy`.
        by: String,
    },
    /// The program has the answer.
    ApprovalAnswered {
        /// The request.
        id: ApprovalId,
    },
    /// The program no longer waits for it.
    ApprovalCancelled {
        /// The request.
        id: ApprovalId,
    },
    /// How far it is.
    Progressed {
        /// Its words.
        text: String,
    },
    /// Tokens and cost.
    Used {
        /// Since the last report.
        usage: Usage,
    },
    /// A checkpoint is asked for.
    CheckpointRequested {
        /// Its number.
        seq: u64,
    },
    /// A checkpoint is stored; `None` where nothing had changed.
    CheckpointTaken {
        /// Its number.
        seq: u64,
        /// It.
        checkpoint: Option<Checkpoint>,
    },
    /// A checkpoint could not be taken.
    CheckpointFailed {
        /// Its number.
        seq: u64,
        /// Why.
        reason: String,
    },
    /// The next checkpoint while working is due then.
    CheckpointScheduled {
        /// Its number.
        seq: u64,
        /// When.
        due: DateTime<Utc>,
    },
    /// The commits of the task are to be stored.
    PublishRequested {
        /// Which try.
        attempt: Attempt,
        /// The program's last words.
        summary: String,
    },
    /// The try ended and is to be reported.
    TaskEnded {
        /// Which try.
        attempt: Attempt,
        /// How.
        outcome: Outcome,
    },
    /// The project has the report.
    Reported {
        /// Which try.
        attempt: Attempt,
    },
    /// The project is to be told whether the agent can work.
    SeatChanged {
        /// What to tell.
        status: SeatStatus,
    },
    /// The project knows.
    SeatTold,
    /// The program is gone.
    ProgramLost {
        /// The run.
        run: u64,
        /// Why.
        reason: String,
        /// Whether the conversation is gone too.
        session_gone: bool,
        /// When it is started again; none where it is not.
        restart_at: Option<DateTime<Utc>>,
    },
    /// The program is to be started, or started again.
    RunRequested {
        /// The new run.
        run: u64,
    },
    /// It cannot run on this node until a person acts.
    Failed {
        /// Why.
        reason: String,
    },
    /// It was lost too often.
    Quarantined {
        /// Why.
        reason: String,
    },
    /// It was stopped.
    Stopped {
        /// Why.
        reason: String,
        /// Whether by the fleet switch.
        fleet: bool,
    },
    /// It may work again.
    Started,
    /// It is over.
    Archived,
    /// Its place in the cluster is given back.
    Released,
}
