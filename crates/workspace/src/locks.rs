//! One lock per agent, project and mirror.
//!
//! Order: an agent or a project first, then a mirror. Nobody holds two of one kind.
//!
//! A call that is dropped leaves work on files behind that cannot be stopped. That work keeps the
//! locks of its call until it ends: [`holding`] and [`held`].

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use callboard_domain::id::{AgentId, ProjectId};
use tokio::sync::OwnedMutexGuard;

tokio::task_local! {
    static HELD: Arc<Held>;
}

/// Locks that are released when the last owner drops this.
#[derive(Debug)]
pub(crate) struct Held {
    _lock: OwnedMutexGuard<()>,
    _outer: Option<Arc<Held>>,
}

/// Runs `future` with `lock`.
pub(crate) async fn holding<T>(lock: OwnedMutexGuard<()>, future: impl Future<Output = T>) -> T {
    // Boxed: the calls of the port are large.
    HELD.scope(Arc::new(Held { _lock: lock, _outer: held() }), Box::pin(future)).await
}

/// The locks of the present call.
pub(crate) fn held() -> Option<Arc<Held>> {
    HELD.try_with(Arc::clone).ok()
}

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
