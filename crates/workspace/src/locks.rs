//! One lock per agent, project and mirror.
//!
//! Order: an agent or a project first, then a mirror. Nobody holds two of one kind.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use callboard_domain::id::{AgentId, ProjectId};
use tokio::sync::OwnedMutexGuard;

/// The locks by name. Those that nobody holds are dropped at each call, so that there are never
/// more than there are calls under way.
#[derive(Debug, Default)]
pub(crate) struct Locks(Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>);

impl Locks {
    pub(crate) async fn agent(&self, agent: &AgentId) -> OwnedMutexGuard<()> {
        self.lock(format!("agent/{agent}")).await
    }

    pub(crate) async fn project(&self, project: &ProjectId) -> OwnedMutexGuard<()> {
        self.lock(format!("project/{project}")).await
    }

    pub(crate) async fn mirror(&self, key: &str) -> OwnedMutexGuard<()> {
        self.lock(format!("mirror/{key}")).await
    }

    async fn lock(&self, name: String) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            locks.retain(|_, lock| Arc::strong_count(lock) > 1);
            Arc::clone(locks.entry(name).or_default())
        };
        lock.lock_owned().await
    }
}
