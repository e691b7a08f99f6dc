//! Starting and stopping one node's share of the cluster.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use callboard_actors::{Alerts, Spawner};
use callboard_domain::id::ActorId;
use callboard_placement::NodeState;
use callboard_stdx::clock::SharedClock;
use callboard_stdx::task::Kind;
use callboard_substrate::Substrate;
use callboard_substrate::bus::BusError;

use crate::config::{BadConfig, Config};
use crate::directory::Directory;
use crate::lease::Keeper;
use crate::names::Names;
use crate::node::{self, ActorFactory, Local, NodeInfo, NodeRecord, Origin};
use crate::report::Reports;
use crate::routing::{Cluster, Inner, Keepers, Parts, serve};

/// What a node brings to the cluster.
pub struct Setup {
    /// The settings.
    pub config: Config,
    /// Who this node is.
    pub node: NodeInfo,
    /// The ports.
    pub substrate: Substrate,
    /// Time, ids and jitter.
    pub clock: SharedClock,
    /// On which threads actors run.
    pub spawner: Spawner,
    /// How actors are made.
    pub factory: Arc<dyn ActorFactory>,
    /// Where measurements come from.
    pub reports: Arc<dyn Reports>,
    /// Who is told of actors that stay down.
    pub alerts: Arc<dyn Alerts>,
}

/// Why a node's share of the cluster did not start.
#[derive(Debug, thiserror::Error)]
pub enum ClusterStartError {
    /// A setting cannot be.
    #[error(transparent)]
    BadConfig(#[from] BadConfig),
    /// The node could not be registered.
    #[error("failed to register the node: {reason}")]
    NotRegistered {
        /// What went wrong.
        reason: String,
    },
    /// The bus does not take subscriptions.
    #[error("failed to listen on the bus")]
    NotListening(#[source] BusError),
}

impl Cluster {
    /// Registers the node and starts its actors: the node's own, and the singletons whose leases it
    /// gets. Actors that the directory has on an older boot of this node are activated again.
    ///
    /// # Errors
    /// See [`ClusterStartError`]; nothing runs then.
    pub async fn start(setup: Setup) -> Result<Self, ClusterStartError> {
        let Setup { config: cfg, node: info, substrate, clock, spawner, factory, reports, alerts } =
            setup;
        cfg.check()?;
        let names = Names::new(&cfg.name).expect("the check has accepted it");
        let kv = Arc::clone(&substrate.kv);
        let directory =
            Directory::new(Arc::clone(&kv), &names, Arc::clone(&clock), cfg.directory.clone());
        let keeper = |name| {
            let (kv, bucket, lease) = (Arc::clone(&kv), names.leases().clone(), cfg.lease.clone());
            Keeper::new(kv, bucket, name, lease, info.name.clone(), info.incarnation)
        };
        let keepers =
            Keepers { orchestrator: keeper("orchestrator"), placement: keeper("placement") };
        let local = Local::new(factory, alerts);
        let parts =
            Parts { cfg, names, info, substrate, clock, spawner, directory, keepers, local };
        let cluster = Self(Arc::new(Inner::new(parts)));
        cluster.register(NodeState::Ready).await?;
        cluster.run(reports).await?;
        Ok(cluster)
    }

    async fn register(&self, state: NodeState) -> Result<(), ClusterStartError> {
        let inner = &self.0;
        let record = NodeRecord::new(&inner.info, state, inner.clock.now());
        node::register(&*inner.substrate.kv, &inner.names, &record)
            .await
            .map_err(|error| ClusterStartError::NotRegistered { reason: error.to_string() })
    }

    async fn run(&self, reports: Arc<dyn Reports>) -> Result<(), ClusterStartError> {
        let inner = &self.0;
        let bus = &inner.substrate.bus;
        let frames = bus.subscribe(&inner.names.frames(&inner.info.name)).await;
        let frames = frames.map_err(ClusterStartError::NotListening)?;
        let beats = bus.subscribe(&inner.names.beats()).await;
        let beats = beats.map_err(ClusterStartError::NotListening)?;
        let report = node::report(inner, reports.measure().await);
        inner.local.room().report(report.clone());
        let mut known = inner.reports.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(report.name.clone(), report);
        drop(known);
        let me = ActorId::Node(inner.info.name.clone());
        node::start_child(inner, &me, Origin::Node, 1, None);
        let Keepers { orchestrator, placement } = &inner.keepers;
        let share = || Arc::clone(inner);
        let tasks = vec![
            inner.spawn(Kind::Service, "serve-frames", serve(share(), frames)),
            inner.spawn(Kind::Service, "listen-to-beats", node::listen(share(), beats)),
            inner.spawn(Kind::Service, "send-beats", node::send(share(), reports)),
            inner.spawn(Kind::Service, "lease-placement", placement.clone().run()),
            inner.spawn(Kind::Service, "lease-orchestrator", orchestrator.clone().run()),
            inner.spawn(
                Kind::Service,
                "lead-placement",
                node::lead(share(), ActorId::Placement, placement.clone()),
            ),
            inner.spawn(
                Kind::Service,
                "lead-orchestrator",
                node::lead(share(), ActorId::Orchestrator, orchestrator.clone()),
            ),
        ];
        *inner.tasks.lock().unwrap_or_else(PoisonError::into_inner) = tasks;
        Ok(())
    }

    /// Stops: no new work, every actor stopped (agents first) or killed at the deadline, the leases
    /// given up, the node registered as gone. The directory keeps its actors for the next boot.
    pub async fn stop(&self, deadline: Duration) {
        let inner = &self.0;
        drop(std::mem::take(&mut *inner.tasks.lock().unwrap_or_else(PoisonError::into_inner)));
        node::stop_all(inner, deadline).await;
        inner.keepers.placement.release().await;
        inner.keepers.orchestrator.release().await;
        if let Err(error) = self.register(NodeState::Gone).await {
            tracing::warn!(%error, "node not registered as gone");
        }
    }

    /// Ends everything where it stands, as `kill -9` would: for simulation.
    pub fn kill(&self) {
        let inner = &self.0;
        drop(std::mem::take(&mut *inner.tasks.lock().unwrap_or_else(PoisonError::into_inner)));
        inner.local.abandon();
        inner.registry.kill_all();
    }
}
