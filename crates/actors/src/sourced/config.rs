//! The limits of an event-sourced actor.

use callboard_stdx::backoff;
use serde::{Deserialize, Serialize};

use crate::mailbox;

/// Limits and what happens at them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The mailbox.
    pub mailbox: mailbox::Config,
    /// The delays between retries of reads and of appends that were not written.
    pub retry: backoff::Config,
    /// Retries of one append that was not written (8 take about 11 s); then the caller gets
    /// [`crate::sourced::CommandError::Unavailable`].
    pub n_append_retries_max: u32,
    /// Retries of one read during recovery; then the incarnation fails.
    pub n_read_retries_max: u32,
    /// How often a starting incarnation reads again because another append came first; then it
    /// fails.
    pub n_activation_conflicts_max: u32,
    /// Commits per read.
    pub n_read_batch: usize,
    /// The delays between runs of one effect that is not confirmed.
    pub effect_retry: backoff::Config,
    /// Failures in a row of one effect after which an alert is raised, once.
    pub n_effect_failures_alert: u32,
    /// Effects that run at once, timers apart; the next ones wait in key order.
    pub n_effects_max: usize,
    /// The longest sleep of a timer before it looks at the clock again, in milliseconds.
    pub timer_slice_ms_max: u64,
    /// Events after which a snapshot is taken.
    pub n_snapshot_events: u64,
    /// Bytes of commits after which a snapshot is taken.
    pub snapshot_commit_bytes: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            mailbox: mailbox::Config::default(),
            retry: backoff::Config::default(),
            n_append_retries_max: 8,
            n_read_retries_max: 8,
            n_activation_conflicts_max: 5,
            n_read_batch: 512,
            effect_retry: backoff::Config { max_ms: 30_000, ..backoff::Config::default() },
            n_effect_failures_alert: 5,
            n_effects_max: 256,
            timer_slice_ms_max: 30_000,
            n_snapshot_events: 500,
            snapshot_commit_bytes: 1 << 20,
        }
    }
}
