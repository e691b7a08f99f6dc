//! What a supervisor needs to know of a child.

use std::sync::Arc;
use std::time::Duration;

use callboard_domain::Entity;

use crate::exit::{ExitReason, Report};
use crate::mailbox::Handle;
use crate::shell::{self, Behaviour};
use crate::sourced::Launcher;
use crate::spawner::Spawner;
use crate::supervisor::Restart;

/// A child as a factory: it can be launched again and again, one incarnation at a time.
pub trait Child: Send + Sync {
    /// Starts a new incarnation and reports its life. Never blocks.
    fn launch(&self, spawner: &Spawner, report: Report);

    /// Asks the incarnation to stop in good order.
    fn stop(&self);

    /// Ends the incarnation where it stands.
    fn kill(&self);

    /// No incarnation will follow.
    fn close(&self, why: ExitReason);
}

impl<E: Entity> Child for Launcher<E> {
    fn launch(&self, spawner: &Spawner, report: Report) {
        self.launch(spawner, report);
    }

    fn stop(&self) {
        self.handle().stop();
    }

    fn kill(&self) {
        self.handle().kill();
    }

    fn close(&self, why: ExitReason) {
        self.handle().close(why);
    }
}

struct Plain<B: Behaviour, F> {
    handle: Handle<B::Message>,
    make: Arc<F>,
}

impl<B, F> Child for Plain<B, F>
where
    B: Behaviour,
    F: Fn() -> B + Send + Sync + 'static,
{
    fn launch(&self, spawner: &Spawner, report: Report) {
        let make = Arc::clone(&self.make);
        shell::launch(spawner, &self.handle, report, move || make());
    }

    fn stop(&self) {
        self.handle.stop();
    }

    fn kill(&self) {
        self.handle.kill();
    }

    fn close(&self, why: ExitReason) {
        self.handle.close(why);
    }
}

/// A child and the rules for it.
#[derive(Clone)]
pub struct ChildSpec {
    /// Its name, unique under its supervisor.
    pub name: String,
    /// Which of its ends call for a new incarnation.
    pub restart: Restart,
    /// The time that a stop may take before it is killed.
    pub stop_max: Duration,
    /// The factory.
    pub child: Arc<dyn Child>,
}

/// How long a stop may take where nothing else is said.
const STOP_MAX: Duration = Duration::from_secs(5);

impl ChildSpec {
    /// A child of any kind, that has 5 s to stop.
    pub fn new(name: impl Into<String>, restart: Restart, child: Arc<dyn Child>) -> Self {
        Self { name: name.into(), restart, stop_max: STOP_MAX, child }
    }

    /// A plain actor: every incarnation is made by `make`, and reads the mailbox of `handle`.
    pub fn actor<B, F>(handle: &Handle<B::Message>, restart: Restart, make: F) -> Self
    where
        B: Behaviour,
        F: Fn() -> B + Send + Sync + 'static,
    {
        let child = Plain::<B, F> { handle: handle.clone(), make: Arc::new(make) };
        Self::new(handle.name(), restart, Arc::new(child))
    }

    /// An event-sourced actor.
    #[must_use]
    pub fn sourced<E: Entity>(launcher: &Launcher<E>, restart: Restart) -> Self {
        Self::new(launcher.handle().id().to_string(), restart, Arc::new(launcher.clone()))
    }

    /// The same child with another time to stop.
    #[must_use]
    pub fn with_stop_max(mut self, stop_max: Duration) -> Self {
        self.stop_max = stop_max;
        self
    }
}
