//! The event log: commits appended to streams under an expected version, and one total order of all.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::name::Stream;

/// Where a stream stands. Opaque and local to the substrate: compare for equality and hand it back;
/// never store it outside the substrate and never show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

impl Version {
    /// The version of a stream without a commit.
    pub const EMPTY: Self = Self(0);
}

/// A place in the total order of all commits of all streams. Grows; may have holes.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Position(pub u64);

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One decision's events, sealed by the caller, to be appended as a whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The commit's own id: how a lost acknowledgement is recognised later.
    pub id: Uuid,
    /// The stored bytes.
    pub bytes: Vec<u8>,
}

/// A commit as the log gives it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The stream that it belongs to.
    pub stream: Stream,
    /// The version of the stream after it.
    pub version: Version,
    /// Its place in the total order.
    pub position: Position,
    /// The id that it was appended with.
    pub id: Uuid,
    /// The bytes that were appended.
    pub bytes: Vec<u8>,
}

/// What an append came to, when it was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The stream's new version.
    pub version: Version,
    /// The commit's place in the total order.
    pub position: Position,
}

/// Why an append was not acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The stream was not at the expected version; nothing was written.
    #[error("failed to append to {stream}: expected version {expected:?}, found {actual:?}")]
    Conflict {
        /// The stream.
        stream: Stream,
        /// What the caller believed.
        expected: Version,
        /// What it is.
        actual: Version,
    },
    /// Nothing was written, now or later; a retry is safe.
    #[error("failed to append to {stream}: not written ({reason})")]
    NotWritten {
        /// The stream.
        stream: Stream,
        /// What went wrong, and what to do.
        reason: String,
    },
    /// The commit may be written, or may still land later: the owner must die and reload.
    #[error("failed to append to {stream}: the outcome is unknown ({reason})")]
    Unknown {
        /// The stream.
        stream: Stream,
        /// What went wrong.
        reason: String,
    },
}

impl AppendError {
    /// Whether the same append may be tried again by the same owner.
    #[must_use]
    pub fn retryable(&self) -> bool {
        matches!(self, Self::NotWritten { .. })
    }
}

/// Why a read failed.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The substrate cannot answer now; a retry is safe.
    #[error("failed to read {what}: {reason}")]
    Unavailable {
        /// What was read.
        what: String,
        /// What went wrong.
        reason: String,
    },
    /// Stored bytes are damaged: no retry helps.
    #[error("failed to read {what}: damaged ({reason})")]
    Damaged {
        /// What was read.
        what: String,
        /// How it is damaged.
        reason: String,
    },
}

impl ReadError {
    /// Whether the same read may succeed later.
    #[must_use]
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

/// The log.
///
/// * A commit is atomic: all of its bytes are stored, or none.
/// * `append` answers after the commit is durable (survives `kill -9` and power loss, as far as the
///   disk keeps its promises).
/// * Commits of one stream have growing versions and positions; a reader of a stream never sees a
///   later commit without the earlier ones.
/// * One append in flight per stream: a second is a conflict or waits, never reordered.
/// * Reads may be stale (a prefix of the truth); only an append proves ownership.
#[async_trait]
pub trait EventLog: Send + Sync {
    /// Appends `commit` to `stream`, if the stream is at `expected`.
    ///
    /// Dropping the future leaves the outcome unknown.
    ///
    /// # Errors
    /// See [`AppendError`]; payloads over [`EventLog::commit_bytes_max`] are `NotWritten`.
    async fn append(
        &self,
        stream: &Stream,
        expected: Version,
        commit: Commit,
    ) -> Result<Appended, AppendError>;

    /// Reads at most `n_max` commits of `stream` after `after`, in order. Fewer than `n_max` means
    /// that the end (as this reader sees it) is reached.
    ///
    /// # Errors
    /// See [`ReadError`].
    async fn read(
        &self,
        stream: &Stream,
        after: Version,
        n_max: usize,
    ) -> Result<Vec<Stored>, ReadError>;

    /// The commit with this id in `stream`, if it is stored: how an unknown outcome is settled.
    /// `None` may be stale, and the commit may still land; it is final once an append of the next
    /// owner has succeeded, for that shuts the earlier one out.
    ///
    /// # Errors
    /// See [`ReadError`].
    async fn find(&self, stream: &Stream, id: Uuid) -> Result<Option<Stored>, ReadError>;

    /// Reads at most `n_max` commits of all streams after `after`, in the total order.
    ///
    /// # Errors
    /// See [`ReadError`].
    async fn read_all(&self, after: Position, n_max: usize) -> Result<Vec<Stored>, ReadError>;

    /// Waits until a commit after `after` exists, then returns the next ones like
    /// [`EventLog::read_all`] (never empty). Calling it again with the last position gives a tail
    /// with neither gap nor repeat, across any reconnect. Cancel by dropping.
    ///
    /// # Errors
    /// See [`ReadError`].
    async fn tail(&self, after: Position, n_max: usize) -> Result<Vec<Stored>, ReadError>;

    /// The position of the newest commit, as this reader sees it.
    ///
    /// # Errors
    /// See [`ReadError`].
    async fn head(&self) -> Result<Position, ReadError>;

    /// The largest commit accepted, in bytes.
    fn commit_bytes_max(&self) -> usize;
}
