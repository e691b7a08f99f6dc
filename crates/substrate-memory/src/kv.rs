//! The buckets: present entries, the latest changes, and the port over them.

use std::collections::{BTreeMap, VecDeque};

use async_trait::async_trait;
use callboard_substrate::Kv;
use callboard_substrate::kv::{Change, Entry, Revision, Watch, WriteError};
use callboard_substrate::log::ReadError;
use callboard_substrate::name::{Bucket, Key};

use crate::plan::{Delay, Plan};
use crate::shared::{State, Unreachable};
use crate::store::{Store, Write};
use crate::watch::MemoryWatch;

/// All buckets. Revisions are counted across them, so that one bucket's have holes.
#[derive(Default)]
pub(crate) struct KvState {
    buckets: BTreeMap<Bucket, BucketState>,
    last: Revision,
}

/// One bucket.
#[derive(Default)]
pub(crate) struct BucketState {
    pub(crate) entries: BTreeMap<Key, Entry>,
    /// The latest changes, oldest first, as many as a watcher may be behind.
    pub(crate) changes: VecDeque<Changed>,
    /// The revision of the newest change that is forgotten.
    pub(crate) forgotten: Revision,
}

/// One change, and what it can be undone with for a stale read.
pub(crate) struct Changed {
    pub(crate) revision: Revision,
    pub(crate) change: Change,
    before: Option<Entry>,
}

/// What a write wants of the key's present revision, and does to it.
enum Intent {
    Create(Vec<u8>),
    Update(Vec<u8>, Revision),
    Delete(Revision),
}

impl Intent {
    fn n_bytes(&self) -> usize {
        match self {
            Self::Create(value) | Self::Update(value, _) => value.len(),
            Self::Delete(_) => 0,
        }
    }
}

impl KvState {
    pub(crate) fn bucket(&self, bucket: &Bucket) -> Option<&BucketState> {
        self.buckets.get(bucket)
    }

    /// Writes, if the key is as expected, else says what it is.
    fn write(
        &mut self,
        bucket: &Bucket,
        key: &Key,
        intent: Intent,
        n_changes_max: usize,
    ) -> Result<Revision, Option<Revision>> {
        let state = self.buckets.entry(bucket.clone()).or_default();
        let before = state.entries.get(key).cloned();
        let actual = before.as_ref().map(|entry| entry.revision);
        let (expected, value) = match intent {
            Intent::Create(value) => (None, Some(value)),
            Intent::Update(value, revision) => (Some(revision), Some(value)),
            Intent::Delete(revision) => (Some(revision), None),
        };
        if actual != expected {
            return Err(actual);
        }
        let revision = Revision(self.last.0 + 1);
        self.last = revision;
        let change = match value {
            Some(value) => {
                let entry = Entry { key: key.clone(), revision, value };
                state.entries.insert(key.clone(), entry.clone());
                Change::Put(entry)
            }
            None => {
                state.entries.remove(key);
                Change::Deleted { key: key.clone(), revision }
            }
        };
        state.changes.push_back(Changed { revision, change, before });
        while state.changes.len() > n_changes_max {
            let forgotten = state.changes.pop_front().expect("longer than a length");
            state.forgotten = forgotten.revision;
        }
        Ok(revision)
    }
}

impl BucketState {
    /// The entries as they were before the newest `n_missed` changes.
    fn as_of(&self, n_missed: usize) -> BTreeMap<Key, Entry> {
        let mut entries = self.entries.clone();
        for Changed { change, before, .. } in self.changes.iter().rev().take(n_missed) {
            let (Change::Put(Entry { key, .. }) | Change::Deleted { key, .. }) = change else {
                continue;
            };
            match before {
                Some(entry) => entries.insert(key.clone(), entry.clone()),
                None => entries.remove(key),
            };
        }
        entries
    }
}

impl State {
    /// A bucket as the next read sees it.
    fn seen(&mut self, bucket: &Bucket) -> BTreeMap<Key, Entry> {
        let n_missed = self.chance.n_stale();
        self.kv.bucket(bucket).map(|state| state.as_of(n_missed)).unwrap_or_default()
    }
}

