//! What the actors of a node share: ports, programs, policy, and who runs which program.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use callboard_actors::sourced::{self, Alerts};
use callboard_actors::spawner::Spawner;
use callboard_agent::output::Output;
use callboard_agent::{Runtime, Workspaces};
use callboard_approvals::Policy;
use callboard_cluster::Cluster;
use callboard_domain::id::{AgentId, ProgramName};
use callboard_domain::orchestrator;
use callboard_stdx::clock::SharedClock;
use callboard_substrate::Substrate;

use crate::agent::slot::Slot;
use crate::config::Config;

/// A program that this node can run, and the room that it needs.
#[derive(Clone)]
pub struct Program {
    /// Its driver.
    pub runtime: Arc<dyn Runtime>,
    /// Memory that one agent reserves, in bytes.
    pub memory_bytes: u64,
    /// Processor time that one agent reserves, in thousandths of a processor.
    pub cpu_millis: u64,
    /// Credentials and settings of the program. Never logged.
    pub env: BTreeMap<String, String>,
}

/// Everything that effects need.
pub struct Services {
    /// Log, buckets, bus and blobs.
    pub substrate: Substrate,
    /// Other actors.
    pub cluster: Cluster,
    /// Clones, checkpoints and results.
    pub workspaces: Arc<dyn Workspaces>,
    /// The programs, by the name of their runtime.
    pub programs: BTreeMap<ProgramName, Program>,
    /// What may be done without a person.
    pub policy: Arc<Policy>,
    /// Where the programs' words go.
    pub output: Arc<dyn Output>,
    /// Time, ids, jitter.
    pub clock: SharedClock,
    /// What a person must know.
    pub alerts: Arc<dyn Alerts>,
    /// On which thread actors run.
    pub spawner: Spawner,
    /// The limits of the actors' shell.
    pub actors: sourced::Config,
    /// The limits of the cluster.
    pub limits: orchestrator::Limits,
    /// The limits of effects.
    pub cfg: Config,
    /// One place per agent for its program, so that two incarnations never run two programs.
    pub slots: Slots,
}

/// The agents' slots. As many as agents were ever active since the node began.
#[derive(Debug, Default)]
pub struct Slots(Mutex<BTreeMap<AgentId, Arc<Slot>>>);

impl Slots {
    /// The slot of an agent.
    pub(crate) fn of(&self, agent: &AgentId) -> Arc<Slot> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(agent.clone()).or_default())
    }

    /// Forgets an agent that is gone for good.
    pub(crate) fn forget(&self, agent: &AgentId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(agent);
    }
}
