//! The actors that this node keeps running, and the room they take.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use callboard_actors::{Alerts, Reply};
use callboard_domain::id::ActorId;
use callboard_placement::{Cluster as Picture, Request};
use callboard_stdx::task::{Kind, Task};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::child;
use super::factory::ActorFactory;
use super::message::{Activated, NodeRefusal};
use crate::changes::Changes;
use crate::directory::State;
use crate::routing::{CallError, Inner};

/// Where an actor comes from, and so where its epochs come from.
#[derive(Clone)]
pub(crate) enum Origin {
    /// Placement; epochs from the directory.
    Placed {
        /// What its factory needs.
        spec: serde_json::Value,
    },
    /// A lease; epochs from its record.
    Singleton,
    /// This node's own actor; epochs count from the boot.
    Node,
}

/// Who waits for an activation.
pub(crate) type ActivateReply = Reply<Result<Activated, CallError>>;

pub(super) struct Child {
    pub(super) epoch: u64,
    pub(super) stop: watch::Sender<bool>,
    pub(super) task: Option<Task<()>>,
}

/// The actors that this node keeps running.
pub(crate) struct Local {
    pub(super) factory: Arc<dyn ActorFactory>,
    pub(super) alerts: Arc<dyn Alerts>,
    /// One node's picture: this one. Bounds the children by the room there is.
    pub(super) room: Mutex<Picture>,
    children: Mutex<BTreeMap<ActorId, Child>>,
    pub(super) changes: Changes,
    stopping: watch::Sender<bool>,
    /// Left to a newer owner; bounded by the actors that were ever here. See [`reconcile`].
    pub(super) fenced: Mutex<BTreeSet<ActorId>>,
    /// What the directory has here and nothing keeps, as seen by the last [`reconcile`].
    missing: Mutex<BTreeMap<ActorId, u64>>,
}

impl Local {
    pub(crate) fn new(factory: Arc<dyn ActorFactory>, alerts: Arc<dyn Alerts>) -> Self {
        Self {
            factory,
            alerts,
            room: Mutex::default(),
            children: Mutex::default(),
            changes: Changes::default(),
            stopping: watch::Sender::new(false),
            fenced: Mutex::default(),
            missing: Mutex::default(),
        }
    }

    pub(super) fn children(&self) -> MutexGuard<'_, BTreeMap<ActorId, Child>> {
        self.children.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn room(&self) -> MutexGuard<'_, Picture> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn has(&self, actor: &ActorId) -> bool {
        self.children().contains_key(actor)
    }

    /// Waits until the actor is gone; `false` at the deadline.
    pub(super) async fn gone(&self, actor: &ActorId, until: Instant) -> bool {
        let mut changed = self.changes.seen();
        while self.has(actor) {
            if timeout_at(until, changed.changed()).await.is_err() {
                return !self.has(actor);
            }
        }
        true
    }

    /// Asks an actor to stop for good.
    pub(super) fn stop(&self, actor: &ActorId) {
        if let Some(child) = self.children().get(actor) {
            child.stop.send_replace(true);
        }
    }

    fn is_fenced(&self, actor: &ActorId) -> bool {
        self.fenced.lock().unwrap_or_else(PoisonError::into_inner).contains(actor)
    }

    fn missing(&self) -> MutexGuard<'_, BTreeMap<ActorId, u64>> {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops every child where it stands, for a simulated crash.
    pub(crate) fn abandon(&self) {
        self.stopping.send_replace(true);
        drop(std::mem::take(&mut *self.children()));
    }
}

/// Takes an activation that placement asks for: checks the room, then starts a child.
pub(super) fn activate(
    inner: &Arc<Inner>,
    actor: &ActorId,
    epoch: u64,
    request: &Request,
    spec: serde_json::Value,
    reply: ActivateReply,
) {
    let refused = match inner.local.children().get(actor) {
        Some(child) if child.epoch == epoch => {
            reply.send(Ok(Activated { epoch }));
            return;
        }
        Some(_) => Some(NodeRefusal::StillStopping),
        None if *inner.local.stopping.borrow() => Some(NodeRefusal::NodeStopping),
        None => {
            let cfg = &inner.cfg.placement;
            let reserved = inner.local.room().reserve(actor, &inner.info.name, request, cfg);
            reserved.err().map(NodeRefusal::NoRoom)
        }
    };
    match refused {
        Some(refusal) => reply.send(Err(rejected(&refusal))),
        None => start_child(inner, actor, Origin::Placed { spec }, epoch, Some(reply)),
    }
}

