//! One cluster of one node: its store, its machine, and the node that boots and dies on it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use callboard_actors::{Alert, Alerts, Spawner, sourced};
use callboard_agent::output::{Chunk, Output};
use callboard_approvals::Policy;
use callboard_cluster::report::{Measured, Reports};
use callboard_cluster::{
    ActorFactory, AskError, CallError, Callee, Cluster, NodeInfo, Setup, StartError, Started,
};
use callboard_domain::Entity;
use callboard_domain::id::{ActorId, AgentId};
use callboard_orchestration::services::{Program, Services};
use callboard_orchestration::{Config, Factory};
use callboard_placement::{Cpu, Memory, Protocols};
use callboard_stdx::clock::SharedClock;
use callboard_stdx::task::{self, Kind, Task};
use callboard_substrate::Substrate;
use callboard_substrate_memory::{Faults, MemorySubstrate};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use tokio::task::LocalSet;
use tokio::time::sleep;
use uuid::Uuid;

use crate::broken::{Broken, BrokenLog};
use crate::clock::SimulatedClock;
use crate::host::Host;
use crate::program::{self, Played};
use crate::workspaces::PlayedWorkspaces;

/// The node's name, also in the store's eyes.
pub const NODE: &str = "n1";
/// Memory of one played program.
pub const PROGRAM_BYTES: u64 = 512 << 20;
const ASK: Duration = Duration::from_secs(5);
const AGAIN: Duration = Duration::from_millis(250);
/// How often a person asks before they give up: far beyond every fault.
const ASKS_MAX: u32 = 2_000;

/// What a run is made of.
pub struct World {
    /// The seed.
    pub seed: u64,
    /// Time.
    pub clock: SharedClock,
    /// The machine.
    pub host: Arc<Host>,
    /// What a person should have heard of.
    pub alerts: Arc<AlertsSeen>,
    /// How many programs the machine has room for.
    pub n_programs_max: u64,
    substrate: MemorySubstrate,
    broken: Broken,
    node: RefCell<Option<Node>>,
}

type Callees = Arc<Mutex<BTreeMap<ActorId, Arc<dyn Callee>>>>;

/// One boot of the node.
struct Node {
    cluster: Cluster,
    callees: Callees,
    /// Dropped: everything of the node ends where it stands.
    crash: oneshot::Sender<()>,
    all: Task<()>,
}

impl World {
    /// An empty world. Nothing is booted.
    #[must_use]
    pub fn new(seed: u64, broken: Broken, n_programs_max: u64) -> Self {
        let clock: SharedClock = Arc::new(SimulatedClock::new(seed));
        let config = callboard_substrate_memory::Config::default();
        Self {
            seed,
            host: Host::new(seed, Arc::clone(&clock)),
            clock,
            alerts: Arc::default(),
            n_programs_max,
            substrate: MemorySubstrate::new(config, seed),
            broken,
            node: RefCell::new(None),
        }
    }

