//! What an event-sourced actor is made of: its factory.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use callboard_domain::Entity;
use callboard_domain::id::ActorId;
use callboard_stdx::clock::SharedClock;
use callboard_substrate::name::Stream;
use callboard_substrate::{Blobs, EventLog};

use crate::exit::Report;
use crate::mailbox::Handle;
use crate::shell;
use crate::sourced::core::Core;
use crate::sourced::{Alerts, Config, Executor, SourcedHandle};
use crate::spawner::Spawner;

/// Everything that an incarnation needs. Incarnations of one ownership share it; a new epoch is a new
/// value.
pub struct Sourced<E: Entity> {
    /// Who it is; its stream in the log follows from it.
    pub id: ActorId,
    /// The fencing number that placement gave to this ownership.
    pub epoch: u64,
    /// The node that owns it.
    pub node: String,
    /// The log.
    pub log: Arc<dyn EventLog>,
    /// Where snapshots are kept.
    pub blobs: Arc<dyn Blobs>,
    /// Time, ids and jitter.
    pub clock: SharedClock,
    /// Where alerts go.
    pub alerts: Arc<dyn Alerts>,
    /// Who carries out effects.
    pub executor: Arc<dyn Executor<E>>,
    /// Limits.
    pub cfg: Config,
}

/// What all incarnations share: the spec, and a counter that tells runs of effects apart.
pub(crate) struct Shared<E: Entity> {
    pub(crate) spec: Sourced<E>,
    pub(crate) stream: Stream,
    pub(crate) n_runs: AtomicU64,
}

/// Starts incarnations of one event-sourced actor, one at a time.
pub struct Launcher<E: Entity> {
    shared: Arc<Shared<E>>,
    handle: SourcedHandle<E>,
}

impl<E: Entity> Clone for Launcher<E> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), handle: self.handle.clone() }
    }
}

impl<E: Entity> Sourced<E> {
    /// Makes the launcher. Nothing runs yet; commands sent to its handle wait.
    #[must_use]
    pub fn launcher(self) -> Launcher<E> {
        let stream = Stream::new(self.id.stream()).expect("an actor's id is made of legal tokens");
        let mailbox = Handle::new(self.id.to_string(), self.cfg.mailbox);
        let handle = SourcedHandle::new(self.id.clone(), mailbox);
        let shared = Arc::new(Shared { spec: self, stream, n_runs: AtomicU64::new(0) });
        Launcher { shared, handle }
    }
}

impl<E: Entity> Launcher<E> {
    /// How to reach the actor.
    #[must_use]
    pub fn handle(&self) -> &SourcedHandle<E> {
        &self.handle
    }

    /// Starts a new incarnation. The caller keeps the rule that there is one at a time.
    pub fn launch(&self, spawner: &Spawner, report: Report) {
        let shared = Arc::clone(&self.shared);
        shell::launch(spawner, self.handle.mailbox(), report, move || Core::new(shared));
    }
}
