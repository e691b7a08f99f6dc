//! The handle that every other component holds: call, ask, ensure, release, explain, look.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use callboard_actors::sourced::Done;
use callboard_actors::{Handle, Spawner};
use callboard_domain::Entity;
use callboard_domain::id::{ActorId, NodeName};
use callboard_placement::{NodeReport, NodeState, Request};
use callboard_stdx::clock::SharedClock;
use callboard_stdx::task::{self, Kind, Task};
use callboard_substrate::Substrate;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::call::{AskError, CallError, Callee};
use super::registry::{Lookup, Registry};
use super::remote;
use crate::changes::Seen;
use crate::config::Config;
use crate::directory::{Directory, State};
use crate::lease::Keeper;
use crate::names::Names;
use crate::node::{Local, NodeInfo, NodeRecord};
use crate::placer::{Explanation, Placed, PlacementCommand, PlacerMessage};

/// One node as `nodes` shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeView {
    /// Its name.
    pub name: NodeName,
    /// Its newest boot.
    pub incarnation: Uuid,
    /// Whether it takes actors.
    pub state: NodeState,
    /// What it reported last, if it has since this node started.
    pub report: Option<NodeReport>,
}

/// Who leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leader {
    /// The node.
    pub node: NodeName,
    /// The epoch.
    pub epoch: u64,
}

/// The singletons and where they are, as far as this node knows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaders {
    /// The orchestrator.
    pub orchestrator: Option<Leader>,
    /// The placement actor.
    pub placement: Option<Leader>,
}

/// The leases that this node keeps.
pub(crate) struct Keepers {
    pub(crate) orchestrator: Keeper,
    pub(crate) placement: Keeper,
}

/// Everything that the tasks and actors of one node's cluster layer share.
pub(crate) struct Inner {
    pub(crate) cfg: Config,
    pub(crate) names: Names,
    pub(crate) info: NodeInfo,
    pub(crate) substrate: Substrate,
    pub(crate) clock: SharedClock,
    pub(crate) spawner: Spawner,
    pub(crate) directory: Directory,
    pub(crate) registry: Registry,
    pub(crate) keepers: Keepers,
    pub(crate) local: Local,
    /// The newest report of each node; bounded by the number of nodes.
    pub(crate) reports: Mutex<BTreeMap<NodeName, NodeReport>>,
    /// The placement actor's mailbox, while it is on this node.
    pub(crate) placer: Mutex<Option<Handle<PlacerMessage>>>,
    /// Where actors were found last.
    places: Mutex<BTreeMap<ActorId, NodeName>>,
    pub(crate) tasks: Mutex<Vec<Task<()>>>,
}

/// The parts of [`Inner`] that its maker gives.
pub(crate) struct Parts {
    pub(crate) cfg: Config,
    pub(crate) names: Names,
    pub(crate) info: NodeInfo,
    pub(crate) substrate: Substrate,
    pub(crate) clock: SharedClock,
    pub(crate) spawner: Spawner,
    pub(crate) directory: Directory,
    pub(crate) keepers: Keepers,
    pub(crate) local: Local,
}

/// Where an actor is.
enum Place {
    Here(Arc<dyn Callee>),
    At(NodeName),
    /// It is known, and not running at present.
    Soon(&'static str),
}

impl Inner {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { cfg, names, info, substrate, clock, spawner, directory, keepers, local } =
            parts;
        Self {
            cfg,
            names,
            info,
            substrate,
            clock,
            spawner,
            directory,
            registry: Registry::new(),
            keepers,
            local,
            reports: Mutex::default(),
            placer: Mutex::default(),
            places: Mutex::default(),
            tasks: Mutex::default(),
        }
    }

    /// Spawns where this node's actors are launched from: a simulation stays on its one thread.
    pub(crate) fn spawn(
        &self,
        kind: Kind,
        name: impl Into<String>,
        future: impl Future<Output = ()> + Send + 'static,
    ) -> Task<()> {
        match self.spawner {
            Spawner::Current => task::spawn_local(kind, name, future),
            Spawner::Arbiters(_) => task::spawn(kind, name, future),
        }
    }

