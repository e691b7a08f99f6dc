//! Why an incarnation of an actor ended, and who is told.

use std::fmt;
use std::sync::Arc;

/// Why an incarnation ended. It decides whether a new one is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExitReason {
    /// It was asked to stop, or had done its work.
    Normal,
    /// It gave up: a broken invariant, an unknown outcome, a resource that is gone.
    Failed(String),
    /// A handler panicked.
    Panicked(String),
    /// It did not stop before its deadline, or its node was killed in a simulation.
    Killed,
    /// A newer owner was seen in the log. Never restarted here.
    Fenced {
        /// The epoch of the newer owner.
        by_epoch: u64,
    },
    /// What it is made of cannot be understood (a damaged log, an unknown event). A restart would not
    /// help: it stays down, with an alert, until a person acts.
    Parked(String),
}

impl ExitReason {
    /// Whether it ended otherwise than by its own or its owner's wish.
    #[must_use]
    pub fn is_abnormal(&self) -> bool {
        !matches!(self, Self::Normal)
    }

    /// Whether a new incarnation could do better. Fenced and parked actors stay down whatever their
    /// restart type says.
    #[must_use]
    pub fn may_restart(&self) -> bool {
        !matches!(self, Self::Fenced { .. } | Self::Parked(_))
    }
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Normal => f.write_str("stopped"),
            Self::Failed(reason) => write!(f, "failed: {reason}"),
            Self::Panicked(message) => write!(f, "panicked: {message}"),
            Self::Killed => f.write_str("killed"),
            Self::Fenced { by_epoch } => write!(f, "fenced by epoch {by_epoch}"),
            Self::Parked(reason) => write!(f, "parked: {reason}"),
        }
    }
}

/// What an incarnation tells its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lifecycle {
    /// [`crate::Behaviour::started`] succeeded.
    Started,
    /// The incarnation is gone. Told exactly once, after its last handler.
    Exited(ExitReason),
}

/// The owner's ear: called from the actor's thread, must neither block nor panic.
#[derive(Clone)]
pub struct Report(Arc<dyn Fn(Lifecycle) + Send + Sync>);

impl Report {
    /// Wraps a callback.
    pub fn new(report: impl Fn(Lifecycle) + Send + Sync + 'static) -> Self {
        Self(Arc::new(report))
    }

    /// Nobody listens.
    #[must_use]
    pub fn ignored() -> Self {
        Self::new(|_| {})
    }

    /// A report, and a future of its exit.
    #[must_use]
    pub fn watched() -> (Self, Watch) {
        let (tx, rx) = tokio::sync::watch::channel(None);
        (Self::new(move |lifecycle| drop(tx.send(Some(lifecycle)))), Watch(rx))
    }

    pub(crate) fn tell(&self, lifecycle: Lifecycle) {
        (self.0)(lifecycle);
    }
}

/// Follows one incarnation.
#[derive(Debug, Clone)]
pub struct Watch(tokio::sync::watch::Receiver<Option<Lifecycle>>);

impl Watch {
    /// Waits until it has started. An exit comes back as the error.
    ///
    /// # Errors
    /// The reason why it ended instead.
    pub async fn started(&mut self) -> Result<(), ExitReason> {
        match self.0.wait_for(Option::is_some).await.map(|seen| seen.clone()) {
            Ok(Some(Lifecycle::Exited(reason))) => Err(reason),
            Ok(_) => Ok(()),
            Err(_) => Err(ExitReason::Killed),
        }
    }

    /// Waits for its exit.
    pub async fn exited(&mut self) -> ExitReason {
        let exited = self.0.wait_for(|seen| matches!(seen, Some(Lifecycle::Exited(_)))).await;
        match exited.map(|seen| seen.clone()) {
            Ok(Some(Lifecycle::Exited(reason))) => reason,
            _ => ExitReason::Killed,
        }
    }
}

/// The message of a caught panic.
pub(crate) fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "a panic without a text".to_owned())
}

/// Refuses a build in which a panic would end the whole process: supervision needs unwinding.
///
/// # Panics
/// Where the program was compiled with `panic = "abort"`.
pub fn assert_unwind() {
    if cfg!(not(panic = "unwind")) {
        panic!("this program must be built with panic = \"unwind\": supervisors catch panics");
    }
}
