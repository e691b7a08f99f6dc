//! How a supervisor treats its children.

use std::time::Duration;

use callboard_stdx::backoff;
use serde::{Deserialize, Serialize};

/// Which children share the fate of one that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// None.
    OneForOne,
    /// Those started after it.
    RestForOne,
    /// All.
    OneForAll,
}

/// Which ends of a child call for a new incarnation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Restart {
    /// Every end.
    Permanent,
    /// An abnormal end.
    Transient,
    /// None; the child is forgotten.
    Temporary,
}

/// What happens when a child fails more often than the intensity allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnStorm {
    /// The supervisor stops its children and fails, so that its parent decides.
    Escalate,
    /// The child (and those that share its fate) stays down, with an alert. For the top of the
    /// hierarchy, and for pools of unrelated children.
    Quarantine,
}

/// In what order children are started and stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Started one after the other, stopped one after the other in reverse.
    InTurn,
    /// All at once: for pools of unrelated children.
    AtOnce,
}

/// How a supervisor treats its children.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Which children share the fate of one that fails.
    pub strategy: Strategy,
    /// Restarts allowed within the period: of one child under one_for_one, else of all together.
    pub n_restarts_max: usize,
    /// The period, in milliseconds.
    pub period_ms: u64,
    /// What happens beyond.
    pub on_storm: OnStorm,
    /// The order of starting and stopping.
    pub order: Order,
    /// The delays before restarts.
    pub backoff: backoff::Config,
    /// The time after which a running child's earlier failures are forgiven, in milliseconds.
    pub healthy_ms: u64,
    /// A child that has not started by then is killed, which counts as a failure, in milliseconds.
    pub start_ms_max: u64,
    /// Children at most; adding another is refused.
    pub n_children_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            strategy: Strategy::OneForOne,
            n_restarts_max: 3,
            period_ms: 5_000,
            on_storm: OnStorm::Escalate,
            order: Order::InTurn,
            backoff: backoff::Config::default(),
            healthy_ms: 30_000,
            start_ms_max: 60_000,
            n_children_max: 20_000,
        }
    }
}

impl Config {
    /// For unrelated children that come and go: started and stopped at once, and one that keeps
    /// failing is quarantined alone.
    #[must_use]
    pub fn pool() -> Self {
        Self { on_storm: OnStorm::Quarantine, order: Order::AtOnce, ..Self::default() }
    }

    pub(crate) fn period(&self) -> Duration {
        Duration::from_millis(self.period_ms)
    }

    pub(crate) fn healthy(&self) -> Duration {
        Duration::from_millis(self.healthy_ms)
    }

    pub(crate) fn start_max(&self) -> Duration {
        Duration::from_millis(self.start_ms_max)
    }
}
