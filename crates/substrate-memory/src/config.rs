//! The limits of the store in memory.

use std::time::Duration;

/// Limits. A call over a size limit is refused with the port's own error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The largest commit, in bytes.
    pub commit_bytes_max: usize,
    /// The largest value of a key, in bytes.
    pub value_bytes_max: usize,
    /// The largest bus message, in bytes.
    pub payload_bytes_max: usize,
    /// The largest blob, in bytes.
    pub blob_bytes_max: u64,
    /// The changes that a bucket remembers. A watcher further behind gets a `Resync`.
    pub watch_buffer: usize,
    /// The messages waiting for one subscriber. What comes on top is dropped and counted.
    pub subscription_buffer: usize,
    /// How long a call waits for a store that it cannot reach, or that is frozen.
    pub call_timeout: Duration,
    /// The largest step between two positions. 1 leaves no holes.
    pub position_step_max: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            commit_bytes_max: 1 << 20,
            value_bytes_max: 1 << 20,
            payload_bytes_max: 1 << 20,
            blob_bytes_max: 64 << 20,
            watch_buffer: 256,
            subscription_buffer: 1_024,
            call_timeout: Duration::from_secs(2),
            position_step_max: 3,
        }
    }
}
