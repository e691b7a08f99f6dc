//! Key-value buckets with compare-and-set and watches that know when they fell behind.

use async_trait::async_trait;

use crate::log::ReadError;
use crate::name::{Bucket, Key};

/// A key's revision: grows with each change in the bucket. Opaque; hand it back to update.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

/// A stored value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: Key,
    /// The revision that wrote it.
    pub revision: Revision,
    /// The value.
    pub value: Vec<u8>,
}

/// Why a write was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The key exists already, or is at another revision; nothing was written.
    #[error("failed to write {bucket}/{key}: it changed meanwhile (now at {actual:?})")]
    Conflict {
        /// The bucket.
        bucket: Bucket,
        /// The key.
        key: Key,
        /// The present revision, `None` where the key does not exist.
        actual: Option<Revision>,
    },
    /// Nothing was written; a retry is safe.
    #[error("failed to write {bucket}/{key}: not written ({reason})")]
    NotWritten {
        /// The bucket.
        bucket: Bucket,
        /// The key.
        key: Key,
        /// What went wrong.
        reason: String,
    },
    /// It may be written: read the key before anything else.
    #[error("failed to write {bucket}/{key}: the outcome is unknown ({reason})")]
    Unknown {
        /// The bucket.
        bucket: Bucket,
        /// The key.
        key: Key,
        /// What went wrong.
        reason: String,
    },
}

impl WriteError {
    /// Whether the same write may be tried again without reading first.
    #[must_use]
    pub fn retryable(&self) -> bool {
        matches!(self, Self::NotWritten { .. })
    }
}

/// What a watcher is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The key has this value now.
    Put(Entry),
    /// The key is gone.
    Deleted {
        /// The key.
        key: Key,
        /// The revision of the deletion.
        revision: Revision,
    },
    /// Changes were missed; what follows is every present key again, then [`Change::Synced`].
    Resync,
    /// All present keys were sent; what follows is new.
    Synced,
}

/// A running watch. Dropping it ends it.
#[async_trait]
pub trait Watch: Send {
    /// Waits for the next change. Cancel-safe. `None` when the substrate closed.
    async fn next(&mut self) -> Option<Change>;
}

/// The buckets. Created on first use. Writes answer after they are durable.
#[async_trait]
pub trait Kv: Send + Sync {
    /// The present value. May be stale.
    ///
    /// # Errors
    /// See [`ReadError`].
    async fn get(&self, bucket: &Bucket, key: &Key) -> Result<Option<Entry>, ReadError>;

    /// Every present entry, ordered by key. May be stale.
    ///
    /// # Errors
    /// See [`ReadError`].
    async fn list(&self, bucket: &Bucket) -> Result<Vec<Entry>, ReadError>;

    /// Writes a key that must not exist (a deleted key does not).
    ///
    /// # Errors
    /// See [`WriteError`].
    async fn create(
        &self,
        bucket: &Bucket,
        key: &Key,
        value: Vec<u8>,
    ) -> Result<Revision, WriteError>;

    /// Writes a key that must be at `revision`.
    ///
    /// # Errors
    /// See [`WriteError`].
    async fn update(
        &self,
        bucket: &Bucket,
        key: &Key,
        value: Vec<u8>,
        revision: Revision,
    ) -> Result<Revision, WriteError>;

    /// Deletes a key that must be at `revision`.
    ///
    /// # Errors
    /// See [`WriteError`].
    async fn delete(
        &self,
        bucket: &Bucket,
        key: &Key,
        revision: Revision,
    ) -> Result<(), WriteError>;

    /// Starts a watch: every present key, [`Change::Synced`], then changes in revision order. A
    /// watcher that falls behind the bounded buffer gets [`Change::Resync`], never a silent gap.
    ///
    /// # Errors
    /// See [`ReadError`].
    async fn watch(&self, bucket: &Bucket) -> Result<Box<dyn Watch>, ReadError>;

    /// The largest value accepted, in bytes.
    fn value_bytes_max(&self) -> usize;
}
