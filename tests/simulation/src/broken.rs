//! Deliberately broken parts, to prove that the predicates see what they are for. Test-only: they
//! stand where the ports are, nothing of them is in the product.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use callboard_agent::Launch;
use callboard_domain::task::Attempt;
use callboard_stdx::task::{self, Kind as TaskKind};
use callboard_substrate::EventLog;
use callboard_substrate::log::{
    AppendError, Appended, Commit, Position, ReadError, Stored, Version,
};
use callboard_substrate::name::Stream;
use tokio::time::sleep;
use uuid::Uuid;

use crate::host::Host;
use crate::record::Kind;

/// What is broken in a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Broken {
    /// Nothing.
    #[default]
    Nothing,
    /// The log takes every append, whatever version it expects.
    LogIgnoresVersions,
    /// The log acknowledges an append that was not written.
    LogAcknowledgesTooEarly,
    /// A merge that is asked for again is done again.
    IntegratesTwice,
    /// A program goes on although its effect was dropped.
    ProgramOutlivesItsEffect,
    /// A program says that it has a prompt which it never took.
    DeliveredBeforeTaken,
}

/// A log with a fault that no real one has.
pub struct BrokenLog {
    inner: Arc<dyn EventLog>,
    broken: Broken,
}

impl BrokenLog {
    /// Breaks a log, if that is what is to be broken.
    #[must_use]
    pub fn wrap(inner: Arc<dyn EventLog>, broken: Broken) -> Arc<dyn EventLog> {
        match broken {
            Broken::LogIgnoresVersions | Broken::LogAcknowledgesTooEarly => {
                Arc::new(Self { inner, broken })
            }
            _ => inner,
        }
    }
}

#[async_trait]
impl EventLog for BrokenLog {
    async fn append(
        &self,
        stream: &Stream,
        expected: Version,
        commit: Commit,
    ) -> Result<Appended, AppendError> {
        let first = self.inner.append(stream, expected, commit.clone()).await;
        match (self.broken, first) {
            (Broken::LogIgnoresVersions, Err(AppendError::Conflict { actual, .. })) => {
                self.inner.append(stream, actual, commit).await
            }
            (Broken::LogAcknowledgesTooEarly, Err(AppendError::NotWritten { .. })) => {
                Ok(Appended { version: expected, position: Position(0) })
            }
            (_, first) => first,
        }
    }

    async fn read(
        &self,
        stream: &Stream,
        after: Version,
        n_max: usize,
    ) -> Result<Vec<Stored>, ReadError> {
        self.inner.read(stream, after, n_max).await
    }

    async fn find(&self, stream: &Stream, id: Uuid) -> Result<Option<Stored>, ReadError> {
        self.inner.find(stream, id).await
    }

    async fn read_all(&self, after: Position, n_max: usize) -> Result<Vec<Stored>, ReadError> {
        self.inner.read_all(after, n_max).await
    }

    async fn tail(&self, after: Position, n_max: usize) -> Result<Vec<Stored>, ReadError> {
        self.inner.tail(after, n_max).await
    }

    async fn head(&self) -> Result<Position, ReadError> {
        self.inner.head().await
    }

    fn commit_bytes_max(&self) -> usize {
        self.inner.commit_bytes_max()
    }
}

/// What a program does that nobody ended: the step that it was about to do, a little later.
pub(crate) fn haunt(host: &Arc<Host>, launch: &Launch, process: u64, task: Option<Attempt>) {
    let Some(attempt) = task else { return };
    let (host, agent, epoch) = (Arc::clone(host), launch.agent.clone(), launch.epoch);
    let later = async move {
        sleep(Duration::from_secs(3)).await;
        let step = host.disk().checkouts.get(&agent).map_or(0, |checkout| checkout.n_steps);
        host.did(Kind::StepDone { agent, epoch, process, attempt, step });
    };
    task::spawn(TaskKind::Work, "haunts", later).detach();
}
