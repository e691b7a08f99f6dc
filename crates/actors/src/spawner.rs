//! On which thread an actor runs: the present one in a simulation, an arbiter in production.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix::ArbiterHandle;

/// Where actors are started. Injected, so that a simulation stays on one thread.
#[derive(Clone)]
pub enum Spawner {
    /// On the present thread's local set. The caller must be on it.
    Current,
    /// On arbiters (threads with a local set), in turn.
    Arbiters(Arbiters),
}

/// A fixed set of arbiters. They end with the last clone.
#[derive(Clone)]
pub struct Arbiters(Arc<Pool>);

struct Pool {
    arbiters: Vec<ArbiterHandle>,
    next: AtomicUsize,
}

impl Drop for Pool {
    fn drop(&mut self) {
        for arbiter in &self.arbiters {
            arbiter.stop();
        }
    }
}

impl Spawner {
    /// Starts `n` arbiters (at least one). Needs a running actix system.
    #[must_use]
    pub fn arbiters(n: usize) -> Self {
        let arbiters = (0..n.max(1)).map(|_| actix::Arbiter::new().handle()).collect();
        Self::Arbiters(Arbiters(Arc::new(Pool { arbiters, next: AtomicUsize::new(0) })))
    }

    /// Runs `start` on the next thread in turn. `false` where that arbiter has ended.
    pub(crate) fn run(&self, start: impl FnOnce() + Send + 'static) -> bool {
        match self {
            Self::Current => {
                start();
                true
            }
            Self::Arbiters(Arbiters(pool)) => {
                let idx = pool.next.fetch_add(1, Ordering::Relaxed) % pool.arbiters.len();
                pool.arbiters[idx].spawn_fn(start)
            }
        }
    }
}
