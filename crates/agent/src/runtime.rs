//! The port: start a program, talk to it, end it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use callboard_domain::id::{AgentId, ProgramName};
use uuid::Uuid;

use crate::event::{Event, PermissionAnswer};

/// Everything a program needs to start.
#[derive(Clone)]
pub struct Launch {
    /// Whose program it is.
    pub agent: AgentId,
    /// The fencing number of the agent's incarnation; marks the process tree.
    pub epoch: u64,
    /// The agent's working tree: the program's working directory.
    pub folder: PathBuf,
    /// The agent's own home: configuration, session files.
    pub home: PathBuf,
    /// The conversation to go on with, from [`Event::Ready`].
    pub resume: Option<String>,
    /// The model to use, where the program takes one.
    pub model: Option<String>,
    /// More environment: credentials, marks. Never logged.
    pub env: BTreeMap<String, String>,
}

impl fmt::Debug for Launch {
    /// Shows the names of the environment, never its values: they are credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { agent, epoch, folder, home, resume, model, env } = self;
        let names: Vec<_> = env.keys().collect();
        f.debug_struct("Launch")
            .field("agent", agent)
            .field("epoch", epoch)
            .field("folder", folder)
            .field("home", home)
            .field("resume", resume)
            .field("model", model)
            .field("env", &names)
            .finish()
    }
}

/// Why a program did not start.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StartError {
    /// The program is not installed or not executable: no retry helps until a person acts.
    #[error("failed to find the program of runtime {runtime}: {reason}")]
    Missing {
        /// The runtime.
        runtime: ProgramName,
        /// What was looked for, and what to do.
        reason: String,
    },
    /// It started and ended before it was ready.
    #[error("failed to start runtime {runtime}: it ended at once ({reason})")]
    EndedAtOnce {
        /// The runtime.
        runtime: ProgramName,
        /// Its exit and last words.
        reason: String,
    },
    /// It was not ready in time.
    #[error("failed to start runtime {runtime}: not ready within {deadline:?}")]
    TimedOut {
        /// The runtime.
        runtime: ProgramName,
        /// The deadline.
        deadline: Duration,
    },
    /// The conversation to resume is not there; start without it or restore a checkpoint.
    #[error("failed to resume session {session}: {reason}")]
    NoSession {
        /// The provider's session.
        session: String,
        /// The program's words.
        reason: String,
    },
    /// The host refused (memory, processes, files).
    #[error("failed to start runtime {runtime}: {reason}")]
    Refused {
        /// The runtime.
        runtime: ProgramName,
        /// What the host said.
        reason: String,
    },
}

impl StartError {
    /// Whether another try on the same node may succeed without a person.
    #[must_use]
    pub fn retryable(&self) -> bool {
        !matches!(self, Self::Missing { .. })
    }
}

/// Why a running program could not be told something.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SessionError {
    /// The program is gone; [`Event::Exited`] follows or came.
    #[error("failed to reach the program: it is gone")]
    Gone,
    /// It is in a turn, or waits for permission: prompts are given at turn boundaries only.
    #[error("failed to prompt the program: it is busy")]
    Busy,
    /// The program did not take it in time.
    #[error("failed to reach the program within {0:?}")]
    TimedOut(Duration),
}

/// Drives one kind of program.
#[async_trait]
pub trait Runtime: Send + Sync {
    /// Its name: `scripted`, `claude` …
    fn name(&self) -> &ProgramName;

    /// Starts the program, or resumes its conversation, and returns when the process runs. The first
    /// event is [`Event::Ready`], or [`Event::Exited`]. Dropping the future leaves no process.
    ///
    /// # Errors
    /// See [`StartError`].
    async fn start(&self, launch: Launch) -> Result<Box<dyn Session>, StartError>;

    /// Files under `home` that hold the conversation, relative to it: what a checkpoint must carry.
    ///
    /// # Errors
    /// The I/O error of listing them. Blocks briefly on the disk.
    fn session_files(&self, launch: &Launch, session: &str) -> std::io::Result<Vec<PathBuf>>;

    /// Whether the program is there: its version, or why it cannot be used and what to do.
    async fn probe(&self) -> Result<String, StartError>;
}

/// One running program. Dropping it kills the whole process tree.
#[async_trait]
pub trait Session: Send {
    /// The process id of the program's guard, as the host sees it.
    fn pid(&self) -> u32;

    /// Waits for the next event. Cancel-safe. After [`Event::Exited`]: `None`. The buffer behind it
    /// is bounded: a slow reader slows the program's output, events are never dropped.
    async fn next(&mut self) -> Option<Event>;

    /// Gives a prompt; returns when it is handed over. The proof is [`Event::TurnStarted`].
    ///
    /// # Errors
    /// [`SessionError::Busy`] in a turn: the prompt was not given.
    async fn prompt(&mut self, id: Uuid, text: &str) -> Result<(), SessionError>;

    /// Answers a permission request. An answer to a request that is no longer open is ignored.
    ///
    /// # Errors
    /// See [`SessionError`].
    async fn answer(&mut self, id: &str, answer: PermissionAnswer) -> Result<(), SessionError>;

    /// Interrupts the running turn; [`Event::TurnEnded`] follows.
    ///
    /// # Errors
    /// See [`SessionError`].
    async fn interrupt(&mut self) -> Result<(), SessionError>;

    /// Ends the program: politely, after `grace` by force. Returns when the whole tree is gone.
    async fn stop(&mut self, grace: Duration);
}
