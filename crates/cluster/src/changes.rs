//! Tells any number of tasks that something changed.
//!
//! Those that wait are woken in the order in which they began to. tokio's `watch` wakes several
//! receivers in an order of its own chance, which no simulation could repeat.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// Counts changes.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    n: AtomicU64,
    told: Notify,
}

/// The changes that one task has seen.
pub(crate) struct Seen<'c> {
    changes: &'c Changes,
    n: u64,
}

impl Changes {
    /// Something changed.
    pub(crate) fn tell(&self) {
        self.n.fetch_add(1, Ordering::AcqRel);
        self.told.notify_waiters();
    }

    /// Every change so far is seen.
    pub(crate) fn seen(&self) -> Seen<'_> {
        Seen { changes: self, n: self.n.load(Ordering::Acquire) }
    }
}

impl Seen<'_> {
    /// Waits for a change that is not seen yet. Cancel-safe.
    pub(crate) async fn changed(&mut self) {
        loop {
            // Made before the look, so that a change between the two wakes it.
            let told = self.changes.told.notified();
            let n = self.changes.n.load(Ordering::Acquire);
            if n != self.n {
                self.n = n;
                return;
            }
            told.await;
        }
    }
}
