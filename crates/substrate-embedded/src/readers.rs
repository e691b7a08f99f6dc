//! A small pool of read connections; reads run on the runtime's blocking pool.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use callboard_stdx::task;
use callboard_substrate::log::ReadError;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::config::Config;
use crate::database;
use crate::trouble;

/// The readers of one database. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Readers(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
    n: u32,
    wait_max: Duration,
}

impl Readers {
    pub(crate) fn new(path: PathBuf, cfg: &Config) -> Self {
        Self(Arc::new(Shared {
            path,
            idle: Mutex::new(Vec::new()),
            permits: Arc::new(Semaphore::new(cfg.readers)),
            n: u32::try_from(cfg.readers).unwrap_or(u32::MAX),
            wait_max: cfg.wait_max(),
        }))
    }

    /// Runs `read` on a free connection. When all are in use, it waits for at most the configured
    /// time. A caller that gives up does not stop the read.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        what: impl Fn() -> String,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, ReadError> {
        let shared = Arc::clone(&self.0);
        let permit = Arc::clone(&shared.permits).acquire_owned();
        let permit = match tokio::time::timeout(shared.wait_max, permit).await {
            Ok(Ok(permit)) => permit,
            Ok(Err(_closed)) => {
                return Err(unavailable(what(), "the substrate is closed"));
            }
            Err(_elapsed) => {
                return Err(unavailable(what(), "all readers are busy: retry later"));
            }
        };
        let result = task::spawn_blocking("embedded read", move || {
            let _permit = permit;
            let idle = shared.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = match idle {
                Some(connection) => connection,
                None => database::open_reader(&shared.path, shared.wait_max)?,
            };
            let result = read(&connection);
            shared.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            result
        });
        result.await.map_err(|error| trouble::read_error(what(), &self.0.path, &error))
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.0.permits.is_closed()
    }

    /// Waits for the running reads, then closes every connection; later reads are `Unavailable`.
    pub(crate) async fn close(&self) {
        let all = self.0.permits.acquire_many(self.0.n).await;
        self.0.permits.close();
        drop(all);
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

fn unavailable(what: String, reason: &str) -> ReadError {
    ReadError::Unavailable { what, reason: reason.to_owned() }
}
