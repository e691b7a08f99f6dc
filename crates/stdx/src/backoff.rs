//! Exponential back-off, the only one in the workspace.
//!
//! The delay before attempt n is `min · factorⁿ`, at most `max`, ±`jitter`. It never sleeps itself.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How delays grow.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The first delay, in milliseconds.
    pub min_ms: u64,
    /// The longest delay, in milliseconds.
    pub max_ms: u64,
    /// The factor between two delays.
    pub factor: f64,
    /// The share by which a delay may differ, 0 to 1.
    pub jitter: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { min_ms: 50, max_ms: 5_000, factor: 2.0, jitter: 0.2 }
    }
}

impl Config {
    /// The delay before retry `n` (0 is the first). `random` is uniform in 0..1 and decides the
    /// jitter, so that a simulation repeats itself.
    #[must_use]
    pub fn delay(&self, n: u32, random: f64) -> Duration {
        let exponent = i32::try_from(n.min(64)).unwrap_or(64);
        let base = (self.min_ms as f64 * self.factor.powi(exponent)).min(self.max_ms as f64);
        let spread = 1.0 + self.jitter * (random.clamp(0.0, 1.0) * 2.0 - 1.0);
        Duration::from_micros((base * spread * 1_000.0).max(0.0) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delay_grows_and_is_capped() {
        let cfg = Config { jitter: 0.0, ..Config::default() };
        let ms: Vec<_> = (0..9).map(|n| cfg.delay(n, 0.5).as_millis()).collect();
        assert_eq!(ms, [50, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
        assert_eq!(cfg.delay(u32::MAX, 0.5).as_millis(), 5_000);
    }

    #[test]
    fn jitter_stays_in_its_share() {
        let cfg = Config::default();
        assert_eq!(cfg.delay(0, 0.0).as_millis(), 40);
        assert_eq!(cfg.delay(0, 1.0).as_millis(), 60);
    }
}
