//! A supervisor's specification, and how others reach it.

use std::sync::Arc;
use std::time::Duration;

use callboard_stdx::clock::SharedClock;
use serde::Serialize;

use crate::alerts::Alerts;
use crate::exit::{ExitReason, Lifecycle, Report, Watch};
use crate::mailbox::{self, AskError, Handle, Reply};
use crate::shell;
use crate::spawner::Spawner;
use crate::supervisor::core::Core;
use crate::supervisor::{Child, ChildSpec, Config};

/// What happened to a child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChildEvent {
    /// An incarnation runs.
    Started,
    /// An incarnation is gone.
    Exited(ExitReason),
    /// Another one follows after this time.
    Restarting {
        /// The back-off.
        after: Duration,
    },
    /// It stays down until a person acts.
    Quarantined(ExitReason),
}

/// Hears of every child's fate, by its name. Must neither block nor panic.
pub type Observer = Arc<dyn Fn(&str, &ChildEvent) + Send + Sync>;

/// A child as its supervisor sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChildStatus {
    /// Its name.
    pub name: String,
    /// waiting, starting, running, stopping, backoff, ended or quarantined.
    pub phase: &'static str,
    /// The number of the present or last incarnation, from 1.
    pub incarnation: u64,
    /// Restarts since it was added.
    pub n_restarts: u64,
    /// Why the last incarnation ended.
    pub last_exit: Option<String>,
}

/// Why a child was not added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddError {
    /// There is one of this name.
    #[error("failed to add child {name}: there is one already")]
    Exists {
        /// The name.
        name: String,
    },
    /// The limit is reached.
    #[error("failed to add a child: the limit of {n_max} is reached")]
    TooMany {
        /// The limit.
        n_max: usize,
    },
    /// The supervisor is ending.
    #[error("failed to add a child: the supervisor is stopping")]
    Stopping,
    /// The supervisor did not answer; the child may be added. Adding it again settles it.
    #[error("failed to add a child: the supervisor did not answer")]
    NoAnswer(#[source] AskError),
}

pub(crate) enum Message {
    /// Something is on the board, or time has passed.
    Look,
    Add {
        spec: Box<ChildSpec>,
        reply: Reply<Result<(), AddError>>,
    },
    Remove {
        name: String,
        reply: Reply<()>,
    },
    Revive {
        name: String,
    },
    Children {
        reply: Reply<Vec<ChildStatus>>,
    },
}

pub(crate) struct Parts {
    pub(crate) name: String,
    pub(crate) cfg: Config,
    pub(crate) children: Vec<ChildSpec>,
    pub(crate) spawner: Spawner,
    pub(crate) clock: SharedClock,
    pub(crate) alerts: Arc<dyn Alerts>,
    pub(crate) observer: Observer,
}

/// A supervisor as a factory: a child of another, or started by itself.
#[derive(Clone)]
pub struct SupervisorSpec {
    parts: Arc<Parts>,
    handle: SupervisorHandle,
}

/// What a supervisor works with.
pub struct Tools {
    /// Where its children run.
    pub spawner: Spawner,
    /// Jitter.
    pub clock: SharedClock,
    /// Where quarantines are announced.
    pub alerts: Arc<dyn Alerts>,
    /// Who else hears of its children.
    pub observer: Observer,
}

impl Tools {
    /// Tools without an observer.
    pub fn new(spawner: Spawner, clock: SharedClock, alerts: Arc<dyn Alerts>) -> Self {
        Self { spawner, clock, alerts, observer: Arc::new(|_, _| {}) }
    }
}

impl SupervisorSpec {
    /// A supervisor with children that every incarnation of it starts, in this order.
    pub fn new(
        name: impl Into<String>,
        cfg: Config,
        tools: Tools,
        children: Vec<ChildSpec>,
    ) -> Self {
        let name = name.into();
        let Tools { spawner, clock, alerts, observer } = tools;
        let handle = SupervisorHandle(Handle::new(name.clone(), mailbox::Config::default()));
        let parts = Parts { name, cfg, children, spawner, clock, alerts, observer };
        Self { parts: Arc::new(parts), handle }
    }

