//! What the interface is made of; the composition root fills it.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use callboard_agent::Workspaces;
use callboard_agent::output::Output;
use callboard_api::request::{Cleanup, LogVerified};
use callboard_api::status::Alert;
use callboard_cluster::Cluster;
use callboard_domain::id::ProgramName;
use callboard_domain::{agent, project};
use callboard_stdx::clock::SharedClock;
use callboard_substrate::Substrate;

/// Everything that requests need.
#[derive(Clone)]
pub struct Parts {
    /// The log that the view folds and events come from.
    pub substrate: Substrate,
    /// Where commands go.
    pub cluster: Cluster,
    /// Looks at repositories before a project is made of them, and shows results.
    pub workspaces: Arc<dyn Workspaces>,
    /// What programs said.
    pub output: Arc<dyn Output>,
    /// Ids of requests.
    pub clock: SharedClock,
    /// What only the node itself can do.
    pub control: Arc<dyn Control>,
    /// What a request need not name.
    pub defaults: Defaults,
    /// What every request must carry: `Authorization: Bearer <token>`.
    pub token: String,
    /// The cluster's name.
    pub cluster_name: String,
}

/// What a request need not name.
#[derive(Debug, Clone)]
pub struct Defaults {
    /// The runtime; none where no program was found or configured.
    pub runtime: Option<ProgramName>,
    /// The programs of this node, and why one cannot be used.
    pub runtimes: BTreeMap<ProgramName, Result<String, String>>,
    /// The models, by runtime.
    pub models: BTreeMap<String, String>,
    /// How many agents of a project may work at once.
    pub agents_max: u32,
    /// The check command.
    pub check: Option<String>,
    /// The limits of a project.
    pub project_limits: project::Limits,
    /// The limits of an agent.
    pub agent_limits: agent::Limits,
}

/// What only the node itself can do.
#[async_trait]
pub trait Control: Send + Sync {
    /// What a person should look at.
    fn alerts(&self) -> Vec<Alert>;

    /// Begins the staged stop; the answer to the request is still sent.
    fn shut_down(&self);

    /// The configuration in force, without secrets.
    fn config(&self) -> serde_json::Value;

    /// Reads the whole log and checks every commit.
    ///
    /// # Errors
    /// Why it could not be read, for a person.
    async fn verify_log(&self) -> Result<LogVerified, String>;

    /// Removes workspaces of agents that are gone, and left-over processes of this node.
    ///
    /// # Errors
    /// Why something could not be removed, for a person.
    async fn cleanup(&self) -> Result<Cleanup, String>;
}
