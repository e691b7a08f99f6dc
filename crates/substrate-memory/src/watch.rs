//! A watch of one bucket: a place in its changes, not a queue of its own.
//!
//! ```text
//! Begin ──entries──▶ Telling ──last entry──▶ Following ──fell behind: Resync──▶ Begin
//! ```

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use callboard_substrate::kv::{Change, Entry, Revision, Watch};
use callboard_substrate::name::Bucket;
use tokio::time::Instant;

use crate::kv::{BucketState, way};
use crate::plan::STORE;
use crate::shared::{Shared, State, wait};

/// A running watch.
pub(crate) struct MemoryWatch {
    shared: Arc<Shared>,
    node: String,
    bucket: Bucket,
    stage: Stage,
    /// When the next change arrives, once there is one. Kept here, so that dropping a wait for it
    /// does not start its way anew.
    arrives_at: Option<Instant>,
}

enum Stage {
    /// To look at every present entry.
    Begin,
    /// To tell these entries, which are all up to a revision.
    Telling(VecDeque<Entry>, Revision),
    /// To tell what came after a revision.
    Following(Revision),
}

/// What a look at the state came to.
enum Look {
    Tell(Change),
    WaitUntil(Instant),
    Wait,
}

impl MemoryWatch {
    pub(crate) fn new(shared: Arc<Shared>, node: String, bucket: Bucket) -> Self {
        Self { shared, node, bucket, stage: Stage::Begin, arrives_at: None }
    }

    fn look(&mut self, state: &mut State, now: Instant) -> Look {
        if !state.net.reaches(&self.node, STORE) {
            return Look::Wait;
        }
        let empty = BucketState::default();
        if matches!(self.stage, Stage::Begin) {
            let bucket = state.kv.bucket(&self.bucket).unwrap_or(&empty);
            let revision = bucket.changes.back().map_or(bucket.forgotten, |last| last.revision);
            self.stage = Stage::Telling(bucket.entries.values().cloned().collect(), revision);
        }
        match &mut self.stage {
            Stage::Begin => unreachable!("left above"),
            Stage::Telling(entries, revision) => {
                if let Some(entry) = entries.pop_front() {
                    return Look::Tell(Change::Put(entry));
                }
                self.stage = Stage::Following(*revision);
                Look::Tell(Change::Synced)
            }
            Stage::Following(seen) => {
                let seen = *seen;
                self.look_after(seen, state, now)
            }
        }
    }

    fn look_after(&mut self, seen: Revision, state: &mut State, now: Instant) -> Look {
        let Some(bucket) = state.kv.bucket(&self.bucket) else { return Look::Wait };
        if bucket.forgotten > seen {
            self.stage = Stage::Begin;
            self.arrives_at = None;
            return Look::Tell(Change::Resync);
        }
        let idx = bucket.changes.partition_point(|changed| changed.revision <= seen);
        let Some(changed) = bucket.changes.get(idx) else { return Look::Wait };
        let chance = &mut state.chance;
        let arrives_at =
            *self.arrives_at.get_or_insert_with(|| now + way(&chance.plan).draw(&mut chance.rng));
        if arrives_at > now {
            return Look::WaitUntil(arrives_at);
        }
        self.arrives_at = None;
        self.stage = Stage::Following(changed.revision);
        Look::Tell(changed.change.clone())
    }
}

#[async_trait]
impl Watch for MemoryWatch {
    async fn next(&mut self) -> Option<Change> {
        let shared = Arc::clone(&self.shared);
        loop {
            let changed = shared.kv_changed.notified();
            let look = self.look(&mut shared.lock(), Instant::now());
            match look {
                Look::Tell(change) => return Some(change),
                Look::WaitUntil(at) => wait(changed, Some(at)).await,
                Look::Wait => wait(changed, None).await,
            }
        }
    }
}
