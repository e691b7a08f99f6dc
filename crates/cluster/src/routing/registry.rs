//! Which actors are on this node. Bounded by what placement reserved here.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::call::Callee;
use crate::changes::{Changes, Seen};
use callboard_domain::id::ActorId;

#[derive(Clone)]
enum Local {
    Starting,
    Running { epoch: u64, callee: Arc<dyn Callee> },
}

/// What is known of an actor on this node.
pub(crate) enum Lookup {
    /// It is not here.
    Absent,
    /// It is here, between two incarnations.
    Starting,
    /// It runs.
    Running(Arc<dyn Callee>),
}

/// The actors of this node.
pub(crate) struct Registry {
    actors: Mutex<BTreeMap<ActorId, Local>>,
    changes: Changes,
}

impl Registry {
    pub(crate) fn new() -> Self {
        Self { actors: Mutex::default(), changes: Changes::default() }
    }

    fn actors(&self) -> MutexGuard<'_, BTreeMap<ActorId, Local>> {
        // No code of others runs under the lock, so a poisoned lock still guards a whole map.
        self.actors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells of every later change.
    pub(crate) fn changes(&self) -> Seen<'_> {
        self.changes.seen()
    }

    pub(crate) fn starting(&self, actor: &ActorId) {
        self.actors().insert(actor.clone(), Local::Starting);
        self.changes.tell();
    }

    pub(crate) fn running(&self, actor: &ActorId, epoch: u64, callee: Arc<dyn Callee>) {
        self.actors().insert(actor.clone(), Local::Running { epoch, callee });
        self.changes.tell();
    }

    pub(crate) fn remove(&self, actor: &ActorId) {
        self.actors().remove(actor);
        self.changes.tell();
    }

    pub(crate) fn lookup(&self, actor: &ActorId) -> Lookup {
        match self.actors().get(actor) {
            None => Lookup::Absent,
            Some(Local::Starting) => Lookup::Starting,
            Some(Local::Running { callee, .. }) => Lookup::Running(Arc::clone(callee)),
        }
    }

    /// Kills every running actor where it stands.
    pub(crate) fn kill_all(&self) {
        for local in std::mem::take(&mut *self.actors()).into_values() {
            if let Local::Running { callee, .. } = local {
                callee.kill();
            }
        }
        self.changes.tell();
    }

    /// The epoch of a running actor.
    pub(crate) fn epoch(&self, actor: &ActorId) -> Option<u64> {
        match self.actors().get(actor) {
            Some(Local::Running { epoch, .. }) => Some(*epoch),
            _ => None,
        }
    }

    /// How many agents are here, running or starting.
    pub(crate) fn n_agents(&self) -> u32 {
        let n = self.actors().keys().filter(|actor| matches!(actor, ActorId::Agent(_))).count();
        u32::try_from(n).unwrap_or(u32::MAX)
    }
}
