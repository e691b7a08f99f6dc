//! Keeps one actor running: start, watch, restart with back-off and a new epoch, or give up.
//!
//! ```text
//!  confirm ─▶ start ─▶ running ─┬─ normal end ──────────▶ released
//!               ▲               ├─ fenced ──────────────▶ left to its newer owner
//!               │               ├─ parked, too often ───▶ quarantined, with an alert
//!               └── new epoch ◀─┴─ any other end (after a delay)
//! ```

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use callboard_actors::{Alert, ExitReason};
use callboard_domain::id::ActorId;
use futures_util::FutureExt;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::factory::{StartError, Started};
use super::local::{ActivateReply, Origin, rejected};
use super::message::{Activated, NodeRefusal};
use super::restarts::{Restarts, Verdict};
use crate::directory;
use crate::placer::{self, PlacementCommand};
use crate::routing::{Callee, Inner, json};

/// How the keeping of an actor ended.
enum How {
    /// It was asked to.
    Stopped,
    /// The actor ended by itself.
    Finished,
    /// It belongs to a newer owner.
    Fenced,
    /// It stays down, for this reason.
    Quarantined(String),
}

/// How one incarnation ended.
enum End {
    Stopped,
    Exited(ExitReason),
    /// It will never start.
    Hopeless(String),
}

/// One actor that is kept running.
pub(super) struct Run {
    inner: Arc<Inner>,
    actor: ActorId,
    origin: Origin,
    epoch: u64,
    stop: watch::Receiver<bool>,
}

impl Run {
    pub(super) fn new(
        inner: Arc<Inner>,
        actor: ActorId,
        origin: Origin,
        epoch: u64,
        stop: watch::Receiver<bool>,
    ) -> Self {
        Self { inner, actor, origin, epoch, stop }
    }

    pub(super) async fn run(mut self, mut reply: Option<ActivateReply>) {
        self.inner.registry.starting(&self.actor);
        let how = match self.confirm().await {
            Ok(()) => self.keep(&mut reply).await,
            Err(refusal) => {
                if let Some(reply) = reply.take() {
                    reply.send(Err(rejected(&refusal)));
                }
                How::Fenced
            }
        };
        self.end(how).await;
    }

    /// Makes the reservation an activation: from here on the directory says that it is here.
    async fn confirm(&self) -> Result<(), NodeRefusal> {
        let Origin::Placed { .. } = self.origin else { return Ok(()) };
        let info = &self.inner.info;
        let directory = &self.inner.directory;
        let activated =
            directory.activate(&self.actor, &info.name, info.incarnation, self.epoch).await;
        activated.map(drop).map_err(|error| NodeRefusal::Superseded(error.to_string()))
    }

    async fn keep(&mut self, reply: &mut Option<ActivateReply>) -> How {
        let mut restarts = Restarts::new(&self.inner.cfg.node);
        loop {
            let began = Instant::now();
            let end = self.incarnation(reply).await;
            if let Some(reply) = reply.take() {
                reply.send(Ok(Activated { epoch: self.epoch }));
            }
            let reason = match end {
                End::Stopped => return How::Stopped,
                End::Exited(ExitReason::Normal) => return How::Finished,
                End::Exited(ExitReason::Fenced { .. }) => {
                    let mut fenced =
                        self.inner.local.fenced.lock().unwrap_or_else(PoisonError::into_inner);
                    fenced.insert(self.actor.clone());
                    return How::Fenced;
                }
                End::Exited(ExitReason::Parked(reason)) | End::Hopeless(reason) => {
                    return How::Quarantined(reason);
                }
                End::Exited(reason) => reason,
            };
            tracing::warn!(actor = %self.actor, epoch = self.epoch, %reason, "incarnation ended");
            let random = self.inner.clock.random();
            match restarts.failed(began, Instant::now(), random) {
                Verdict::Quarantine => return How::Quarantined(reason.to_string()),
                Verdict::After(delay) => {
                    if self.stopped_within(delay).await {
                        return How::Stopped;
                    }
                }
            }
            match self.next_epoch().await {
                Ok(epoch) => self.epoch = epoch,
                Err(how) => return how,
            }
        }
    }

    /// Starts one incarnation and waits for its end.
    async fn incarnation(&mut self, reply: &mut Option<ActivateReply>) -> End {
        let failed = |reason: String| End::Exited(ExitReason::Failed(reason));
        let start_max = Duration::from_millis(self.inner.cfg.node.start_ms_max);
        let Started { actor, mut exit } = match self.start(start_max).await {
            Ok(started) => started,
            Err(error) if error.retryable => return failed(error.reason),
            Err(error) => return End::Hopeless(error.reason),
        };
        let _kill = KillOnDrop(Arc::clone(&actor));
        let started = tokio::select! {
            biased;
            started = timeout(start_max, exit.started()) => started,
            () = stopped(&mut self.stop) => Ok(Ok(())),
        };
        let end = match started {
            Err(_) => {
                actor.kill();
                failed(format!("it did not start within {start_max:?}"))
            }
            Ok(Err(reason)) => End::Exited(reason),
            Ok(Ok(())) => {
                self.inner.registry.running(&self.actor, self.epoch, Arc::clone(&actor));
                if let Some(reply) = reply.take() {
                    reply.send(Ok(Activated { epoch: self.epoch }));
                }
                tokio::select! {
                    biased;
                    reason = exit.exited() => End::Exited(reason),
                    () = stopped(&mut self.stop) => {
                        actor.stop();
                        let max = Duration::from_millis(self.inner.cfg.node.stop_ms_max);
                        if timeout(max, exit.exited()).await.is_err() {
                            actor.kill();
                            let _ = timeout(max, exit.exited()).await;
                        }
                        End::Stopped
                    }
                }
            }
        };
        self.inner.registry.starting(&self.actor);
        actor.close(match &end {
            End::Exited(reason) => reason.clone(),
            End::Stopped | End::Hopeless(_) => ExitReason::Normal,
        });
        end
    }

