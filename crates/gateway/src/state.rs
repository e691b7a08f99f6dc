//! What all requests share: the parts, the view, and the limits.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::answer::Failure;
use crate::view::View;
use crate::{Config, Parts};

/// Who asks, as events and receipts name it: whoever holds the token.
pub(crate) const PERSON: &str = "person";

/// What all requests share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct State(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) cfg: Config,
    pub(crate) parts: Parts,
    pub(crate) view: View,
    /// The digest of the token that requests must carry.
    pub(crate) token_digest: String,
    streams: Arc<Semaphore>,
    stopping: watch::Sender<bool>,
}

impl std::ops::Deref for State {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("cfg", &self.cfg).finish_non_exhaustive()
    }
}

impl State {
    /// Begins to fold the log.
    pub(crate) fn start(cfg: Config, parts: Parts) -> Self {
        let view = View::start(&cfg, &parts);
        let token_digest = callboard_stdx::digest::sha256_hex(parts.token.as_bytes());
        let streams = Arc::new(Semaphore::new(cfg.streams_max));
        let stopping = watch::Sender::new(false);
        Self(Arc::new(Shared { cfg, parts, view, token_digest, streams, stopping }))
    }

    /// Ends event streams; new ones end at once.
    pub(crate) fn begin_stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Becomes true when the interface stops.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    /// A place among the long requests.
    pub(crate) fn long_request(&self) -> Result<OwnedSemaphorePermit, Failure> {
        Arc::clone(&self.streams).try_acquire_owned().map_err(|_| {
            Failure::unreachable(format!(
                "{} event streams and other long requests are open, no more are allowed; end one, \
                 or raise gateway.streams_max",
                self.cfg.streams_max
            ))
        })
    }

    /// How long an actor may take to answer.
    pub(crate) fn command_limit(&self) -> Duration {
        Duration::from_millis(self.cfg.command_ms_max)
    }
}