    /// What goes wrong in the store.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.substrate.faults()
    }

    /// The store, as somebody sees it who is not the node.
    #[must_use]
    pub fn outside(&self) -> Substrate {
        self.substrate.client("outside")
    }

    /// The cluster, while the node runs.
    #[must_use]
    pub fn cluster(&self) -> Option<Cluster> {
        self.node.borrow().as_ref().map(|node| node.cluster.clone())
    }

    /// Boots the node, again and again until it starts.
    pub async fn boot(&self) {
        self.faults().restart(NODE);
        while !self.boot_once().await {
            sleep(AGAIN).await;
            self.faults().restart(NODE);
        }
    }

    async fn boot_once(&self) -> bool {
        self.host.disk().boot += 1;
        let boot = self.host.disk().boot;
        let callees = Callees::default();
        let factory = Factory::unset();
        let setup = self.setup(boot, &callees, &factory);
        let parts = self.parts(setup.substrate.clone());
        let (crash, crashed) = oneshot::channel::<()>();
        let (started, starts) = oneshot::channel();
        let life = async move {
            let Ok(cluster) = Cluster::start(setup).await else { return };
            factory.set(Arc::new(parts.services(cluster.clone())));
            // Nobody waits for it when the node dies while it boots.
            let _ = started.send(cluster);
            std::future::pending().await
        };
        let all = task::spawn_local(Kind::Service, "node", async move {
            // The set owns every task of the node, so that dropping it is the node's death.
            let set = LocalSet::new();
            tokio::select! {
                biased;
                _ = crashed => {}
                () = set.run_until(life) => {}
            }
        });
        let Ok(cluster) = starts.await else {
            all.join().await;
            return false;
        };
        *self.node.borrow_mut() = Some(Node { cluster, callees, crash, all });
        true
    }

    fn setup(&self, boot: u32, callees: &Callees, factory: &Factory) -> Setup {
        let node = NodeInfo {
            name: NODE.parse().expect("a legal name"),
            incarnation: Uuid::from_u128(u128::from(boot)),
            host_id: String::new(),
            labels: BTreeMap::new(),
            taints: BTreeSet::new(),
            runtimes: BTreeSet::from([program::name()]),
            protocols: Protocols { min: 1, max: 1 },
            version: "0.1.0".to_owned(),
        };
        let mut config = callboard_cluster::Config::default();
        // Faults come far closer together here than on any machine.
        config.node.n_restarts_max = 1_000;
        let mut substrate = self.substrate.client(NODE);
        substrate.log = BrokenLog::wrap(substrate.log, self.broken);
        let factory = Watched { inner: factory.clone(), callees: Arc::clone(callees) };
        Setup {
            config,
            node,
            substrate,
            clock: Arc::clone(&self.clock),
            spawner: Spawner::Current,
            factory: Arc::new(factory),
            reports: Arc::new(Machine { n_programs_max: self.n_programs_max }),
            alerts: Arc::clone(&self.alerts) as Arc<dyn Alerts>,
        }
    }

    fn parts(&self, substrate: Substrate) -> Parts {
        Parts {
            substrate,
            host: Arc::clone(&self.host),
            clock: Arc::clone(&self.clock),
            alerts: Arc::clone(&self.alerts),
            broken: self.broken,
        }
    }

    /// The death of the node process: everything of it ends where it stands, its programs too.
    pub async fn crash(&self) {
        let Some(node) = self.node.borrow_mut().take() else { return };
        let Node { cluster, callees: _, crash, all } = node;
        self.faults().crash(NODE);
        drop(crash);
        all.join().await;
        cluster.kill();
    }

    /// Whether the node runs, and its store knows it.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.node.borrow().is_some() && !self.faults().is_down(NODE)
    }

    /// Stops the node as an operator does.
    pub async fn stop(&self) {
        if let Some(cluster) = self.cluster() {
            cluster.stop(Duration::from_secs(60)).await;
        }
        self.crash().await;
    }

    /// Kills one actor where it stands, if any runs.
    pub fn kill_an_actor(&self) {
        let node = self.node.borrow();
        let Some(node) = node.as_ref() else { return };
        let callees = node.callees.lock().unwrap_or_else(PoisonError::into_inner);
        let actors: Vec<ActorId> = callees.keys().cloned().collect();
        let actor = self.host.disk().dice.pick(&actors).cloned();
        if let Some(callee) = actor.and_then(|actor| callees.get(&actor)) {
            callee.kill();
        }
    }

    /// Asks until it is done or refused. None: it was given up, and may have been done.
    pub async fn ask<E: Entity>(
        &self,
        actor: &ActorId,
        command: E::Command,
    ) -> Option<Result<(), E::Rejection>> {
        for _ in 0..ASKS_MAX {
            let Some(cluster) = self.cluster() else {
                sleep(AGAIN).await;
                continue;
            };
            match cluster.ask::<E>(actor, command.clone(), ASK).await {
                Ok(_) => return Some(Ok(())),
                Err(AskError::Rejected(rejection)) => return Some(Err(rejection)),
                // It may not be placed yet.
                Err(AskError::Call(error)) if error.retryable() || error == CallError::NotFound => {
                }
                Err(AskError::Call(_)) => return None,
            }
            sleep(AGAIN).await;
        }
        None
    }
}