    /// Calls an actor wherever it is, waiting for one that restarts or moves.
    pub(crate) async fn call(
        &self,
        actor: &ActorId,
        command: &[u8],
        deadline: Duration,
    ) -> Result<Vec<u8>, CallError> {
        let until = Instant::now() + deadline;
        let mut changes = self.registry.changes();
        loop {
            let place = match timeout_at(until, self.place(actor)).await {
                Ok(place) => place?,
                Err(_) => return Err(CallError::unavailable("the directory does not answer")),
            };
            let left = until.saturating_duration_since(Instant::now());
            let answer = match &place {
                Place::Here(callee) => callee.call(command, left).await,
                Place::At(node) => {
                    let bus = &self.substrate.bus;
                    remote::call(bus, &self.names, node, actor, command, left).await
                }
                Place::Soon(why) => Err(CallError::unavailable(why)),
            };
            let error = match (answer, place) {
                (Err(CallError::NotHere), _) => {
                    self.forget_place(actor);
                    CallError::NotHere
                }
                (Err(error), Place::Soon(_)) => error,
                (answer, _) => return answer,
            };
            if !self.wait_for_change(&mut changes, until).await {
                return Err(error);
            }
        }
    }

    /// Calls an actor that must be on this node, waiting for one that restarts here.
    pub(crate) async fn call_here(
        &self,
        actor: &ActorId,
        command: &[u8],
        deadline: Duration,
    ) -> Result<Vec<u8>, CallError> {
        let until = Instant::now() + deadline;
        let mut changes = self.registry.changes();
        loop {
            match self.registry.lookup(actor) {
                Lookup::Absent => return Err(CallError::NotHere),
                Lookup::Running(callee) => {
                    let left = until.saturating_duration_since(Instant::now());
                    return callee.call(command, left).await;
                }
                Lookup::Starting => {}
            }
            if !self.wait_for_change(&mut changes, until).await {
                return Err(CallError::unavailable("it is starting"));
            }
        }
    }

    /// Waits until something may be different; `false` once the deadline has passed.
    async fn wait_for_change(&self, changes: &mut Seen<'_>, until: Instant) -> bool {
        let pause = Duration::from_millis(self.cfg.routing.look_again_ms);
        let again = until.min(Instant::now() + pause);
        // A change or the pause: both are reasons to look again.
        let _ = timeout_at(again, changes.changed()).await;
        Instant::now() < until
    }

    async fn place(&self, actor: &ActorId) -> Result<Place, CallError> {
        match self.registry.lookup(actor) {
            Lookup::Running(callee) => return Ok(Place::Here(callee)),
            Lookup::Starting => return Ok(Place::Soon("it is starting")),
            Lookup::Absent => {}
        }
        let leader = match actor {
            ActorId::Node(name) if *name == self.info.name => {
                return Ok(Place::Soon("the node is starting"));
            }
            ActorId::Node(name) => return Ok(Place::At(name.clone())),
            ActorId::Orchestrator => &self.keepers.orchestrator,
            ActorId::Placement => &self.keepers.placement,
            ActorId::Project(_) | ActorId::Agent(_) => return self.place_in_directory(actor).await,
        };
        let holder = leader.view().borrow().holder.clone();
        Ok(match holder {
            Some((node, _)) if node != self.info.name => Place::At(node),
            Some(_) => Place::Soon("it is starting"),
            None => Place::Soon("nobody leads yet"),
        })
    }

    async fn place_in_directory(&self, actor: &ActorId) -> Result<Place, CallError> {
        if let Some(node) = self.places().get(actor) {
            return Ok(Place::At(node.clone()));
        }
        let record = self.directory.get(actor).await;
        let record = match record {
            Ok(Some(record)) => record,
            Ok(None) => return Err(CallError::NotFound),
            Err(error) if error.retryable() => return Ok(Place::Soon("the directory is slow")),
            Err(error) => return Err(CallError::Failed { reason: error.to_string() }),
        };
        match record.state {
            State::Released => Err(CallError::NotFound),
            State::Quarantined { reason, .. } => {
                Err(CallError::Failed { reason: format!("it is quarantined: {reason}") })
            }
            State::Queued => Ok(Place::Soon("it waits for room")),
            State::Reserved { .. } => Ok(Place::Soon("it is being placed")),
            State::Active { node, .. } if node == self.info.name => {
                Ok(Place::Soon("it is starting"))
            }
            State::Active { node, .. } => {
                let mut places = self.places();
                if places.len() >= self.cfg.routing.n_cached_max {
                    places.clear();
                }
                places.insert(actor.clone(), node.clone());
                Ok(Place::At(node))
            }
        }
    }

    fn places(&self) -> std::sync::MutexGuard<'_, BTreeMap<ActorId, NodeName>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget_place(&self, actor: &ActorId) {
        self.places().remove(actor);
    }

    /// Calls with typed JSON on both sides.
    pub(crate) async fn call_json<T: DeserializeOwned>(
        &self,
        actor: &ActorId,
        command: Vec<u8>,
        deadline: Duration,
    ) -> Result<T, CallError> {
        let answer = self.call(actor, &command, deadline).await?;
        // The actor did answer; what it did is not known to be undone.
        serde_json::from_slice(&answer).map_err(|_| CallError::OutcomeUnknown)
    }
}

