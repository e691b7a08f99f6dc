//! Every limit of the cluster layer, and what happens at it.

use callboard_stdx::backoff;
use serde::{Deserialize, Serialize};

use crate::lease;

/// The settings of the cluster layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The cluster's name: a part of every subject and bucket.
    pub name: String,
    /// Who may hold what at most, and what makes a node the better one.
    pub placement: callboard_placement::Config,
    /// The placement actor.
    pub placer: Placer,
    /// The node actor.
    pub node: Node,
    /// Leases of singletons.
    pub lease: lease::Config,
    /// Calls.
    pub routing: Routing,
    /// The directory.
    pub directory: Directory,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: "main".to_owned(),
            placement: callboard_placement::Config::default(),
            placer: Placer::default(),
            node: Node::default(),
            lease: lease::Config::default(),
            routing: Routing::default(),
            directory: Directory::default(),
        }
    }
}

/// The placement actor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Placer {
    /// Actors that wait for room at most. The next `ensure` is refused with `Full`; nothing is
    /// stored.
    pub n_queue_max: usize,
    /// Activations under way at most; the next ones wait their turn in the queue.
    pub n_activating_max: usize,
    /// A reservation that no node confirmed in this time is given back, and the actor queued again.
    pub reservation_ms: u64,
    /// How often the directory is read again and compared with what is remembered.
    pub reconcile_ms: u64,
    /// Callers that wait for one actor's placement at most; the next gets `Full`.
    pub n_waiting_max: usize,
}

impl Default for Placer {
    fn default() -> Self {
        Self {
            n_queue_max: 10_000,
            n_activating_max: 16,
            reservation_ms: 10_000,
            reconcile_ms: 30_000,
            n_waiting_max: 64,
        }
    }
}

/// The node actor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Node {
    /// How often the node reports.
    pub report_ms: u64,
    /// Abnormal ends within [`Node::restart_period_ms`] after which an actor is quarantined, with an
    /// alert; it then stays down until a person ensures it again.
    pub n_restarts_max: usize,
    /// See [`Node::n_restarts_max`].
    pub restart_period_ms: u64,
    /// The delays between restarts.
    pub restart: backoff::Config,
    /// Health after which the delays begin anew.
    pub forgiven_after_ms: u64,
    /// How long a start may take; then it counts as an abnormal end.
    pub start_ms_max: u64,
    /// How long an actor has to stop by itself; then it is killed.
    pub stop_ms_max: u64,
}

impl Default for Node {
    fn default() -> Self {
        Self {
            report_ms: 1_000,
            n_restarts_max: 10,
            restart_period_ms: 60_000,
            restart: backoff::Config::default(),
            forgiven_after_ms: 30_000,
            start_ms_max: 30_000,
            stop_ms_max: 10_000,
        }
    }
}

/// Calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Routing {
    /// Calls from other nodes that are handled at once; the next ones are refused with `Full`.
    pub n_remote_calls_max: usize,
    /// Places of actors that are remembered; beyond it the memory begins anew.
    pub n_cached_max: usize,
    /// How long a call waits before it looks again for an actor that is restarting or moving.
    pub look_again_ms: u64,
}

impl Default for Routing {
    fn default() -> Self {
        Self { n_remote_calls_max: 1_024, n_cached_max: 10_000, look_again_ms: 250 }
    }
}

/// The directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Directory {
    /// How often one change is tried when the record changes meanwhile or the store does not answer;
    /// then the caller gets `Unavailable`.
    pub n_tries_max: u32,
    /// The delays between tries.
    pub retry: backoff::Config,
}

impl Default for Directory {
    fn default() -> Self {
        Self { n_tries_max: 8, retry: backoff::Config { min_ms: 5, ..backoff::Config::default() } }
    }
}

/// A setting that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failed to accept cluster.{key} = {value}: {rule}")]
pub struct BadConfig {
    /// The key.
    pub key: &'static str,
    /// Its value.
    pub value: String,
    /// What it must be.
    pub rule: String,
}

impl Config {
    /// Checks the values, also against each other.
    ///
    /// # Errors
    /// The first setting that cannot be, with the rule.
    pub fn check(&self) -> Result<(), BadConfig> {
        crate::names::Names::new(&self.name).map_err(|bad| BadConfig {
            key: "name",
            value: self.name.clone(),
            rule: bad.rule.to_owned(),
        })?;
        self.placement.check().map_err(|bad| BadConfig {
            key: bad.key,
            value: bad.value,
            rule: bad.rule.to_owned(),
        })?;
        self.lease.check()?;
        let positive = [
            ("placer.n_queue_max", self.placer.n_queue_max as u64),
            ("placer.n_activating_max", self.placer.n_activating_max as u64),
            ("placer.reservation_ms", self.placer.reservation_ms),
            ("placer.reconcile_ms", self.placer.reconcile_ms),
            ("placer.n_waiting_max", self.placer.n_waiting_max as u64),
            ("node.report_ms", self.node.report_ms),
            ("node.n_restarts_max", self.node.n_restarts_max as u64),
            ("node.restart_period_ms", self.node.restart_period_ms),
            ("node.start_ms_max", self.node.start_ms_max),
            ("node.stop_ms_max", self.node.stop_ms_max),
            ("routing.n_remote_calls_max", self.routing.n_remote_calls_max as u64),
            ("routing.n_cached_max", self.routing.n_cached_max as u64),
            ("routing.look_again_ms", self.routing.look_again_ms),
            ("directory.n_tries_max", u64::from(self.directory.n_tries_max)),
        ];
        match positive.into_iter().find(|(_, value)| *value == 0) {
            None => Ok(()),
            Some((key, _)) => {
                Err(BadConfig { key, value: "0".to_owned(), rule: "at least 1".to_owned() })
            }
        }
    }
}
