//! The behaviour of an event-sourced actor: one state, one cursor, one command at a time.
//!
//! Invariants: the state is always the fold of exactly the commits up to the cursor; effects start
//! only for a state that is stored; after an unknown or conflicting append nothing more is decided.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use callboard_domain::Entity;
use callboard_stdx::task::{self, Kind, Task};
use serde_json::json;

use crate::exit::{ExitReason, panic_text};
use crate::mailbox::{Handle, Reply};
use crate::shell::Behaviour;
use crate::sourced::effects::Effects;
use crate::sourced::handle::{Answer, EffectEnded, Mail};
use crate::sourced::persist::{self, PersistError};
use crate::sourced::recover::{self, Recovered};
use crate::sourced::spec::Shared;
use crate::sourced::{CommandError, Done, EffectError, SourcedHandle, snapshot};

pub(crate) struct Core<E: Entity> {
    shared: Arc<Shared<E>>,
    /// `None` until recovery is done.
    live: Option<Box<Live<E>>>,
}

struct Live<E: Entity> {
    shared: Arc<Shared<E>>,
    me: SourcedHandle<E>,
    log: Recovered<E>,
    effects: Effects<E>,
    /// Whether anything but the activation happened since the last snapshot.
    is_dirty: bool,
    snapshot: Option<Task<()>>,
}

/// What a command that was not done means for the incarnation.
enum Failure<E: Entity> {
    Refused(CommandError<E::Rejection>),
    Fatal(CommandError<E::Rejection>, ExitReason),
}

impl<E: Entity> Core<E> {
    pub(crate) fn new(shared: Arc<Shared<E>>) -> Self {
        Self { shared, live: None }
    }
}

impl<E: Entity> Unpin for Core<E> {}

impl<E: Entity> Behaviour for Core<E> {
    type Message = Mail<E>;

    async fn started(&mut self, me: &Handle<Mail<E>>) -> Result<(), ExitReason> {
        let shared = Arc::clone(&self.shared);
        let log = activate(&shared).await?;
        let me = SourcedHandle::new(shared.spec.id.clone(), me.clone());
        let effects = Effects::new(Arc::clone(&shared));
        let mut live = Box::new(Live { shared, me, log, effects, is_dirty: false, snapshot: None });
        live.after_commit();
        self.live = Some(live);
        Ok(())
    }

    async fn handle(&mut self, mail: Mail<E>, _: &Handle<Mail<E>>) -> Result<(), ExitReason> {
        let live = self.live.as_mut().expect("messages come after started");
        match mail {
            Mail::Command { command, reply } => live.command(command, reply).await,
            Mail::Query(read) => {
                read(&live.log.state);
                Ok(())
            }
            Mail::EffectEnded(ended) => live.effect_ended(*ended).await,
        }
    }

    async fn stopped(&mut self, why: &ExitReason) {
        let Some(live) = self.live.take() else { return };
        if *why == ExitReason::Normal {
            live.leave_snapshot().await;
        }
    }

    fn observable_state(&self) -> serde_json::Value {
        let id = self.shared.spec.id.to_string();
        match &self.live {
            None => json!({ "id": id, "phase": "recovering" }),
            Some(live) => json!({
                "id": id,
                "phase": "running",
                "epoch": self.shared.spec.epoch,
                "index": live.log.cursor.chain.index(),
                "events_since_snapshot": live.log.n_events,
                "effects": live.effects.keys(),
            }),
        }
    }
}

/// Recovers, and fences all older owners by the first append of this one.
async fn activate<E: Entity>(shared: &Arc<Shared<E>>) -> Result<Recovered<E>, ExitReason> {
    let spec = &shared.spec;
    let mut log = recover::recover(shared).await?;
    let mut n_conflicts = 0;
    loop {
        let by_epoch = log.cursor.chain.epoch();
        if by_epoch > spec.epoch {
            return Err(ExitReason::Fenced { by_epoch });
        }
        let event = E::activated(&log.state, &mut persist::ctx(shared));
        let events = [event];
        match persist::append(shared, &mut log.cursor, &events).await {
            Ok(n_bytes) => {
                E::apply(&mut log.state, &events[0]);
                log.n_events += 1;
                log.n_bytes += n_bytes;
                return Ok(log);
            }
            Err(PersistError::Conflict) if n_conflicts < spec.cfg.n_activation_conflicts_max => {
                n_conflicts += 1;
                recover::catch_up(shared, &mut log).await?;
            }
            Err(error) => return Err(activation_failed(&error)),
        }
    }
}

fn activation_failed(error: &PersistError) -> ExitReason {
    let reason = match error {
        PersistError::Conflict => "others kept appending".to_owned(),
        PersistError::Unknown { reason } | PersistError::Unavailable { reason } => reason.clone(),
        PersistError::TooLarge { bytes, bytes_max } => {
            format!("the event takes {bytes} bytes of {bytes_max}")
        }
    };
    ExitReason::Failed(format!("activation was not stored: {reason}"))
}

