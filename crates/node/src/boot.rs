//! Brings a node up, part by part, and takes it down in the opposite order.

use std::sync::Arc;
use std::time::Duration;

use callboard_actors::Spawner;
use callboard_actors::stop::Stage;
use callboard_agent::Workspaces;
use callboard_agent::output::Output;
use callboard_approvals::Policy;
use callboard_cluster::report::{Sampler, Source};
use callboard_cluster::{Cluster, NodeInfo, Setup};
use callboard_domain::id::{NodeName, ProgramName};
use callboard_gateway::{Control, Defaults, Gateway, Parts};
use callboard_orchestration::services::Slots;
use callboard_orchestration::{Factory, Services};
use callboard_placement::Protocols;
use callboard_process::{Launcher, Marks, command, sweep};
use callboard_stdx::clock::{SharedClock, SystemClock};
use callboard_stdx::error::chain;
use callboard_stdx::task::spawn_blocking;
use callboard_substrate::Substrate;
use callboard_substrate_embedded::{Embedded, OpenError};
use callboard_workspace::{GitWorkspaces, PlainChecks};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::alerts::KeptAlerts;
use crate::config::Config;
use crate::control::{NodeControl, SWEEP_WITHIN};
use crate::data::{DataError, DataFolder};
use crate::output::OutputFiles;
use crate::programs::{self, Found, Host, ProgramsError};
use crate::runtime_file::{RuntimeFile, RuntimeFileError};
use crate::secrets::Secrets;

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// The data folder cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The database cannot be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// A program's description is wrong.
    #[error(transparent)]
    Programs(#[from] ProgramsError),
    /// Its share of the cluster did not start.
    #[error(transparent)]
    Cluster(#[from] callboard_cluster::ClusterStartError),
    /// The HTTP interface did not start.
    #[error(transparent)]
    Gateway(#[from] callboard_gateway::StartError),
    /// It cannot be said where the node is.
    #[error(transparent)]
    RuntimeFile(#[from] RuntimeFileError),
    /// Something else that the text names.
    #[error("failed to start the node: {0}")]
    Other(String),
}

impl BootError {
    /// Whether the data folder or the address is another process's: nothing is wrong with them.
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        matches!(self, Self::Store(OpenError::Locked { .. }) | Self::Gateway(_))
    }
}

/// How long actors may take to end, before they are killed.
const CLUSTER_STOP_MAX: Duration = Duration::from_secs(10);

fn other(error: impl std::fmt::Display) -> BootError {
    BootError::Other(error.to_string())
}

/// A node that is up.
pub struct Node {
    gateway: Gateway,
    cluster: Cluster,
    store: Arc<Embedded>,
    data: DataFolder,
    stop: Arc<Notify>,
    url: String,
}

impl Node {
    /// Starts every part. Needs a running actix system.
    ///
    /// # Errors
    /// See [`BootError`]; what was started is dropped.
    pub async fn start(cfg: Config, data: DataFolder) -> Result<Self, BootError> {
        let ground = Ground::lay(&cfg, &data).await?;
        let cluster = ground.join(&cfg, &data).await?;
        let stop = Arc::new(Notify::new());
        let control: Arc<dyn Control> = Arc::new(NodeControl {
            alerts: Arc::clone(&ground.alerts),
            stop: Arc::clone(&stop),
            config: serde_json::to_value(&cfg).map_err(other)?,
            store: Arc::clone(&ground.store),
            workspaces: Arc::clone(&ground.workspaces),
            cluster: cluster.clone(),
        });
        let parts = Parts {
            substrate: ground.store.substrate(),
            cluster: cluster.clone(),
            workspaces: ground.workspaces,
            output: ground.output,
            clock: ground.clock,
            control,
            defaults: defaults(&cfg, &ground.found),
            token: data.read_token()?,
            cluster_name: cfg.cluster.name.clone(),
        };
        let gateway = Gateway::start(cfg.gateway, parts).await?;
        let url = gateway.url();
        announce(&data, &url)?;
        Ok(Self { gateway, cluster, store: ground.store, data, stop, url })
    }

    /// The address of its HTTP interface.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Waits until somebody asks it over HTTP to stop.
    pub async fn stop_asked(&self) {
        self.stop.notified().await;
    }

    /// What a stop does, in order.
    #[must_use]
    pub fn stages(self) -> Vec<Stage> {
        let Self { gateway, cluster, store, data, .. } = self;
        vec![
            Stage::new("gateway", async move { gateway.stop().await }),
            Stage::new("cluster", async move { cluster.stop(CLUSTER_STOP_MAX).await }),
            Stage::new("store", async move {
                RuntimeFile::remove(&data.runtime_file());
                store.close().await;
            }),
        ]
    }
}

/// What everything else of a node stands on.
struct Ground {
    clock: SharedClock,
    alerts: Arc<KeptAlerts>,
    store: Arc<Embedded>,
    found: Found,
    policy: Arc<Policy>,
    workspaces: Arc<dyn Workspaces>,
    output: Arc<dyn Output>,
}

impl Ground {
    async fn lay(cfg: &Config, data: &DataFolder) -> Result<Self, BootError> {
        data.create()?;
        let clock: SharedClock = Arc::new(SystemClock);
        let alerts = Arc::new(KeptAlerts::new(Arc::clone(&clock)));
        let store = Arc::new(open_store(cfg, data).await?);
        sweep_leftovers(data, &alerts).await;
        let launcher = Launcher::this_program();
        let host = Host { launcher, owner: data.owner(), clock: Arc::clone(&clock) };
        let secrets_file = cfg.programs.secrets.clone().unwrap_or_else(|| data.secrets());
        let secrets = Secrets::read(&secrets_file).map_err(|error| other(chain(&error)))?;
        let found = programs::find_with(&cfg.programs, &host, secrets).await?;
        let policy = Arc::new(read_policy(cfg)?);
        let workspaces = workspaces(data, &host, &store.substrate())?;
        let output = OutputFiles::new(data.output(), cfg.node.output_bytes_max).map_err(other)?;
        let output: Arc<dyn Output> = Arc::new(output);
        Ok(Self { clock, alerts, store, found, policy, workspaces, output })
    }

    /// Starts the node's share of the cluster, and gives the actors what they need.
    async fn join(&self, cfg: &Config, data: &DataFolder) -> Result<Cluster, BootError> {
        let spawner = Spawner::arbiters(cfg.node.arbiters);
        let factory = Factory::unset();
        let source = Source::machine(data.path().to_owned());
        let cluster = Cluster::start(Setup {
            config: cfg.cluster.clone(),
            node: node_info(cfg, &self.found)?,
            substrate: self.store.substrate(),
            clock: Arc::clone(&self.clock),
            spawner: spawner.clone(),
            factory: Arc::new(factory.clone()),
            reports: Arc::new(Sampler::new(source).map_err(other)?),
            alerts: Arc::clone(&self.alerts) as _,
        })
        .await?;
        factory.set(Arc::new(Services {
            substrate: self.store.substrate(),
            cluster: cluster.clone(),
            workspaces: Arc::clone(&self.workspaces),
            programs: self.found.programs.clone(),
            policy: Arc::clone(&self.policy),
            output: Arc::clone(&self.output),
            clock: Arc::clone(&self.clock),
            alerts: Arc::clone(&self.alerts) as _,
            spawner,
            actors: cfg.actors.clone(),
            limits: cfg.orchestrator.clone(),
            cfg: cfg.effects.clone(),
            slots: Slots::default(),
        }));
        Ok(cluster)
    }
}

async fn open_store(cfg: &Config, data: &DataFolder) -> Result<Embedded, BootError> {
    let (folder, cfg) = (data.store(), cfg.embedded.clone());
    let opened = spawn_blocking("open the store", move || Embedded::open(&folder, cfg));
    Ok(opened.await?)
}

/// Ends what a node of this folder left behind when it died.
async fn sweep_leftovers(data: &DataFolder, alerts: &KeptAlerts) {
    let sweep = sweep(&data.owner(), SWEEP_WITHIN).await;
    if !sweep.killed.is_empty() {
        tracing::info!(n_killed = sweep.killed.len(), "left-over processes ended");
    }
    if sweep.left > 0 {
        let text = format!("{} processes of the last node do not end", sweep.left);
        alerts.add("node", &text);
    }
}

fn workspaces(
    data: &DataFolder,
    host: &Host,
    substrate: &Substrate,
) -> Result<Arc<dyn Workspaces>, BootError> {
    let cfg = callboard_workspace::Config::new(data.work(), data.cluster_key()?);
    let marks = Marks { agent: "check".to_owned(), epoch: 0, owner: host.owner.clone() };
    let guard = command::Guard { launcher: host.launcher.clone(), marks };
    let checks = Arc::new(PlainChecks { guard: Some(guard) });
    Ok(Arc::new(GitWorkspaces::with_checks(cfg, Arc::clone(&substrate.blobs), checks)))
}

fn read_policy(cfg: &Config) -> Result<Policy, BootError> {
    let Some(path) = &cfg.approvals.policy else {
        return Ok(Policy::default());
    };
    let text = std::fs::read_to_string(path)
        .map_err(|error| other(format!("the policy file {}: {error}", path.display())))?;
    Policy::parse(&text).map_err(|error| other(format!("{}: {}", path.display(), chain(&error))))
}

fn node_info(cfg: &Config, found: &Found) -> Result<NodeInfo, BootError> {
    let name = match &cfg.node.name {
        Some(name) => NodeName::new(name.clone()).map_err(other)?,
        None => host_name(),
    };
    let usable = |(name, probed): (&ProgramName, &Result<String, String>)| {
        probed.is_ok().then(|| name.clone())
    };
    Ok(NodeInfo {
        name,
        incarnation: Uuid::now_v7(),
        host_id: std::fs::read_to_string("/etc/machine-id").unwrap_or_default().trim().to_owned(),
        labels: cfg.node.labels.clone(),
        taints: Default::default(),
        runtimes: found.probed.iter().filter_map(usable).collect(),
        protocols: Protocols { min: 1, max: 1 },
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

/// The host's name, made legal.
fn host_name() -> NodeName {
    let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    let name = name.unwrap_or_default();
    let first = name.split('.').next().unwrap_or_default();
    let legal: String = first
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' })
        .take(64)
        .collect();
    NodeName::new(legal.trim_start_matches('-'))
        .unwrap_or_else(|_| NodeName::new("node").expect("a legal name"))
}

fn defaults(cfg: &Config, found: &Found) -> Defaults {
    Defaults {
        runtime: found.default_runtime(cfg.programs.default.as_deref()),
        runtimes: found.probed.clone(),
        models: cfg.programs.models.clone(),
        agents_max: cfg.project.agents_max,
        check: cfg.project.check.clone(),
        project_limits: cfg.project_limits.clone(),
        agent_limits: cfg.agent_limits.clone(),
    }
}

fn announce(data: &DataFolder, url: &str) -> Result<(), BootError> {
    let file = RuntimeFile {
        pid: std::process::id(),
        url: url.to_owned(),
        token_file: data.token(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    Ok(file.write(&data.runtime_file())?)
}
