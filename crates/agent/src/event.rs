//! What a session tells: one normalised vocabulary for every program.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Something that a running program did. Events of one session arrive in order, the last is
/// [`Event::Exited`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// The program is ready for a prompt.
    Ready {
        /// The provider's own conversation, with which [`crate::Launch::resume`] goes on.
        session: String,
        /// The step whose outcome a resumed program does not know, in one sentence.
        in_flight: Option<String>,
    },
    /// The turn of this prompt began: proof that the prompt arrived.
    TurnStarted {
        /// The id given to [`crate::Session::prompt`].
        prompt: Uuid,
    },
    /// Text for people. Cut to the configured length; never state.
    Output {
        /// The text.
        text: String,
    },
    /// The program began a tool call.
    ToolStarted {
        /// The provider's id of the call.
        call: String,
        /// The tool: `Bash`, `Write` …
        tool: String,
        /// What it is about to do, in one line: the command or the file.
        detail: String,
    },
    /// The tool call ended. A checkpoint may follow.
    ToolEnded {
        /// The provider's id of the call.
        call: String,
        /// Whether it failed.
        failed: bool,
    },
    /// The program waits for permission.
    PermissionRequested(PermissionRequest),
    /// The program no longer waits for this request (interrupted or timed out).
    PermissionCancelled {
        /// The request's id.
        id: String,
    },
    /// The program says how far it is.
    Progress {
        /// The text.
        text: String,
    },
    /// Tokens and cost since the last report, not cumulative.
    Usage(Usage),
    /// The provider refuses for now.
    RateLimited {
        /// Until when, in seconds from now, where the provider says so.
        retry_after_s: Option<u64>,
        /// The provider's words.
        text: String,
    },
    /// The turn ended; the program is idle.
    TurnEnded {
        /// The id given to [`crate::Session::prompt`].
        prompt: Uuid,
        /// How it ended.
        outcome: TurnOutcome,
        /// The program's last words, cut to the configured length.
        summary: String,
    },
    /// The program and its whole process tree are gone.
    Exited {
        /// The exit code, where it exited by itself.
        code: Option<i32>,
        /// The signal that ended it.
        signal: Option<i32>,
        /// The end of its standard error, cut to the configured length.
        stderr: String,
    },
}

/// How a turn ended. An exit code proves nothing; the program's own events do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum TurnOutcome {
    /// The program says that it is done.
    Completed,
    /// The program or its provider failed.
    Failed {
        /// Its words.
        reason: String,
    },
    /// It was interrupted.
    Interrupted,
}

/// A request for permission, with everything that a person or a policy needs to decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermissionRequest {
    /// The program's own id of the request, unique in its session.
    pub id: String,
    /// The tool: `Bash`, `Write` …
    pub tool: String,
    /// The exact command, where there is one.
    pub command: Option<String>,
    /// The files it would touch.
    pub files: Vec<String>,
    /// The folder in which it would run.
    pub folder: String,
    /// The program's own words about it.
    pub description: String,
}

/// The answer to a permission request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
pub enum PermissionAnswer {
    /// It may, once.
    Allow,
    /// It may not.
    Deny {
        /// Told to the program where its protocol can.
        reason: String,
    },
}

/// Tokens and cost of a piece of work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens read.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// Tokens read from the provider's cache.
    pub cached_tokens: u64,
    /// Cost in millionths of a US dollar, where the program knows it.
    pub cost_micro_usd: u64,
}
