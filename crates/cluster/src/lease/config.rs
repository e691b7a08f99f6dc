//! The times of a lease.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::BadConfig;

/// Who else could hold the lease.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Nobody: something else excludes other nodes (the lock on the embedded store's folder).
    #[default]
    Exclusive,
    /// Other nodes: the observed lease.
    Observed,
}

/// The times of a lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Who else could hold it.
    pub mode: Mode,
    /// How often the holder renews and a contender reads.
    pub renew_ms: u64,
    /// How long after the sending of its last success a holder trusts itself.
    pub deadline_ms: u64,
    /// How long a contender must see no change.
    pub take_over_ms: u64,
    /// How long a read or write may take; then its outcome is unknown.
    pub answer_ms_max: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            renew_ms: 1_000,
            deadline_ms: 6_000,
            take_over_ms: 10_000,
            answer_ms_max: 3_000,
        }
    }
}

impl Config {
    /// Checks that a take-over waits longer than any holder trusts itself, clocks differing by a
    /// fifth in rate either way.
    ///
    /// # Errors
    /// The setting that cannot be, with the rule.
    pub fn check(&self) -> Result<(), BadConfig> {
        let bad = |key, value: u64, rule: &str| {
            Err(BadConfig { key, value: value.to_string(), rule: rule.to_owned() })
        };
        if self.renew_ms == 0 || self.renew_ms * 3 > self.deadline_ms {
            return bad(
                "lease.renew_ms",
                self.renew_ms,
                "at least 1, at most a third of deadline_ms",
            );
        }
        // deadline / 0.8 < take_over / 1.2
        if self.deadline_ms * 3 >= self.take_over_ms * 2 {
            return bad("lease.deadline_ms", self.deadline_ms, "below two thirds of take_over_ms");
        }
        if self.answer_ms_max == 0 || self.answer_ms_max >= self.deadline_ms {
            return bad("lease.answer_ms_max", self.answer_ms_max, "at least 1, below deadline_ms");
        }
        Ok(())
    }

    pub(crate) fn renew(&self) -> Duration {
        Duration::from_millis(self.renew_ms)
    }

    pub(crate) fn deadline(&self) -> Duration {
        Duration::from_millis(self.deadline_ms)
    }

    pub(crate) fn take_over(&self) -> Duration {
        Duration::from_millis(self.take_over_ms)
    }

    pub(crate) fn answer_max(&self) -> Duration {
        Duration::from_millis(self.answer_ms_max)
    }
}
