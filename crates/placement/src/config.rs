//! The settings of placement.

use serde::{Deserialize, Serialize};

/// What makes a node the better one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Fill nodes one after the other, so that others can be turned off.
    Binpack,
    /// The emptiest node first.
    Spread,
    /// Even use of processor and memory, away from load and pressure.
    #[default]
    Balanced,
}

/// The settings of placement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What makes a node the better one.
    pub strategy: Strategy,
    /// How many nodes that fit are scored; the best of them wins. Bounds the work of one decision.
    pub n_sample: usize,
    /// Reserved processor time may exceed the limit by this factor, for agents mostly wait. At
    /// least 1.
    pub cpu_overcommit: f64,
    /// Processor time kept free for the node itself and the system, in thousandths.
    pub cpu_headroom_millis: u64,
    /// Memory kept free for the node itself and the system. Memory is never overcommitted.
    pub memory_headroom_bytes: u64,
    /// Free disk below which a node takes nothing.
    pub disk_free_bytes_min: u64,
    /// A node whose memory pressure (`some`, ten seconds) is above this takes nothing.
    pub memory_pressure_pct_max: f64,
    /// The most actors on one node.
    pub n_actors_per_node_max: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            strategy: Strategy::default(),
            n_sample: 8,
            cpu_overcommit: 4.0,
            cpu_headroom_millis: 100,
            memory_headroom_bytes: 256 << 20,
            disk_free_bytes_min: 256 << 20,
            memory_pressure_pct_max: 80.0,
            n_actors_per_node_max: 1_024,
        }
    }
}

/// A setting that cannot be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("failed to accept placement.{key} = {value}: {rule}")]
pub struct BadConfig {
    /// The key.
    pub key: &'static str,
    /// Its value.
    pub value: String,
    /// What it must be.
    pub rule: &'static str,
}

impl Config {
    /// Checks the values.
    ///
    /// # Errors
    /// The first setting that cannot be, with the rule.
    pub fn check(&self) -> Result<(), BadConfig> {
        let bad = |key, value: String, rule| Err(BadConfig { key, value, rule });
        if self.n_sample == 0 {
            return bad("n_sample", self.n_sample.to_string(), "at least 1");
        }
        if !(1.0..=64.0).contains(&self.cpu_overcommit) {
            return bad("cpu_overcommit", self.cpu_overcommit.to_string(), "from 1 to 64");
        }
        if !(0.0..=100.0).contains(&self.memory_pressure_pct_max) {
            let value = self.memory_pressure_pct_max.to_string();
            return bad("memory_pressure_pct_max", value, "from 0 to 100");
        }
        if self.n_actors_per_node_max == 0 {
            return bad("n_actors_per_node_max", "0".to_owned(), "at least 1");
        }
        Ok(())
    }
}
