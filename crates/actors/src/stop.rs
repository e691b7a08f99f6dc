//! Staged stop: one order, one deadline for all, and a second signal that ends it at once.
//!
//! Invariants: stages run one after the other, in the given order; a stage that is late or panics does
//! not keep the later ones from their turn; `exit` is called exactly once.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::time::Duration;

use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::exit::panic_text;

/// How long a stop may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// All stages together, in milliseconds. What is not done by then is cut off.
    pub stop_ms_max: u64,
    /// What every later stage keeps for itself when an earlier one takes too long, in milliseconds.
    pub stage_ms_min: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { stop_ms_max: 30_000, stage_ms_min: 500 }
    }
}

/// One step of the stop.
pub struct Stage {
    name: &'static str,
    run: Pin<Box<dyn Future<Output = ()>>>,
}

impl Stage {
    /// A step that is not begun before its turn.
    pub fn new(name: &'static str, run: impl Future<Output = ()> + 'static) -> Self {
        Self { name, run: Box::pin(run) }
    }
}

/// How a stage ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It was done in time.
    Done,
    /// It was cut off.
    Late,
    /// It panicked.
    Panicked(String),
}

/// How the stop ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Every stage had its turn.
    Stopped {
        /// The stages that were cut off or panicked. Empty means a clean stop.
        failed: Vec<(&'static str, End)>,
    },
    /// The second signal came.
    Forced {
        /// During this stage.
        stage: &'static str,
    },
}

impl Outcome {
    /// The exit code of the process: 0 clean, 1 forced or panicked, 6 late.
    #[must_use]
    pub fn code(&self) -> i32 {
        match self {
            Self::Stopped { failed } if failed.is_empty() => 0,
            Self::Stopped { failed } if failed.iter().all(|(_, end)| *end == End::Late) => 6,
            Self::Stopped { .. } | Self::Forced { .. } => 1,
        }
    }
}

/// Runs the stages, then calls `exit` with the outcome; at once when `second_signal` comes.
pub async fn stop(
    cfg: Config,
    stages: Vec<Stage>,
    second_signal: impl Future<Output = ()>,
    exit: impl FnOnce(Outcome),
) {
    let mut second_signal = pin!(second_signal);
    let deadline = Instant::now() + Duration::from_millis(cfg.stop_ms_max);
    let stage_min = Duration::from_millis(cfg.stage_ms_min);
    let n_stages = u32::try_from(stages.len()).unwrap_or(u32::MAX);
    let mut failed = Vec::new();
    for (n_later, Stage { name, run }) in (0..n_stages).rev().zip(stages) {
        let reserved = stage_min.saturating_mul(n_later);
        // A reserve larger than the whole leaves every stage its minimum.
        let until = deadline.checked_sub(reserved).unwrap_or(deadline);
        let until = until.max(Instant::now() + stage_min).min(deadline);
        let run = tokio::time::timeout_at(until, AssertUnwindSafe(run).catch_unwind());
        let end = tokio::select! {
            biased;
            () = &mut second_signal => return exit(Outcome::Forced { stage: name }),
            end = run => match end {
                Ok(Ok(())) => End::Done,
                Ok(Err(panic)) => End::Panicked(panic_text(&*panic)),
                Err(_) => End::Late,
            },
        };
        match end {
            End::Done => tracing::debug!(stage = name, "stop stage done"),
            end => {
                tracing::warn!(stage = name, ?end, "stop stage failed");
                failed.push((name, end));
            }
        }
    }
    exit(Outcome::Stopped { failed });
}
