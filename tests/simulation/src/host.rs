//! The machine: what survives the death of a node process, and the chance that programs play with.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use callboard_domain::id::{AgentId, ProjectId};
use callboard_domain::task::Attempt;
use callboard_stdx::clock::SharedClock;
use tokio::sync::watch;

use crate::dice::Dice;
use crate::record::{Kind, SideEffect};

/// An agent's clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    /// Its project.
    pub project: ProjectId,
    /// The try that it is on.
    pub attempt: Attempt,
    /// The epoch that prepared it.
    pub epoch: u64,
    /// The steps done in it: the files remember them.
    pub n_steps: u32,
    /// The commits made in it.
    pub n_commits: u32,
    /// The steps that a checkpoint holds.
    pub n_saved: u32,
}

/// Everything on the machine.
#[derive(Debug)]
pub struct Disk {
    /// Chance of programs and workspaces.
    pub dice: Dice,
    /// Whether programs and workspaces fail now and then.
    pub faulty: bool,
    /// Counts the boots of the node.
    pub boot: u32,
    /// The agents' checkouts.
    pub checkouts: BTreeMap<AgentId, Checkout>,
    /// The conversations that can be resumed, and whose they are.
    pub sessions: BTreeMap<String, AgentId>,
    /// What was merged into each project's branch.
    pub branches: BTreeMap<ProjectId, Vec<Attempt>>,
    /// The running programs, and how to kill them.
    pub processes: BTreeMap<u64, (AgentId, watch::Sender<bool>)>,
    /// Numbers processes.
    pub n_processes: u64,
    record: Vec<SideEffect>,
}

/// The machine, shared by every boot of its node.
pub struct Host {
    disk: Mutex<Disk>,
    clock: SharedClock,
    /// Where fixed chance comes from.
    pub seed: u64,
}

impl Host {
    /// An empty machine.
    #[must_use]
    pub fn new(seed: u64, clock: SharedClock) -> Arc<Self> {
        let disk = Disk {
            dice: Dice::new(seed ^ 0x4057),
            faulty: false,
            boot: 0,
            checkouts: BTreeMap::new(),
            sessions: BTreeMap::new(),
            branches: BTreeMap::new(),
            processes: BTreeMap::new(),
            n_processes: 0,
            record: Vec::new(),
        };
        Arc::new(Self { disk: Mutex::new(disk), clock, seed })
    }

    /// The disk. Never held across an await.
    pub fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends to the record.
    pub fn did(&self, kind: Kind) {
        let at = self.clock.now();
        let mut disk = self.disk();
        let boot = disk.boot;
        disk.record.push(SideEffect { at, boot, kind });
    }

    /// The record so far.
    #[must_use]
    pub fn record(&self) -> Vec<SideEffect> {
        self.disk().record.clone()
    }

    /// Whether something bad of this probability happens, while bad things happen at all.
    pub fn mishap(&self, probability: f64) -> bool {
        let mut disk = self.disk();
        disk.faulty && disk.dice.happens(probability)
    }

    /// Kills one running program, if any runs.
    pub fn kill_a_program(&self) {
        let mut disk = self.disk();
        let processes: Vec<u64> = disk.processes.keys().copied().collect();
        let killed = disk.dice.pick(&processes).copied();
        if let Some((_, kill)) = killed.and_then(|process| disk.processes.get(&process)) {
            kill.send_replace(true);
        }
    }
}