pub(super) fn rejected(refusal: &NodeRefusal) -> CallError {
    CallError::Rejected {
        text: refusal.to_string(),
        json: serde_json::to_string(refusal).expect("refusals have a JSON form"),
    }
}

/// Starts to keep an actor running. Nothing happens where it is kept already.
pub(crate) fn start_child(
    inner: &Arc<Inner>,
    actor: &ActorId,
    origin: Origin,
    epoch: u64,
    reply: Option<ActivateReply>,
) {
    let mut children = inner.local.children();
    if *inner.local.stopping.borrow() || children.contains_key(actor) {
        return;
    }
    inner.local.fenced.lock().unwrap_or_else(PoisonError::into_inner).remove(actor);
    let (stop, stopped) = watch::channel(false);
    children.insert(actor.clone(), Child { epoch, stop, task: None });
    let child = child::Run::new(Arc::clone(inner), actor.clone(), origin, epoch, stopped);
    let task = inner.spawn(Kind::Service, format!("keep {actor}"), child.run(reply));
    if let Some(child) = children.get_mut(actor) {
        child.task = Some(task);
    }
}

/// Stops what the directory does not want here any more, and gives back to placement what it has here
/// and nothing keeps (an activation whose acknowledgement was lost), once that was seen twice in a
/// row: an actor may be just ending. Safe to run twice, and at any moment.
pub(crate) async fn reconcile(inner: &Inner) {
    let Ok(records) = inner.directory.list().await else { return };
    let mut missing = BTreeMap::new();
    for record in records {
        let mine = match &record.state {
            State::Active { incarnation, .. } => *incarnation == inner.info.incarnation,
            // The activation may be under way.
            State::Reserved { node, .. } => *node == inner.info.name,
            State::Queued | State::Quarantined { .. } | State::Released => false,
        };
        if !mine && inner.local.has(&record.actor) {
            tracing::warn!(actor = %record.actor, "stopping an actor that is not wanted here");
            inner.local.stop(&record.actor);
        }
        let active = matches!(record.state, State::Active { .. });
        if mine
            && active
            && !inner.local.has(&record.actor)
            && !inner.local.is_fenced(&record.actor)
        {
            missing.insert(record.actor, record.epoch);
        }
    }
    let before = std::mem::replace(&mut *inner.local.missing(), missing.clone());
    for (actor, _) in missing.iter().filter(|(actor, epoch)| before.get(actor) == Some(epoch)) {
        tracing::warn!(%actor, "an actor of the directory is not kept here: given back");
        let why = "its node did not keep it";
        let given = inner.directory.requeue_lost(actor, inner.info.incarnation, why).await;
        if let Err(error) = given {
            tracing::warn!(%actor, %error, "actor not given back");
        }
    }
}

/// Stops every actor: placed ones first, then the singletons, then the node's own. What does not
/// stop in time is killed. The directory keeps them: the next boot starts them again.
pub(crate) async fn stop_all(inner: &Inner, deadline: Duration) {
    let local = &inner.local;
    local.stopping.send_replace(true);
    let until = Instant::now() + deadline;
    let rank = |actor: &ActorId| match actor {
        ActorId::Agent(_) => 0,
        ActorId::Project(_) => 1,
        ActorId::Orchestrator => 2,
        ActorId::Placement => 3,
        ActorId::Node(_) => 4,
    };
    for wave in 0..5 {
        let actors: Vec<_> =
            local.children().keys().filter(|actor| rank(actor) == wave).cloned().collect();
        actors.iter().for_each(|actor| local.stop(actor));
        for actor in &actors {
            if !local.gone(actor, until).await {
                tracing::warn!(%actor, "actor did not stop in time");
            }
        }
    }
    local.abandon();
}
