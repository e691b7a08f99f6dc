//! What goes wrong: probabilities and delays, and the fate of one append.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::SmallRng;

/// The name under which the store itself takes part in partitions.
pub const STORE: &str = "store";

/// A delay, drawn anew each time between two bounds, both included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delay {
    /// The shortest.
    pub min: Duration,
    /// The longest.
    pub max: Duration,
}

impl Delay {
    /// Between `min` and `max` milliseconds.
    #[must_use]
    pub fn millis(min: u64, max: u64) -> Self {
        Self { min: Duration::from_millis(min), max: Duration::from_millis(max) }
    }

    pub(crate) fn draw(&self, rng: &mut SmallRng) -> Duration {
        if self.max <= self.min {
            return self.min;
        }
        rng.random_range(self.min..=self.max)
    }
}

/// What may happen to every call. The default is that nothing does.
///
/// Probabilities are 0 to 1 and drawn per call.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// Each way to the log and back.
    pub log: Delay,
    /// Each way to the buckets and back.
    pub kv: Delay,
    /// Each way to the blobs and back.
    pub blobs: Delay,
    /// Each message's way. Delays do not reorder what one node sends to one subscriber.
    pub bus: Delay,
    /// A message is lost on its way to one subscriber.
    pub bus_drop: f64,
    /// A message reaches one subscriber twice, the second time maybe later than its successors.
    pub bus_duplicate: f64,
    /// A write is refused and safe to retry.
    pub not_written: f64,
    /// A write lands, and its acknowledgement does not arrive: `Unknown` (a blob's put:
    /// `Unavailable`).
    pub lost_ack: f64,
    /// An append lands, is answered with `Unknown`, and its node is down until a restart.
    pub crash_after_append: f64,
    /// An append is answered with `Unknown` now, and lands `ghost_delay` later if it still can.
    pub ghost_write: f64,
    /// How much later.
    pub ghost_delay: Delay,
    /// A read of the log or a bucket misses the newest changes.
    pub stale_read: f64,
    /// How many it may miss.
    pub stale_n_max: usize,
    /// Every write of the log, the buckets and the blobs is refused.
    pub storage_full: bool,
}

/// What becomes of one append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is acknowledged, if its version is right.
    Lands,
    /// Nothing is written, and that is said.
    NotWritten,
    /// It lands and is answered with `Unknown`.
    LoseAck,
    /// It lands, is answered with `Unknown`, and its node is down until a restart.
    CrashAfter,
    /// It is answered with `Unknown` at once and lands this much later, if its version is right then.
    Ghost(Duration),
}

/// How often each fault happened, for tests that must know that they tested something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Bus messages lost on their way to one subscriber.
    pub n_bus_dropped: u64,
    /// Bus messages that reached one subscriber twice.
    pub n_bus_duplicated: u64,
    /// Writes refused.
    pub n_not_written: u64,
    /// Writes whose acknowledgement was lost.
    pub n_acks_lost: u64,
    /// Crashes, planned and commanded.
    pub n_crashes: u64,
    /// Appends that landed after their `Unknown`.
    pub n_ghosts_landed: u64,
    /// Reads that missed something.
    pub n_stale_reads: u64,
    /// Calls that could not reach the store in time.
    pub n_unreachable: u64,
    /// Appends that the log did not take in time.
    pub n_appends_timed_out: u64,
}
