//! Watches of buckets: a snapshot, then the changes after it from a bounded buffer.
//!
//! ```text
//! snapshot sent → Synced → changes ─buffer overrun→ Resync → new snapshot sent → Synced → …
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use callboard_stdx::backoff;
use callboard_substrate::kv::{Change, Revision, Watch};
use callboard_substrate::log::ReadError;
use callboard_substrate::name::Bucket;
use tokio::sync::broadcast::{self, error::RecvError};

use crate::kv::{Snapshot, snapshot};
use crate::readers::Readers;

type Event = (Revision, Change);

/// Hands the changes of each bucket to its watchers.
#[derive(Debug)]
pub(crate) struct Hub {
    /// `None` after the close.
    buckets: Mutex<Option<BTreeMap<Bucket, broadcast::Sender<Event>>>>,
    n_changes_max: usize,
}

impl Hub {
    pub(crate) fn new(n_changes_max: usize) -> Self {
        Self { buckets: Mutex::new(Some(BTreeMap::new())), n_changes_max }
    }

    /// The changes of `bucket` from now on. `None` after the close.
    pub(crate) fn subscribe(&self, bucket: &Bucket) -> Option<broadcast::Receiver<Event>> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let buckets = buckets.as_mut()?;
        if let Some(sender) = buckets.get(bucket) {
            return Some(sender.subscribe());
        }
        let (sender, receiver) = broadcast::channel(self.n_changes_max);
        buckets.insert(bucket.clone(), sender);
        Some(receiver)
    }

    /// Tells the watchers of `bucket`. Never waits: who is too slow is resynchronised.
    pub(crate) fn publish(&self, bucket: &Bucket, revision: Revision, change: Change) {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(buckets) = buckets.as_mut() else { return };
        let Some(sender) = buckets.get(bucket) else { return };
        if sender.send((revision, change)).is_err() {
            // The last watcher is gone.
            buckets.remove(bucket);
        }
    }

    pub(crate) fn close(&self) {
        *self.buckets.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// One watcher.
pub(crate) struct BucketWatch {
    bucket: Bucket,
    readers: Readers,
    changes: broadcast::Receiver<Event>,
    /// What was read and not yet handed out.
    pending: VecDeque<Change>,
    /// What the last snapshot covers: changes up to it are known.
    covered: Revision,
    /// Whether a snapshot must be read before anything else.
    behind: bool,
}

impl BucketWatch {
    pub(crate) fn new(
        bucket: Bucket,
        readers: Readers,
        changes: broadcast::Receiver<Event>,
        first: Snapshot,
    ) -> Self {
        let pending = VecDeque::new();
        let covered = Revision(0);
        let mut watch = Self { bucket, readers, changes, pending, covered, behind: false };
        watch.hand_out(first);
        watch
    }

    fn hand_out(&mut self, snapshot: Snapshot) {
        self.covered = snapshot.revision;
        self.pending.extend(snapshot.entries.into_iter().map(Change::Put));
        self.pending.push_back(Change::Synced);
        self.behind = false;
    }

    /// Reads the bucket again until it works. `None` when no retry can help.
    async fn catch_up(&mut self) -> Option<()> {
        let backoff = backoff::Config::default();
        for n in 0.. {
            match snapshot(&self.readers, &self.bucket).await {
                Ok(snapshot) => {
                    self.hand_out(snapshot);
                    return Some(());
                }
                Err(error @ ReadError::Damaged { .. }) => {
                    tracing::error!(bucket = %self.bucket, %error, "watch ended");
                    return None;
                }
                Err(_) if self.readers.is_closed() => return None,
                Err(error) => {
                    tracing::warn!(bucket = %self.bucket, %error, "watch retries");
                    tokio::time::sleep(backoff.delay(n, 0.5)).await;
                }
            }
        }
        None
    }
}

#[async_trait]
impl Watch for BucketWatch {
    async fn next(&mut self) -> Option<Change> {
        loop {
            if self.behind {
                self.catch_up().await?;
            }
            if let Some(change) = self.pending.pop_front() {
                return Some(change);
            }
            match self.changes.recv().await {
                Ok((revision, change)) if revision > self.covered => return Some(change),
                Ok(_known) => {}
                Err(RecvError::Lagged(_)) => {
                    // What is in the buffer is covered by the snapshot that follows.
                    self.changes = self.changes.resubscribe();
                    self.behind = true;
                    return Some(Change::Resync);
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }
}
