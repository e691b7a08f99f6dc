//! What an agent may be asked, and why it refuses.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::agent::state::{Checkpoint, Spec, Usage};
use crate::id::{ApprovalId, MessageId};
use crate::message::{self, Message};
use crate::task::{Attempt, Brief, Published};

/// What an agent may be asked to do, or told of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Be this agent. Repeated at each activation.
    Create {
        /// The agent.
        spec: Box<Spec>,
    },
    /// Take a task. Repeats are recognised by the attempt.
    Assign {
        /// The task.
        brief: Box<Brief>,
    },
    /// Drop a task: its turn is interrupted, its workspace kept.
    CancelTask {
        /// Which try.
        attempt: Attempt,
    },
    /// Take a message.
    Deliver {
        /// The message.
        message: Message,
    },
    /// Answer a permission request.
    AnswerApproval {
        /// The request.
        id: ApprovalId,
        /// Whether it may.
        allow: bool,
        /// Told to the program on a refusal.
        reason: String,
        /// Who decided.
        by: String,
    },
    /// Stop the program, keep everything.
    Stop {
        /// Why.
        reason: String,
        /// Whether the fleet switch asks.
        fleet: bool,
    },
    /// Start the program again after a stop, a failure or a quarantine.
    Start {
        /// Whether the fleet switch asks: then only what it stopped is started.
        fleet: bool,
    },
    /// End for good.
    Archive,
    /// The program said or did something.
    Session {
        /// The run that it comes from.
        run: u64,
        /// What.
        fact: SessionFact,
    },
    /// A permission request was answered to the program.
    AnswerGiven {
        /// The request.
        id: ApprovalId,
    },
    /// A checkpoint is stored.
    CheckpointTaken {
        /// Its number.
        seq: u64,
        /// It; none where nothing had changed since the last one. Its time is set when it is decided.
        checkpoint: Option<Box<Checkpoint>>,
    },
    /// A checkpoint could not be taken; the older one stays.
    CheckpointFailed {
        /// Its number.
        seq: u64,
        /// Why, and what is missing.
        reason: String,
    },
    /// The commits of a try are stored.
    Published {
        /// Which try.
        attempt: Attempt,
        /// The commits; none where there are none.
        published: Option<Published>,
    },
    /// The commits of a try cannot be stored, whatever is repeated.
    PublishFailed {
        /// Which try.
        attempt: Attempt,
        /// Why.
        reason: String,
    },
    /// The project has the report.
    Reported {
        /// Which try.
        attempt: Attempt,
    },
    /// The project knows the status.
    SeatTold,
    /// The place in the cluster is given back.
    Released,
    /// The time to restart has come.
    RestartDue {
        /// The run that was lost.
        run: u64,
    },
    /// The time for a checkpoint has come.
    CheckpointDue {
        /// Its number.
        seq: u64,
    },
    /// The prompt was not proven started in time, or the turn takes too long.
    TurnOverdue {
        /// The prompt.
        prompt: Uuid,
    },
    /// The program did not become ready in time.
    StartOverdue {
        /// The run.
        run: u64,
    },
    /// A message's time has passed.
    MessageExpired {
        /// The message.
        id: MessageId,
    },
}

/// What the policy says of a permission request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// The policy allows it.
    Allow {
        /// The rule.
        rule: String,
    },
    /// The policy forbids it.
    Deny {
        /// The rule.
        rule: String,
    },
    /// A person decides.
    Ask,
}

/// What the program said or did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum SessionFact {
    /// The process runs.
    Launched {
        /// Its id on the node.
        pid: u32,
        /// How the workspace came to be: `kept`, `new`, or `restored` from a checkpoint.
        workspace: String,
    },
    /// It is ready for a prompt.
    Ready {
        /// The provider's conversation.
        session: String,
        /// The step whose outcome it does not know.
        in_flight: Option<String>,
    },
    /// The turn began.
    TurnStarted {
        /// The prompt.
        prompt: Uuid,
    },
    /// The prompt could not be given, although the program runs.
    PromptFailed {
        /// The prompt.
        prompt: Uuid,
        /// Why.
        reason: String,
    },
    /// The turn ended.
    TurnEnded {
        /// The prompt.
        prompt: Uuid,
        /// Whether it completed; else why not.
        failure: Option<String>,
        /// Its last words.
        summary: String,
    },
    /// A tool call began: until its end is told, its outcome is unknown.
    ToolStarted {
        /// What it is about to do, in one line.
        detail: String,
    },
    /// A tool call ended: something may have changed.
    ToolEnded {
        /// What it was, in one line.
        detail: String,
        /// Whether it failed.
        failed: bool,
    },
    /// It waits for permission.
    PermissionRequested {
        /// The program's own id.
        request: String,
        /// The tool.
        tool: String,
        /// The exact command.
        command: Option<String>,
        /// The files.
        files: Vec<String>,
        /// The folder.
        folder: String,
        /// The program's words.
        description: String,
        /// What the policy says.
        verdict: Verdict,
    },
    /// It no longer waits.
    PermissionCancelled {
        /// The program's own id.
        request: String,
    },
    /// How far it is.
    Progress {
        /// Its words.
        text: String,
    },
    /// Tokens and cost since the last report.
    Used(Usage),
    /// The program is gone, or could not be started.
    Lost {
        /// Why.
        reason: String,
        /// Whether another try on this node may succeed.
        retryable: bool,
        /// Whether the conversation cannot be resumed: then the next run starts a new one.
        session_gone: bool,
    },
}

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum Rejection {
    /// It does not exist (yet).
    #[error("failed to reach the agent: it was never created")]
    NotCreated,
    /// It is over.
    #[error("failed to change the agent: it is archived")]
    Archived,
    /// It has another task.
    #[error("failed to assign the task: the agent works on {0}")]
    Busy(Attempt),
    /// The try was ended or cancelled before: the order is late.
    #[error("failed to assign the task: the try {0} is over")]
    Over(Attempt),
    /// It cannot work now.
    #[error("failed to assign the task: the agent is {phase}: {reason}")]
    NotWorking {
        /// Its phase.
        phase: String,
        /// Why.
        reason: String,
    },
    /// No such permission request is open.
    #[error("failed to answer approval {0}: it is not open (answered, cancelled or unknown)")]
    NoApproval(ApprovalId),
    /// The message was refused.
    #[error(transparent)]
    Message(#[from] message::Refusal),
}
