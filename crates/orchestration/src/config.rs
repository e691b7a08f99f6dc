//! The limits of carrying out effects.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Limits and room of what the actors do. A wait that passes its limit is retried with back-off for as
/// long as the effect is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How long one actor waits for another, in milliseconds.
    pub ask_ms: u64,
    /// How long a program may take to end politely before it is killed, in milliseconds.
    pub stop_grace_ms: u64,
    /// How long a new run waits for the processes of the last one to be gone, in milliseconds.
    pub slot_ms: u64,
    /// How often an agent or project that waits for room asks again, in milliseconds.
    pub place_again_ms: u64,
    /// Commands to a running program that may wait; more are refused and retried.
    pub control_max: usize,
    /// Room that a project manager reserves, in thousandths of a processor.
    pub project_cpu_millis: u64,
    /// Memory that a project manager reserves, in bytes.
    pub project_memory_bytes: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            ask_ms: 5_000,
            stop_grace_ms: 3_000,
            slot_ms: 15_000,
            place_again_ms: 1_000,
            control_max: 64,
            project_cpu_millis: 10,
            project_memory_bytes: 4 * 1024 * 1024,
        }
    }
}

impl Config {
    pub(crate) fn ask(&self) -> Duration {
        Duration::from_millis(self.ask_ms)
    }

    pub(crate) fn stop_grace(&self) -> Duration {
        Duration::from_millis(self.stop_grace_ms)
    }

    pub(crate) fn slot(&self) -> Duration {
        Duration::from_millis(self.slot_ms)
    }

    pub(crate) fn place_again(&self) -> Duration {
        Duration::from_millis(self.place_again_ms)
    }
}
