//! Large immutable values by name, with a digest that is checked on every read.

use async_trait::async_trait;

use crate::name::BlobName;

/// Facts of a stored blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobInfo {
    /// The name.
    pub name: BlobName,
    /// The size in bytes.
    pub bytes: u64,
    /// SHA-256 of the bytes, in lower-case hexadecimal.
    pub sha256: String,
}

/// Why a blob was not stored or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// No blob has this name.
    #[error("failed to read blob {name}: there is none")]
    NotFound {
        /// The name.
        name: BlobName,
    },
    /// The stored bytes do not have the stored digest.
    #[error("failed to read blob {name}: its digest is {actual}, not {expected}")]
    Damaged {
        /// The name.
        name: BlobName,
        /// The digest it was stored with.
        expected: String,
        /// The digest of what is there.
        actual: String,
    },
    /// The blob is larger than [`Blobs::bytes_max`]; nothing was stored.
    #[error("failed to store blob {name}: {bytes} bytes are over the limit of {bytes_max}")]
    TooLarge {
        /// The name.
        name: BlobName,
        /// Its size.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
    /// The substrate cannot serve it now; a retry is safe (a put is idempotent).
    #[error("failed to reach blob {name}: {reason}")]
    Unavailable {
        /// The name.
        name: BlobName,
        /// What went wrong.
        reason: String,
    },
}

impl BlobError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

/// The blobs. A put replaces the name's value atomically and answers after it is durable: a reader
/// sees the old value or the new one, never a mixture.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Stores `bytes` under `name`.
    ///
    /// # Errors
    /// See [`BlobError`].
    async fn put(&self, name: &BlobName, bytes: Vec<u8>) -> Result<BlobInfo, BlobError>;

    /// Reads a blob, its digest checked.
    ///
    /// # Errors
    /// See [`BlobError`].
    async fn get(&self, name: &BlobName) -> Result<Vec<u8>, BlobError>;

    /// Deletes a blob; one that does not exist is no error.
    ///
    /// # Errors
    /// See [`BlobError`].
    async fn delete(&self, name: &BlobName) -> Result<(), BlobError>;

    /// The blobs whose name begins with the tokens of `prefix`, ordered by name.
    ///
    /// # Errors
    /// See [`BlobError`].
    async fn list(&self, prefix: &BlobName) -> Result<Vec<BlobInfo>, BlobError>;

    /// The largest blob accepted, in bytes.
    fn bytes_max(&self) -> u64;
}
