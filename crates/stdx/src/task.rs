//! Tasks are spawned here and nowhere else: by kind and name, so that every task has a policy.

use std::future::Future;

use tokio::task::{JoinHandle, LocalSet};

/// What a task is, and so what its failure means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Serves until it is dropped; its end is logged as an error.
    Service,
    /// Runs one effect or request; its end is normal.
    Work,
}

/// A running task that is aborted when this is dropped.
#[derive(Debug)]
#[must_use = "dropping it aborts the task"]
pub struct Task<T>(Option<JoinHandle<T>>);

impl<T> Task<T> {
    /// Waits for the task. `None` where it panicked or was aborted.
    pub async fn join(mut self) -> Option<T> {
        match self.0.take() {
            Some(handle) => handle.await.ok(),
            None => None,
        }
    }

    /// Lets it run on without an owner. For work that ends by itself.
    pub fn detach(mut self) {
        drop(self.0.take());
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.0.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        if let Some(handle) = self.0.take() {
            handle.abort();
        }
    }
}

/// Spawns a task that may move between threads.
#[expect(clippy::disallowed_methods, reason = "the one place that spawns")]
pub fn spawn<T: Send + 'static>(
    kind: Kind,
    name: impl Into<String>,
    future: impl Future<Output = T> + Send + 'static,
) -> Task<T> {
    Task(Some(tokio::spawn(watched(kind, name.into(), future))))
}

/// Spawns a task on the present thread's [`LocalSet`] (an actix arbiter has one).
#[expect(clippy::disallowed_methods, reason = "the one place that spawns")]
pub fn spawn_local<T: 'static>(
    kind: Kind,
    name: impl Into<String>,
    future: impl Future<Output = T> + 'static,
) -> Task<T> {
    Task(Some(tokio::task::spawn_local(watched(kind, name.into(), future))))
}

/// Runs blocking work on the runtime's pool. Not for simulated code. It cannot be aborted.
#[expect(clippy::disallowed_methods, reason = "the one place that spawns")]
pub async fn spawn_blocking<T: Send + 'static>(
    name: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(error) => panic!("blocking work {name} was aborted by the runtime: {error}"),
    }
}

async fn watched<T>(kind: Kind, name: String, future: impl Future<Output = T>) -> T {
    let value = future.await;
    match kind {
        Kind::Service => tracing::debug!(task = %name, "service task ended"),
        Kind::Work => tracing::trace!(task = %name, "work task ended"),
    }
    value
}

/// Runs a future with a [`LocalSet`], for tests and tools without actix.
pub async fn with_local<T>(future: impl Future<Output = T>) -> T {
    LocalSet::new().run_until(future).await
}