impl<E: Entity> Live<E> {
    async fn command(
        &mut self,
        command: E::Command,
        reply: Option<Reply<Answer<E>>>,
    ) -> Result<(), ExitReason> {
        if reply.as_ref().is_some_and(Reply::is_abandoned) {
            // The asker was told that it timed out, and may have sent it again.
            return Ok(());
        }
        let (answer, exit) = match self.run(command).await {
            Ok(done) => (Ok(done), Ok(())),
            Err(Failure::Refused(error)) => (Err(error), Ok(())),
            Err(Failure::Fatal(error, reason)) => (Err(error), Err(reason)),
        };
        match (reply, answer) {
            (Some(reply), answer) => reply.send(answer),
            (None, Ok(_)) => {}
            (None, Err(error)) => {
                tracing::warn!(actor = %self.me.id(), %error, "told command was not done");
            }
        }
        exit
    }

    async fn run(&mut self, command: E::Command) -> Result<Done, Failure<E>> {
        let events = self.decide(command)?;
        if events.is_empty() {
            return Ok(self.done());
        }
        match persist::append(&self.shared, &mut self.log.cursor, &events).await {
            Ok(n_bytes) => {
                for event in &events {
                    E::apply(&mut self.log.state, event);
                }
                self.log.n_events += events.len() as u64;
                self.log.n_bytes += n_bytes;
                self.is_dirty = true;
                self.after_commit();
                Ok(self.done())
            }
            Err(PersistError::TooLarge { bytes, bytes_max }) => {
                Err(Failure::Refused(CommandError::TooLarge { bytes, bytes_max }))
            }
            Err(PersistError::Unavailable { reason }) => {
                Err(Failure::Refused(CommandError::Unavailable { reason }))
            }
            Err(PersistError::Unknown { reason }) => Err(Failure::Fatal(
                CommandError::OutcomeUnknown,
                ExitReason::Failed(format!("the outcome of an append is unknown: {reason}")),
            )),
            Err(PersistError::Conflict) => Err(self.conflict().await),
        }
    }

    fn decide(&self, command: E::Command) -> Result<Vec<E::Event>, Failure<E>> {
        let mut ctx = persist::ctx(&self.shared);
        let decide = || E::decide(&self.log.state, command, &mut ctx);
        match catch_unwind(AssertUnwindSafe(decide)) {
            Ok(Ok(events)) => Ok(events),
            Ok(Err(rejection)) => Err(Failure::Refused(CommandError::Rejected(rejection))),
            Err(panic) => {
                let message = panic_text(&*panic);
                let reason = ExitReason::Panicked(message.clone());
                Err(Failure::Fatal(CommandError::Panicked { message }, reason))
            }
        }
    }

    async fn conflict(&self) -> Failure<E> {
        let reason = persist::explain_conflict(&self.shared, &self.log.cursor).await;
        let error = match &reason {
            ExitReason::Fenced { by_epoch } => CommandError::Fenced { by_epoch: *by_epoch },
            // A conflict means that nothing was written: the next incarnation may do it.
            _ => CommandError::Unavailable { reason: "the actor must reload its log".to_owned() },
        };
        Failure::Fatal(error, reason)
    }

    fn done(&self) -> Done {
        let cursor = &self.log.cursor;
        Done { position: cursor.position, index: cursor.chain.index() }
    }

    fn after_commit(&mut self) {
        self.effects.reconcile(&self.log.state, &self.me);
        self.snapshot_if_due();
    }

    async fn effect_ended(&mut self, ended: EffectEnded<E>) -> Result<(), ExitReason> {
        let EffectEnded { key, run, outcome } = ended;
        if !self.effects.is_current(&key, run) {
            return Ok(());
        }
        let error = match outcome {
            Ok(commands) => {
                for command in commands {
                    self.command(command, None).await?;
                }
                EffectError::new("it ended without being confirmed")
            }
            Err(error) => error,
        };
        if self.effects.is_current(&key, run) {
            self.effects.again(&key, error, &self.me);
        }
        // The end of a run may have made room for one that waits.
        self.effects.reconcile(&self.log.state, &self.me);
        Ok(())
    }

    fn snapshot_if_due(&mut self) {
        let cfg = &self.shared.spec.cfg;
        let is_due = self.log.n_events >= cfg.n_snapshot_events
            || self.log.n_bytes >= cfg.snapshot_commit_bytes;
        let is_running = self.snapshot.as_ref().is_some_and(|task| !task.is_finished());
        if !is_due || is_running {
            return;
        }
        let slot = self.next_snapshot();
        let shared = Arc::clone(&self.shared);
        let (cursor, state) = (self.log.cursor.clone(), self.log.state.clone());
        let name = format!("{}:snapshot", self.me.id());
        // Beside the actor, so that decisions go on; the state is a copy.
        let store = async move { snapshot::store(&shared, &cursor, &state, slot).await };
        self.snapshot = Some(task::spawn_local(Kind::Work, name, store));
    }

    /// Counts a snapshot as taken, and says where it goes.
    fn next_snapshot(&mut self) -> u8 {
        let slot = self.log.slot_next;
        self.log.slot_next = 1 - slot;
        self.log.n_events = 0;
        self.log.n_bytes = 0;
        self.is_dirty = false;
        slot
    }

    async fn leave_snapshot(mut self: Box<Self>) {
        if let Some(running) = self.snapshot.take() {
            running.join().await;
        }
        if self.is_dirty {
            let slot = self.next_snapshot();
            snapshot::store(&self.shared, &self.log.cursor, &self.log.state, slot).await;
        }
    }
}
