//! Beats: this node's report once a period, and what the others' say.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use callboard_placement::{NodeReport, NodeState};
use callboard_substrate::bus::Subscription;
use callboard_wire::v1::node::Beat;

use super::local::reconcile;
use crate::placer::PlacerMessage;
use crate::report::{Measured, Reports};
use crate::routing::Inner;

/// The report of this node, from what was measured.
pub(crate) fn report(inner: &Inner, measured: Measured) -> NodeReport {
    let info = &inner.info;
    NodeReport {
        name: info.name.clone(),
        incarnation: info.incarnation,
        host_id: info.host_id.clone(),
        state: NodeState::Ready,
        cpu: measured.cpu,
        memory: measured.memory,
        disk_free_bytes: measured.disk_free_bytes,
        n_agents: inner.registry.n_agents(),
        runtimes: info.runtimes.clone(),
        labels: info.labels.clone(),
        taints: info.taints.clone(),
        protocols: info.protocols,
        version: info.version.clone(),
    }
}

/// Measures and publishes for as long as the node runs; compares the directory with what runs here
/// as often as placement does.
pub(crate) async fn send(inner: Arc<Inner>, reports: Arc<dyn Reports>) {
    let period = Duration::from_millis(inner.cfg.node.report_ms);
    let n_reconcile = (inner.cfg.placer.reconcile_ms / inner.cfg.node.report_ms).max(1);
    let subject = inner.names.beat(&inner.info.name);
    let mut sequence = 0_u64;
    loop {
        let report = report(&inner, reports.measure().await);
        inner.local.room().report(report.clone());
        let beat = Beat {
            node: report.name.to_string(),
            incarnation: report.incarnation.into_bytes(),
            sequence,
            report: Some(serde_json::to_vec(&report).expect("a report has only string keys")),
        };
        let frame = callboard_wire::encode(&beat).expect("a report is far below the limit");
        if let Err(error) = inner.substrate.bus.publish(&subject, frame).await {
            tracing::warn!(%error, "beat not sent");
        }
        sequence += 1;
        if sequence.is_multiple_of(n_reconcile) {
            reconcile(&inner).await;
        }
        tokio::time::sleep(period).await;
    }
}

/// Takes every node's beats: keeps the newest report, and hands it to a placement actor here.
pub(crate) async fn listen(inner: Arc<Inner>, mut beats: Box<dyn Subscription>) {
    while let Some(message) = beats.next().await {
        let Some(report) = decode(&message.payload) else {
            tracing::warn!(subject = %message.subject, "beat not understood");
            continue;
        };
        let mut reports = inner.reports.lock().unwrap_or_else(PoisonError::into_inner);
        reports.insert(report.name.clone(), report.clone());
        drop(reports);
        let placer = inner.placer.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(placer) = placer {
            // A full lane loses one report; the next one comes within the period.
            drop(placer.control(PlacerMessage::Report(Box::new(report))));
        }
    }
}

fn decode(payload: &[u8]) -> Option<NodeReport> {
    let beat: Beat = callboard_wire::decode(payload).ok()?;
    serde_json::from_slice(&beat.report?).ok()
}
