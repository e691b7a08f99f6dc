//! Why a node cannot take an actor, each as one sentence for a person.

use std::fmt;

use callboard_domain::id::ProgramName;
use serde::{Deserialize, Serialize};

use crate::bytes;
use crate::cluster::{Node, Pool};
use crate::config::Config;
use crate::report::{NodeState, Taint};
use crate::request::Request;

/// One reason why a node cannot take an actor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Misfit {
    /// The node takes nothing new.
    State(NodeState),
    /// Too little memory.
    Memory {
        /// What is free.
        free_bytes: u64,
        /// What is asked.
        asked_bytes: u64,
    },
    /// Too little processor time.
    Cpu {
        /// What is free.
        free_millis: u64,
        /// What is asked.
        asked_millis: u64,
    },
    /// Too little disk.
    Disk {
        /// What is free.
        free_bytes: u64,
        /// What must be.
        min_bytes: u64,
    },
    /// The node is short of memory right now.
    Pressure {
        /// The measured pressure.
        pct: f64,
        /// The limit.
        max_pct: f64,
    },
    /// The agent program is not installed.
    Runtime(ProgramName),
    /// A label is missing or has another value.
    Label {
        /// The label.
        key: String,
        /// What it must be.
        wanted: String,
        /// What it is.
        actual: Option<String>,
    },
    /// A taint is not tolerated.
    Tainted(Taint),
    /// Another actor with the same key is there.
    AntiAffinity(String),
    /// The node has as many actors as it may.
    Actors {
        /// The limit.
        max: u32,
    },
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State(state) => write!(f, "it is {state}"),
            Self::Memory { free_bytes, asked_bytes } => write!(
                f,
                "{} of memory free, the actor asks {}",
                bytes::human(*free_bytes),
                bytes::human(*asked_bytes)
            ),
            Self::Cpu { free_millis, asked_millis } => write!(
                f,
                "{} free, the actor asks {}",
                bytes::cpus(*free_millis),
                bytes::cpus(*asked_millis)
            ),
            Self::Disk { free_bytes, min_bytes } => write!(
                f,
                "{} of disk free, at least {} must be",
                bytes::human(*free_bytes),
                bytes::human(*min_bytes)
            ),
            Self::Pressure { pct, max_pct } => {
                write!(f, "memory pressure is {pct:.0} %, the limit is {max_pct:.0} %")
            }
            Self::Runtime(runtime) => write!(f, "program {runtime} is not installed"),
            Self::Label { key, wanted, actual: Some(actual) } => {
                write!(f, "label {key} is {actual}, the actor needs {wanted}")
            }
            Self::Label { key, wanted, actual: None } => {
                write!(f, "label {key} is missing, the actor needs {wanted}")
            }
            Self::Tainted(Taint { key, value }) if value.is_empty() => {
                write!(f, "taint {key} is not tolerated")
            }
            Self::Tainted(Taint { key, value }) => {
                write!(f, "taint {key}={value} is not tolerated")
            }
            Self::AntiAffinity(key) => {
                write!(f, "an actor with the anti-affinity key {key} is there")
            }
            Self::Actors { max } => write!(f, "it has {max} actors, the most it may have"),
        }
    }
}

/// What a node has left: processor thousandths and memory bytes.
pub(crate) fn free(node: &Node, pool: &Pool, cfg: &Config) -> (u64, u64) {
    let report = &node.report;
    let cpu = (report.cpu.limit_millis as f64 * cfg.cpu_overcommit) as u64;
    let cpu = cpu.saturating_sub(cfg.cpu_headroom_millis).saturating_sub(pool.cpu_millis);
    let memory = report.memory.capacity_bytes().saturating_sub(cfg.memory_headroom_bytes);
    let memory = memory.saturating_sub(pool.memory_bytes).min(report.memory.available_bytes);
    (cpu, memory)
}

/// Whether the node takes the request: the same answer as [`misfits`] being empty, without
/// allocating.
pub(crate) fn fits(node: &Node, pool: &Pool, request: &Request, cfg: &Config) -> bool {
    let report = &node.report;
    let (cpu, memory) = free(node, pool, cfg);
    report.state == NodeState::Ready
        && request.memory_bytes <= memory
        && request.cpu_millis <= cpu
        && node.n_actors < cfg.n_actors_per_node_max
        && report.disk_free_bytes >= cfg.disk_free_bytes_min
        && !over_pressure(node, cfg)
        && request.runtime.as_ref().is_none_or(|runtime| report.runtimes.contains(runtime))
        && request.labels.iter().all(|(key, value)| report.labels.get(key) == Some(value))
        && report.taints.iter().all(|taint| tolerated(taint, request))
        && request.anti_affinity.as_ref().is_none_or(|key| !node.keys.contains_key(key))
}

/// Every reason why the node cannot take the request.
pub(crate) fn misfits(node: &Node, pool: &Pool, request: &Request, cfg: &Config) -> Vec<Misfit> {
    let mut found = amounts(node, pool, request, cfg);
    let report = &node.report;
    if let Some(runtime) = &request.runtime
        && !report.runtimes.contains(runtime)
    {
        found.push(Misfit::Runtime(runtime.clone()));
    }
    for (key, wanted) in &request.labels {
        let actual = report.labels.get(key);
        if actual != Some(wanted) {
            found.push(Misfit::Label {
                key: key.clone(),
                wanted: wanted.clone(),
                actual: actual.cloned(),
            });
        }
    }
    for taint in report.taints.iter().filter(|taint| !tolerated(taint, request)) {
        found.push(Misfit::Tainted(taint.clone()));
    }
    if let Some(key) = &request.anti_affinity
        && node.keys.contains_key(key)
    {
        found.push(Misfit::AntiAffinity(key.clone()));
    }
    found
}

fn amounts(node: &Node, pool: &Pool, request: &Request, cfg: &Config) -> Vec<Misfit> {
    let report = &node.report;
    let (free_millis, free_bytes) = free(node, pool, cfg);
    let mut found = Vec::new();
    if report.state != NodeState::Ready {
        found.push(Misfit::State(report.state));
    }
    if request.memory_bytes > free_bytes {
        found.push(Misfit::Memory { free_bytes, asked_bytes: request.memory_bytes });
    }
    if request.cpu_millis > free_millis {
        found.push(Misfit::Cpu { free_millis, asked_millis: request.cpu_millis });
    }
    if node.n_actors >= cfg.n_actors_per_node_max {
        found.push(Misfit::Actors { max: cfg.n_actors_per_node_max });
    }
    if report.disk_free_bytes < cfg.disk_free_bytes_min {
        found.push(Misfit::Disk {
            free_bytes: report.disk_free_bytes,
            min_bytes: cfg.disk_free_bytes_min,
        });
    }
    if over_pressure(node, cfg) {
        let pct = report.memory.pressure.map_or(0.0, |pressure| pressure.some_avg10_pct);
        found.push(Misfit::Pressure { pct, max_pct: cfg.memory_pressure_pct_max });
    }
    found
}

fn over_pressure(node: &Node, cfg: &Config) -> bool {
    let pressure = node.report.memory.pressure;
    pressure.is_some_and(|pressure| pressure.some_avg10_pct > cfg.memory_pressure_pct_max)
}

fn tolerated(taint: &Taint, request: &Request) -> bool {
    request.tolerations.iter().any(|toleration| toleration.covers(taint))
}