    /// How to reach it, now and after each of its restarts.
    #[must_use]
    pub fn handle(&self) -> &SupervisorHandle {
        &self.handle
    }

    /// Makes it a child of another supervisor. It has as long to stop as all its children together
    /// may need when stopped in turn, at least 5 s.
    #[must_use]
    pub fn child(self, restart: crate::supervisor::Restart) -> ChildSpec {
        let needed: Duration = self.parts.children.iter().map(|child| child.stop_max).sum();
        let name = self.parts.name.clone();
        let spec = ChildSpec::new(name, restart, Arc::new(self));
        let stop_max = spec.stop_max.max(needed + Duration::from_secs(2));
        spec.with_stop_max(stop_max)
    }

    /// Starts it as the top of a hierarchy, on a thread of `spawner`. Its end closes all children's
    /// mailboxes.
    #[must_use]
    pub fn start(self, spawner: &Spawner) -> Watch {
        let (report, watch) = Report::watched();
        let (top, kept) = (self.clone(), spawner.clone());
        let closing = Report::new(move |lifecycle| {
            // Its thread lives as long as it does.
            let _ = &kept;
            if let Lifecycle::Exited(reason) = &lifecycle {
                Child::close(&top, reason.clone());
            }
            report.tell(lifecycle);
        });
        self.launch(spawner, closing);
        watch
    }
}

impl Child for SupervisorSpec {
    fn launch(&self, spawner: &Spawner, report: Report) {
        let parts = Arc::clone(&self.parts);
        shell::launch(spawner, &self.handle.0, report, move || Core::new(parts));
    }

    fn stop(&self) {
        self.handle.0.stop();
    }

    fn kill(&self) {
        self.handle.0.kill();
    }

    fn close(&self, why: ExitReason) {
        self.handle.0.close(why.clone());
        for spec in &self.parts.children {
            spec.child.close(why.clone());
        }
    }
}

/// Reaches a supervisor. Cheap to clone; valid across its restarts.
#[derive(Debug, Clone)]
pub struct SupervisorHandle(Handle<Message>);

impl SupervisorHandle {
    /// Adds a child after all others and starts it. It is forgotten when the supervisor ends or is
    /// restarted: whoever added it must look, and add it again.
    ///
    /// # Errors
    /// See [`AddError`].
    pub async fn add(&self, spec: ChildSpec, deadline: Duration) -> Result<(), AddError> {
        let add = |reply| Message::Add { spec: Box::new(spec), reply };
        match self.0.ask(deadline, add).await {
            Ok(added) => added,
            Err(error) => Err(AddError::NoAnswer(error)),
        }
    }

    /// Stops a child and forgets it; answers when it is gone. One that does not exist is no error.
    ///
    /// # Errors
    /// See [`AskError`]; the removal goes on after `TimedOut`.
    pub async fn remove(
        &self,
        name: impl Into<String>,
        deadline: Duration,
    ) -> Result<(), AskError> {
        let name = name.into();
        self.0.ask(deadline, |reply| Message::Remove { name, reply }).await
    }

    /// Starts a quarantined child again, its past forgiven. A fenced or parked one must be removed and
    /// added anew. `false` where the mailbox does not take it.
    #[must_use]
    pub fn revive(&self, name: impl Into<String>) -> bool {
        self.0.control(Message::Revive { name: name.into() }).is_ok()
    }

    /// The children in their order.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn children(&self, deadline: Duration) -> Result<Vec<ChildStatus>, AskError> {
        self.0.ask_control(deadline, |reply| Message::Children { reply }).await
    }

    /// Stops the children in reverse order, then the supervisor. Follow it by the [`Watch`].
    pub fn stop(&self) {
        self.0.stop();
    }

    /// Ends the supervisor and its children where they stand: a simulated `kill -9`.
    pub fn kill(&self) {
        self.0.kill();
    }
}
