//! Runs a node until it is told to stop: the actix system, the signals, the staged stop.

use std::cell::Cell;
use std::rc::Rc;

use callboard_actors::{assert_unwind, stop};
use callboard_stdx::task::{self, Kind};
use tokio::signal::unix::{SignalKind, signal};

use crate::boot::{BootError, Node};
use crate::config::Config;
use crate::data::DataFolder;

/// The exit code of a node that was told to stop before it was up.
const INTERRUPTED: i32 = 1;

/// Why a node ended without having served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// It did not start.
    #[error(transparent)]
    Boot(#[from] BootError),
    /// Signals cannot be received.
    #[error("failed to listen to signals")]
    Signals(#[source] std::io::Error),
}

/// Runs a node on this thread until SIGTERM, SIGINT or a request to stop. `ready` is called with the
/// address when it is up. Returns the exit code.
///
/// # Errors
/// See [`ServeError`].
pub fn serve(
    cfg: Config,
    data: DataFolder,
    ready: impl FnOnce(&str) + 'static,
) -> Result<i32, ServeError> {
    assert_unwind();
    actix::System::new().block_on(run(cfg, data, ready))
}

async fn run(
    cfg: Config,
    data: DataFolder,
    ready: impl FnOnce(&str) + 'static,
) -> Result<i32, ServeError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(ServeError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ServeError::Signals)?;
    let stop_cfg = cfg.stop;
    let node = tokio::select! {
        node = Node::start(cfg, data) => node?,
        // What was started is dropped: a start takes up whatever a crash leaves.
        _ = terminate.recv() => return Ok(INTERRUPTED),
        _ = interrupt.recv() => return Ok(INTERRUPTED),
    };
    ready(node.url());
    tokio::select! {
        _ = terminate.recv() => tracing::info!("stop asked by SIGTERM"),
        _ = interrupt.recv() => tracing::info!("stop asked by SIGINT"),
        () = node.stop_asked() => tracing::info!("stop asked over HTTP"),
    }
    let second = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let code = Rc::new(Cell::new(0));
    let exit = Rc::clone(&code);
    let stopping =
        stop::stop(stop_cfg, node.stages(), second, move |outcome| exit.set(outcome.code()));
    // On the local set, so that what the stages wait for goes on beside them.
    task::spawn_local(Kind::Work, "staged stop", stopping).join().await;
    Ok(code.get())
}