    async fn start(&self, start_max: Duration) -> Result<Started, StartError> {
        let failed =
            |reason: String| StartError { actor: self.actor.clone(), reason, retryable: true };
        let start = async {
            match (&self.origin, &self.actor) {
                (Origin::Node, _) => Ok(super::actor::launch(&self.inner)),
                (Origin::Singleton, ActorId::Placement) => Ok(placer::launch(&self.inner)),
                (Origin::Singleton, actor) => {
                    let spec = serde_json::Value::Null;
                    self.inner.local.factory.start(actor.clone(), self.epoch, spec).await
                }
                (Origin::Placed { spec }, actor) => {
                    let spec = spec.clone();
                    self.inner.local.factory.start(actor.clone(), self.epoch, spec).await
                }
            }
        };
        match timeout(start_max, AssertUnwindSafe(start).catch_unwind()).await {
            Ok(Ok(started)) => started,
            Ok(Err(_)) => Err(failed("its factory panicked".to_owned())),
            Err(_) => Err(failed(format!("its factory took longer than {start_max:?}"))),
        }
    }

    /// Whether a stop was asked for within `delay`.
    async fn stopped_within(&mut self, delay: Duration) -> bool {
        timeout(delay, stopped(&mut self.stop)).await.is_ok()
    }

    /// The epoch of the next incarnation. While the store does not answer it waits, for without a
    /// new epoch nothing may start.
    async fn next_epoch(&mut self) -> Result<u64, How> {
        let pause = Duration::from_millis(self.inner.cfg.routing.look_again_ms);
        loop {
            match &self.origin {
                Origin::Node => return Ok(self.epoch + 1),
                Origin::Singleton => {
                    let keepers = &self.inner.keepers;
                    let keeper = match self.actor {
                        ActorId::Placement => &keepers.placement,
                        _ => &keepers.orchestrator,
                    };
                    if let Some(epoch) = keeper.bump().await {
                        return Ok(epoch);
                    }
                    if keeper.view().borrow().valid().is_none() {
                        return Err(How::Fenced);
                    }
                }
                Origin::Placed { .. } => {
                    let directory = &self.inner.directory;
                    let incarnation = self.inner.info.incarnation;
                    match directory.bump_epoch(&self.actor, incarnation, self.epoch).await {
                        Ok(epoch) => return Ok(epoch),
                        Err(directory::Error::Refused(_)) => return Err(How::Fenced),
                        Err(error) => {
                            tracing::warn!(actor = %self.actor, %error, "no epoch for a restart yet");
                        }
                    }
                }
            }
            if self.stopped_within(pause).await {
                return Err(How::Stopped);
            }
        }
    }

    async fn end(self, how: How) {
        let Self { inner, actor, origin, epoch, .. } = self;
        inner.registry.remove(&actor);
        inner.local.room().release(&actor);
        let child = inner.local.children().remove(&actor);
        // This very task: it must not abort itself.
        if let Some(task) = child.and_then(|child| child.task) {
            task.detach();
        }
        inner.local.changes.tell();
        if let How::Quarantined(reason) = &how {
            tracing::error!(%actor, epoch, reason, "actor quarantined");
            let (child, reason) = (actor.to_string(), reason.clone());
            inner.local.alerts.raise(Alert::Quarantined { child, reason });
        }
        let Origin::Placed { .. } = origin else { return };
        let incarnation = inner.info.incarnation;
        let written = match &how {
            How::Stopped | How::Fenced => return,
            How::Finished => inner.directory.finish(&actor, incarnation, epoch).await,
            How::Quarantined(reason) => {
                inner.directory.quarantine(&actor, incarnation, epoch, reason).await
            }
        };
        if let Err(error) = written {
            tracing::warn!(%actor, %error, "end of an actor not recorded");
        }
        // Placement reads the directory now and then; this only makes it sooner.
        let deadline = Duration::from_millis(inner.cfg.placer.reservation_ms);
        let command = json(&PlacementCommand::Ended { actor });
        let _ = inner.call(&ActorId::Placement, &command, deadline).await;
    }
}

/// Whatever ends the keeping of an incarnation also ends the incarnation. One that has ended already
/// does not mind.
struct KillOnDrop(Arc<dyn Callee>);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        self.0.kill();
    }
}

/// Waits until a stop is asked for. For ever where nobody can ask any more.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}
