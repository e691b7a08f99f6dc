//! Runs a singleton on this node while its lease is held here.

use std::sync::Arc;
use std::time::Duration;

use callboard_domain::id::ActorId;
use tokio::time::{Instant, sleep_until, timeout};

use super::local::{Origin, start_child};
use crate::lease::Keeper;
use crate::routing::Inner;

/// Runs for as long as the node does. A singleton that was quarantined is tried again once per
/// restart period, for nothing works without it; each time with an alert.
pub(crate) async fn lead(inner: Arc<Inner>, actor: ActorId, keeper: Keeper) {
    let mut last_epoch = 0;
    loop {
        let Some(epoch) = next_epoch(&keeper, last_epoch).await else { continue };
        last_epoch = epoch;
        start_child(&inner, &actor, Origin::Singleton, epoch, None);
        let lost = wait_for_end(&inner, &actor, &keeper).await;
        last_epoch = keeper.view().borrow().held.unwrap_or(last_epoch).max(last_epoch);
        if lost {
            tracing::warn!(%actor, "lease lost, singleton stopped");
            inner.local.stop(&actor);
            let max = Duration::from_millis(inner.cfg.node.stop_ms_max);
            inner.local.gone(&actor, Instant::now() + max * 2).await;
        } else {
            tokio::time::sleep(Duration::from_millis(inner.cfg.node.restart_period_ms)).await;
        }
    }
}

/// Waits until the lease is held, in an epoch that no incarnation here has had.
async fn next_epoch(keeper: &Keeper, last_epoch: u64) -> Option<u64> {
    let mut view = keeper.view();
    let held = view.borrow_and_update().valid();
    match held {
        Some(epoch) if epoch > last_epoch => Some(epoch),
        Some(_) => match keeper.bump().await {
            Some(epoch) => Some(epoch),
            None => {
                let _ = timeout(Duration::from_secs(1), view.changed()).await;
                None
            }
        },
        None => {
            let _ = view.changed().await;
            None
        }
    }
}

/// Waits until the lease is lost (`true`), or the actor is not kept any more (`false`).
async fn wait_for_end(inner: &Inner, actor: &ActorId, keeper: &Keeper) -> bool {
    let mut view = keeper.view();
    let mut changed = inner.local.changes.seen();
    loop {
        let seen = view.borrow_and_update().clone();
        if seen.valid().is_none() {
            return true;
        }
        if !inner.local.has(actor) {
            return false;
        }
        let deadline = async {
            match seen.until {
                Some(until) => sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            _ = view.changed() => {}
            () = changed.changed() => {}
            () = deadline => {}
        }
    }
}
