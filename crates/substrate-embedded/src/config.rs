//! The limits of the embedded substrate, with their defaults.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::open_error::OpenError;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Every limit of the embedded substrate. All must be above zero, except where it says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The largest commit, in bytes. A larger one is `NotWritten`.
    pub commit_bytes_max: usize,
    /// The largest value of a key, in bytes. A larger one is `NotWritten`.
    pub value_bytes_max: usize,
    /// How many writes share one transaction and one sync at most.
    pub batch_max: usize,
    /// How long the writer waits for as many writes as the last batch had, in microseconds, and
    /// never longer than the last sync took. One that writes alone never waits. May be zero.
    pub gather_us_max: u64,
    /// How many writes wait for the writer of each database. When it is full, callers wait.
    pub queue_max: usize,
    /// How many bytes the waiting writes larger than 4 KiB hold together. When it is full, callers
    /// wait.
    pub queue_bytes_max: usize,
    /// How long a caller waits for a place in the queue or for a reader, and the writer for another
    /// program that holds the file, before "busy" (`NotWritten` or `Unavailable`), in milliseconds.
    pub wait_ms_max: u64,
    /// How many stream heads the writer remembers. A forgotten one costs an index look-up.
    pub heads_max: usize,
    /// Connections that read each database at the same time. Further readers wait.
    pub readers: usize,
    /// Changes kept for the watchers of a bucket. A watcher further behind is resynchronised.
    pub watch_changes_max: usize,
    /// The largest payload on the bus, in bytes. A larger one is `TooLarge`.
    pub payload_bytes_max: usize,
    /// Messages that wait for one subscriber. Further ones are dropped and counted.
    pub subscription_messages_max: usize,
    /// Subscriptions at the same time, pending requests included. Further ones are `Unavailable`.
    pub subscriptions_max: usize,
    /// The largest blob, in bytes. A larger one is `TooLarge`.
    pub blob_bytes_max: u64,
    /// Blobs read or written at the same time. Further callers wait.
    pub blob_workers: usize,
    /// The largest size of each database, in bytes; `None`: as the disk allows. At the limit, writes
    /// are `NotWritten` and an alert is raised, as on a full disk.
    pub database_bytes_max: Option<u64>,
    /// Databases up to this size are checked page by page when they are opened; larger ones are
    /// checked at their header, their schema and their newest rows.
    pub quick_check_bytes_max: u64,
    /// Pages of 4 KiB in the write-ahead log before they are copied to the database.
    pub checkpoint_pages: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            commit_bytes_max: MIB,
            value_bytes_max: MIB,
            batch_max: 512,
            gather_us_max: 1_000,
            queue_max: 1_024,
            queue_bytes_max: 64 * MIB,
            wait_ms_max: 5_000,
            heads_max: 16_384,
            readers: 4,
            watch_changes_max: 256,
            payload_bytes_max: MIB,
            subscription_messages_max: 1_024,
            subscriptions_max: 16_384,
            blob_bytes_max: 256 * MIB as u64,
            blob_workers: 2,
            database_bytes_max: None,
            quick_check_bytes_max: 16 * MIB as u64,
            checkpoint_pages: 4_000,
        }
    }
}

impl Config {
    pub(crate) fn wait_max(&self) -> Duration {
        Duration::from_millis(self.wait_ms_max)
    }

    /// Refuses limits with which nothing could work.
    pub(crate) fn check(&self) -> Result<(), OpenError> {
        let sizes = [
            ("commit_bytes_max", self.commit_bytes_max),
            ("value_bytes_max", self.value_bytes_max),
            ("batch_max", self.batch_max),
            ("queue_max", self.queue_max),
            ("heads_max", self.heads_max),
            ("readers", self.readers),
            ("watch_changes_max", self.watch_changes_max),
            ("payload_bytes_max", self.payload_bytes_max),
            ("subscription_messages_max", self.subscription_messages_max),
            ("subscriptions_max", self.subscriptions_max),
            ("blob_workers", self.blob_workers),
        ];
        for (field, value) in sizes {
            if value == 0 {
                return Err(OpenError::BadConfig { field, rule: "it must be above zero" });
            }
        }
        if self.queue_bytes_max < self.commit_bytes_max.max(self.value_bytes_max) {
            let rule = "it must hold the largest commit and the largest value";
            return Err(OpenError::BadConfig { field: "queue_bytes_max", rule });
        }
        Ok(())
    }
}
