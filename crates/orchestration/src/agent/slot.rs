//! The one place of an agent's program on this node.
//!
//! Invariant: a new run begins only when the processes of the last one are gone, whichever incarnation
//! of the actor began it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use callboard_agent::event::PermissionAnswer;
use callboard_agent::runtime::SessionError;
use callboard_agent::workspace::Workspace;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, mpsc, oneshot};
use uuid::Uuid;

/// Something to tell a running program.
pub(crate) enum Control {
    /// A prompt.
    Prompt { id: Uuid, text: String },
    /// An answer to a permission request.
    Answer { request: String, answer: PermissionAnswer },
    /// Interrupt the turn.
    Interrupt,
}

/// A [`Control`], and whom to tell what came of it.
pub(crate) type Ordered = (Control, oneshot::Sender<Result<(), SessionError>>);

/// The files of a session, relative to the home.
pub(crate) type SessionFiles = Arc<dyn Fn(&str) -> Vec<PathBuf> + Send + Sync>;

/// The program that runs now.
#[derive(Clone)]
pub(crate) struct Live {
    pub(crate) run: u64,
    pub(crate) control: mpsc::Sender<Ordered>,
    /// None in a scratch folder.
    pub(crate) workspace: Option<Workspace>,
    /// What a checkpoint must carry, by session.
    pub(crate) files: SessionFiles,
}

/// The slot of one agent.
#[derive(Default)]
pub(crate) struct Slot {
    running: Arc<AsyncMutex<()>>,
    live: Mutex<Option<Live>>,
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slot").field("run", &self.live().map(|live| live.run)).finish()
    }
}

impl Slot {
    /// Waits until no program of the agent is left.
    pub(crate) async fn take(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.running).lock_owned().await
    }

    pub(crate) fn live(&self) -> Option<Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set(&self, live: Option<Live>) {
        *self.live.lock().unwrap_or_else(PoisonError::into_inner) = live;
    }

    /// Forgets the program, if it is still this run's.
    pub(crate) fn clear(&self, run: u64) {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        if live.as_ref().is_some_and(|live| live.run == run) {
            *live = None;
        }
    }

    /// Tells the program of this run something, and waits until it has it.
    pub(crate) async fn order(&self, run: u64, control: Control) -> Result<(), SessionError> {
        let Some(live) = self.live().filter(|live| live.run == run) else {
            return Err(SessionError::Gone);
        };
        let (done, outcome) = oneshot::channel();
        live.control.send((control, done)).await.map_err(|_| SessionError::Gone)?;
        outcome.await.map_err(|_| SessionError::Gone)?
    }
}