/// A command as it travels.
pub(crate) fn json(command: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(command).expect("commands have a JSON form")
}

/// The cluster as every other component sees it. Cheap to clone.
#[derive(Clone)]
pub struct Cluster(pub(crate) Arc<Inner>);

impl Cluster {
    /// Hands a command, as JSON, to an actor wherever it is, and waits for the answer as JSON. A call
    /// to an actor that is queued, restarting or moving waits within the deadline.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn call(
        &self,
        actor: &ActorId,
        command: Vec<u8>,
        deadline: Duration,
    ) -> Result<Vec<u8>, CallError> {
        self.0.call(actor, &command, deadline).await
    }

    /// Runs a command of an event-sourced actor, and waits until its events are stored.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn ask<E: Entity>(
        &self,
        actor: &ActorId,
        command: E::Command,
        deadline: Duration,
    ) -> Result<Done, AskError<E::Rejection>> {
        match self.0.call_json(actor, json(&command), deadline).await {
            Ok(done) => Ok(done),
            Err(CallError::Rejected { text, json }) => Err(match serde_json::from_str(&json) {
                Ok(rejection) => AskError::Rejected(rejection),
                Err(_) => AskError::Call(CallError::Rejected { text, json }),
            }),
            Err(error) => Err(AskError::Call(error)),
        }
    }

    /// Wants an actor to run: placed where there is room, or queued with the reason. Safe to repeat;
    /// an actor that is placed already keeps its place, request and spec. A quarantined one is
    /// queued anew. Waits for the placement's outcome within the deadline.
    ///
    /// # Errors
    /// See [`CallError`]; `Full` where the queue is full.
    pub async fn ensure(
        &self,
        actor: &ActorId,
        request: Request,
        spec: serde_json::Value,
        deadline: Duration,
    ) -> Result<Placed, CallError> {
        let command = PlacementCommand::Ensure { actor: actor.clone(), request, spec };
        self.0.call_json(&ActorId::Placement, json(&command), deadline).await
    }

    /// Wants an actor not to run any more: it is stopped and its room given back. Safe to repeat.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn release(&self, actor: &ActorId, deadline: Duration) -> Result<(), CallError> {
        let command = PlacementCommand::Release { actor: actor.clone() };
        self.0.call_json(&ActorId::Placement, json(&command), deadline).await
    }

    /// Why an actor is where it is, or what it waits for.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn explain(
        &self,
        actor: &ActorId,
        deadline: Duration,
    ) -> Result<Explanation, CallError> {
        let command = PlacementCommand::Explain { actor: actor.clone() };
        self.0.call_json(&ActorId::Placement, json(&command), deadline).await
    }

    /// Every registered node, by name, with its newest report.
    ///
    /// # Errors
    /// [`CallError::Unavailable`] where the register cannot be read.
    pub async fn nodes(&self) -> Result<Vec<NodeView>, CallError> {
        let entries = self.0.substrate.kv.list(self.0.names.nodes()).await;
        let entries = entries.map_err(CallError::unavailable)?;
        let reports = self.0.reports.lock().unwrap_or_else(PoisonError::into_inner);
        let records = entries.iter().filter_map(|entry| NodeRecord::decode(&entry.value).ok());
        let view = |record: NodeRecord| NodeView {
            report: reports
                .get(&record.name)
                .filter(|report| report.incarnation == record.incarnation)
                .cloned(),
            name: record.name,
            incarnation: record.incarnation,
            state: record.state,
        };
        Ok(records.map(view).collect())
    }

    /// The singletons, as far as this node knows.
    #[must_use]
    pub fn leaders(&self) -> Leaders {
        let leader = |keeper: &Keeper| {
            let holder = keeper.view().borrow().holder.clone();
            holder.map(|(node, epoch)| Leader { node, epoch })
        };
        Leaders {
            orchestrator: leader(&self.0.keepers.orchestrator),
            placement: leader(&self.0.keepers.placement),
        }
    }

    /// This node's name.
    #[must_use]
    pub fn local_node(&self) -> &NodeName {
        &self.0.info.name
    }

    /// The epoch in which an actor runs on this node, if it does.
    #[must_use]
    pub fn local_epoch(&self, actor: &ActorId) -> Option<u64> {
        self.0.registry.epoch(actor)
    }

    /// The directory, to look at.
    #[must_use]
    pub fn directory(&self) -> &Directory {
        &self.0.directory
    }
}
