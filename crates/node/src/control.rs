//! What only the node itself can do, for the HTTP interface.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use callboard_agent::Workspaces;
use callboard_api::request::{Cleanup, LogVerified};
use callboard_api::status::Alert;
use callboard_cluster::Cluster;
use callboard_domain::id::{ActorId, AgentId};
use callboard_gateway::Control;
use callboard_substrate_embedded::{Damage, Embedded};
use tokio::sync::Notify;

use crate::alerts::KeptAlerts;

/// The node, as its own interface sees it.
pub(crate) struct NodeControl {
    pub(crate) alerts: Arc<KeptAlerts>,
    pub(crate) stop: Arc<Notify>,
    pub(crate) config: serde_json::Value,
    pub(crate) store: Arc<Embedded>,
    pub(crate) workspaces: Arc<dyn Workspaces>,
    pub(crate) cluster: Cluster,
}

#[async_trait]
impl Control for NodeControl {
    fn alerts(&self) -> Vec<Alert> {
        let standing = self.store.health().alerts.into_iter();
        let mut alerts = self.alerts.all();
        alerts.extend(standing.map(|text| self.alerts.alert("store", &text)));
        alerts
    }

    fn shut_down(&self) {
        self.stop.notify_one();
    }

    fn config(&self) -> serde_json::Value {
        self.config.clone()
    }

    async fn verify_log(&self) -> Result<LogVerified, String> {
        let verified = self.store.verify_all().await.map_err(|error| error.to_string())?;
        Ok(LogVerified {
            streams: verified.n_streams,
            commits: verified.n_commits,
            damages: verified.damages.iter().map(damage).collect(),
        })
    }

    async fn cleanup(&self) -> Result<Cleanup, String> {
        let records = self.cluster.directory().list().await.map_err(|error| error.to_string())?;
        let keep: BTreeSet<AgentId> = records
            .into_iter()
            .filter(|record| record.is_wanted())
            .filter_map(|record| match record.actor {
                ActorId::Agent(id) => Some(id),
                _ => None,
            })
            .collect();
        let cleaned = self.workspaces.cleanup(&keep).await.map_err(|error| error.to_string())?;
        Ok(Cleanup {
            workspaces: cleaned.removed.iter().map(ToString::to_string).collect(),
            kept: cleaned.kept,
            processes: Vec::new(),
        })
    }
}

fn damage(damage: &Damage) -> String {
    let stream = damage.stream.as_ref().map_or_else(|| "the log".to_owned(), ToString::to_string);
    format!("{stream} at {}: {}", damage.position, damage.reason)
}

/// How long the sweep of left-over processes may take at the start.
pub(crate) const SWEEP_WITHIN: Duration = Duration::from_secs(5);