/// What the services of a boot are made of.
struct Parts {
    substrate: Substrate,
    host: Arc<Host>,
    clock: SharedClock,
    alerts: Arc<AlertsSeen>,
    broken: Broken,
}

impl Parts {
    fn services(self, cluster: Cluster) -> Services {
        let Self { substrate, host, clock, alerts, broken } = self;
        let program = Program {
            runtime: Arc::new(Played::new(Arc::clone(&host), broken)),
            memory_bytes: PROGRAM_BYTES,
            cpu_millis: 100,
            env: BTreeMap::new(),
        };
        Services {
            substrate,
            cluster,
            workspaces: Arc::new(PlayedWorkspaces::new(host, broken)),
            programs: BTreeMap::from([(program::name(), program)]),
            policy: Arc::new(Policy::default()),
            output: Arc::new(Nowhere),
            clock,
            alerts,
            spawner: Spawner::Current,
            actors: sourced::Config::default(),
            limits: callboard_domain::orchestrator::Limits::default(),
            cfg: Config::default(),
            slots: callboard_orchestration::services::Slots::default(),
        }
    }
}

/// The real factory; remembers whom it made, so that one of them can be killed.
struct Watched {
    inner: Factory,
    callees: Callees,
}

impl ActorFactory for Watched {
    fn start(
        &self,
        actor: ActorId,
        epoch: u64,
        spec: serde_json::Value,
    ) -> BoxFuture<'static, Result<Started, StartError>> {
        let (starts, callees) =
            (self.inner.start(actor.clone(), epoch, spec), Arc::clone(&self.callees));
        async move {
            let started = starts.await?;
            let mut callees = callees.lock().unwrap_or_else(PoisonError::into_inner);
            callees.insert(actor, Arc::clone(&started.actor));
            Ok(started)
        }
        .boxed()
    }
}

/// A machine with room for so many programs.
struct Machine {
    n_programs_max: u64,
}

/// What the machine has in all.
#[must_use]
pub fn capacity_bytes(n_programs_max: u64) -> u64 {
    // The headroom of placement, the project managers, the programs.
    (256 << 20) + (64 << 20) + n_programs_max * PROGRAM_BYTES
}

impl Reports for Machine {
    fn measure(&self) -> BoxFuture<'_, Measured> {
        let bytes = capacity_bytes(self.n_programs_max);
        let cpu = Cpu { count: 8, limit_millis: 8_000, used_pct: 5.0, load1: 0.1, pressure: None };
        let memory = Memory {
            total_bytes: bytes,
            available_bytes: bytes,
            limit_bytes: None,
            pressure: None,
        };
        std::future::ready(Measured { cpu, memory, disk_free_bytes: 1 << 40 }).boxed()
    }
}

/// The alerts of a run.
#[derive(Debug, Default)]
pub struct AlertsSeen(Mutex<Vec<Alert>>);

impl AlertsSeen {
    /// All so far.
    #[must_use]
    pub fn all(&self) -> Vec<Alert> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Alerts for AlertsSeen {
    fn raise(&self, alert: Alert) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(alert);
    }
}

/// Nobody reads what programs say.
struct Nowhere;

impl Output for Nowhere {
    fn append(&self, _agent: &AgentId, _line: &str) {}

    fn read(&self, _: &AgentId, _: Option<u64>, _: u64) -> std::io::Result<Chunk> {
        Ok(Chunk::default())
    }
}