/// The key that is written, for the errors of writing it.
struct Target<'a> {
    bucket: &'a Bucket,
    key: &'a Key,
}

impl Target<'_> {
    fn conflict(&self, actual: Option<Revision>) -> WriteError {
        WriteError::Conflict { bucket: self.bucket.clone(), key: self.key.clone(), actual }
    }

    fn not_written(&self, reason: impl Into<String>) -> WriteError {
        let (bucket, key) = (self.bucket.clone(), self.key.clone());
        WriteError::NotWritten { bucket, key, reason: reason.into() }
    }

    fn unknown(&self, reason: impl Into<String>) -> WriteError {
        let (bucket, key) = (self.bucket.clone(), self.key.clone());
        WriteError::Unknown { bucket, key, reason: reason.into() }
    }
}

impl Store {
    async fn write(
        &self,
        bucket: &Bucket,
        key: &Key,
        intent: Intent,
    ) -> Result<Revision, WriteError> {
        let target = Target { bucket, key };
        let (bytes, bytes_max) = (intent.n_bytes(), self.value_bytes_max());
        if bytes > bytes_max {
            let reason = format!("{bytes} bytes are over the limit of {bytes_max}");
            return Err(target.not_written(reason));
        }
        self.shared.reach_store(&self.node).await.map_err(|end| match end {
            Unreachable::Down => target.not_written(end.reason()),
            Unreachable::Cut => target.unknown(end.reason()),
        })?;
        self.travel(way).await;
        let outcome = self.land_write(&target, intent);
        self.travel(way).await;
        self.still_up().map_err(|down| target.unknown(down.reason()))?;
        outcome
    }

    fn land_write(&self, target: &Target<'_>, intent: Intent) -> Result<Revision, WriteError> {
        let mut state = self.shared.settled();
        let loses_ack = match state.write_fault() {
            Write::Refused(reason) => return Err(target.not_written(reason)),
            Write::Goes { loses_ack } => loses_ack,
        };
        let n_changes_max = self.shared.config.watch_buffer;
        let written = state.kv.write(target.bucket, target.key, intent, n_changes_max);
        self.shared.kv_changed.notify_waiters();
        if loses_ack {
            return Err(target.unknown("the acknowledgement was lost"));
        }
        written.map_err(|actual| target.conflict(actual))
    }
}

#[async_trait]
impl Kv for Store {
    async fn get(&self, bucket: &Bucket, key: &Key) -> Result<Option<Entry>, ReadError> {
        let look = |state: &mut State| state.seen(bucket).remove(key);
        self.read(|| format!("{bucket}/{key}"), way, look).await
    }

    async fn list(&self, bucket: &Bucket) -> Result<Vec<Entry>, ReadError> {
        let look = |state: &mut State| state.seen(bucket).into_values().collect();
        self.read(|| bucket.to_string(), way, look).await
    }

    async fn create(
        &self,
        bucket: &Bucket,
        key: &Key,
        value: Vec<u8>,
    ) -> Result<Revision, WriteError> {
        self.write(bucket, key, Intent::Create(value)).await
    }

    async fn update(
        &self,
        bucket: &Bucket,
        key: &Key,
        value: Vec<u8>,
        revision: Revision,
    ) -> Result<Revision, WriteError> {
        self.write(bucket, key, Intent::Update(value, revision)).await
    }

    async fn delete(
        &self,
        bucket: &Bucket,
        key: &Key,
        revision: Revision,
    ) -> Result<(), WriteError> {
        self.write(bucket, key, Intent::Delete(revision)).await.map(drop)
    }

    async fn watch(&self, bucket: &Bucket) -> Result<Box<dyn Watch>, ReadError> {
        self.read(|| bucket.to_string(), way, |_| ()).await?;
        let watch = MemoryWatch::new(self.shared.clone(), self.node.clone(), bucket.clone());
        Ok(Box::new(watch))
    }

    fn value_bytes_max(&self) -> usize {
        self.shared.config.value_bytes_max
    }
}

pub(crate) fn way(plan: &Plan) -> Delay {
    plan.kv
}
