//! Mailboxes: two bounded lanes that outlive the incarnations which read them.
//!
//! The queue is ours and not actix's, for actix keeps no message when an actor dies, has one lane,
//! and lets `do_send` ignore the bound. What goes through actix is one coalesced wake-up.
//!
//! Invariants: neither lane ever exceeds its bound; a message is handed to at most one incarnation;
//! control messages are handed out before data messages; after `close` nothing is accepted.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix::Recipient;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, oneshot};

use crate::exit::ExitReason;
use crate::shell::Pump;

/// The bounds of a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Data messages that wait at most; the next `tell` or `ask` reports `Full`.
    pub n_data_max: usize,
    /// Control messages that wait at most; the next one reports `Full`. A stop is coalesced and
    /// always accepted.
    pub n_control_max: usize,
    /// Messages handled before the actor lets its siblings run.
    pub n_turn_max: u32,
    /// The time after which it does so, in milliseconds.
    pub turn_ms_max: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { n_data_max: 1_024, n_control_max: 256, n_turn_max: 64, turn_ms_max: 5 }
    }
}

/// Why a message was not accepted. It comes back to the sender.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TellError<M> {
    /// The lane is full: slow down, or tell the user.
    #[error("failed to tell the actor: its mailbox is full")]
    Full(M),
    /// The actor has ended for good.
    #[error("failed to tell the actor: it has stopped")]
    Stopped(M),
}

impl<M> fmt::Debug for TellError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Messages need no text form to be sent.
        f.write_str(match self {
            Self::Full(_) => "Full",
            Self::Stopped(_) => "Stopped",
        })
    }
}

/// Why a question got no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The lane is full: nothing was done.
    #[error("failed to ask the actor: its mailbox is full")]
    Full,
    /// The actor ended before it answered; the question may have been handled.
    #[error("failed to ask the actor: it has stopped")]
    Stopped,
    /// The deadline passed; the question may still be handled.
    #[error("failed to ask the actor: no answer before the deadline")]
    TimedOut,
}

/// Where the answer of an `ask` goes.
#[derive(Debug)]
pub struct Reply<T>(oneshot::Sender<T>);

impl<T> Reply<T> {
    /// Answers. An asker that has gone is no error.
    pub fn send(self, answer: T) {
        drop(self.0.send(answer));
    }

    /// Whether the asker has given up.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.0.is_closed()
    }
}

pub(crate) enum Next<M> {
    Stop,
    Observe(Reply<serde_json::Value>),
    Message(M),
    Empty,
}

struct Lanes<M> {
    control: VecDeque<M>,
    data: VecDeque<M>,
    observe: Option<Vec<Reply<serde_json::Value>>>,
    stop: bool,
    /// A wake-up is under way, or the actor is reading.
    awake: bool,
    /// The incarnation that was launched and has not exited, by its kill switch.
    kill: Option<Arc<Notify>>,
    /// How to wake it, once its thread runs it.
    pump: Option<Arc<Recipient<Pump>>>,
    closed: Option<ExitReason>,
}

pub(crate) struct Mailbox<M> {
    name: String,
    cfg: Config,
    lanes: Mutex<Lanes<M>>,
}

impl<M> Mailbox<M> {
    fn lanes(&self) -> MutexGuard<'_, Lanes<M>> {
        // No code of others runs under the lock, so a poisoned lock still guards whole lanes.
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn config(&self) -> &Config {
        &self.cfg
    }

    /// A new incarnation is on its way: from here on it can be stopped and killed.
    pub(crate) fn launch(&self) -> Arc<Notify> {
        let mut lanes = self.lanes();
        let kill = Arc::new(Notify::new());
        lanes.stop = false;
        lanes.kill = Some(Arc::clone(&kill));
        kill
    }

    pub(crate) fn attach(&self, pump: Recipient<Pump>) {
        let pump = Arc::new(pump);
        let mut lanes = self.lanes();
        lanes.awake = true;
        lanes.pump = Some(Arc::clone(&pump));
        drop(lanes);
        send_pump(Some(pump));
    }

    pub(crate) fn detach(&self) {
        let mut lanes = self.lanes();
        lanes.kill = None;
        lanes.pump = None;
        lanes.awake = false;
        lanes.observe = None;
    }

    pub(crate) fn next(&self) -> Next<M> {
        let mut lanes = self.lanes();
        if lanes.stop {
            return Next::Stop;
        }
        if let Some(reply) = lanes.observe.as_mut().and_then(Vec::pop) {
            return Next::Observe(reply);
        }
        let message = lanes.control.pop_front();
        if let Some(message) = message.or_else(|| lanes.data.pop_front()) {
            return Next::Message(message);
        }
        lanes.awake = false;
        // An idle actor owns no buffers: ten thousand of them must fit.
        lanes.observe = None;
        if lanes.data.capacity() > 16 {
            lanes.data = VecDeque::new();
        }
        if lanes.control.capacity() > 16 {
            lanes.control = VecDeque::new();
        }
        Next::Empty
    }

    /// Marks the actor awake; the pump to wake, where it slept.
    fn wake(lanes: &mut Lanes<M>) -> Option<Arc<Recipient<Pump>>> {
        if lanes.awake {
            return None;
        }
        let pump = lanes.pump.clone()?;
        lanes.awake = true;
        Some(pump)
    }
}

fn send_pump(pump: Option<Arc<Recipient<Pump>>>) {
    let Some(pump) = pump else { return };
    // At most one is under way, so it is never full; closed means that the incarnation is ending,
    // and the next one reads what waits.
    drop(pump.try_send(Pump));
}

/// How others reach an actor. It stays valid across restarts, and is cheap to clone.
pub struct Handle<M>(pub(crate) Arc<Mailbox<M>>);

impl<M> Clone for Handle<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M> fmt::Debug for Handle<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handle").field(&self.0.name).finish()
    }
}

impl<M> Handle<M> {
    /// A mailbox without an incarnation: messages wait for the first one.
    #[must_use]
    pub fn new(name: impl Into<String>, cfg: Config) -> Self {
        let lanes = Lanes {
            control: VecDeque::new(),
            data: VecDeque::new(),
            observe: None,
            stop: false,
            awake: false,
            kill: None,
            pump: None,
            closed: None,
        };
        Self(Arc::new(Mailbox { name: name.into(), cfg, lanes: Mutex::new(lanes) }))
    }

    /// The actor's name, for logs.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Puts a message in the data lane. While the actor restarts, the message waits.
    ///
    /// # Errors
    /// The message comes back: the lane is full, or the actor has ended for good.
    pub fn tell(&self, message: M) -> Result<(), TellError<M>> {
        let mut lanes = self.0.lanes();
        if lanes.closed.is_some() {
            return Err(TellError::Stopped(message));
        }
        if lanes.data.len() >= self.0.cfg.n_data_max {
            return Err(TellError::Full(message));
        }
        lanes.data.push_back(message);
        let pump = Mailbox::wake(&mut lanes);
        drop(lanes);
        send_pump(pump);
        Ok(())
    }

    /// Puts a message in the control lane, which is read before the data lane.
    ///
    /// # Errors
    /// As [`Handle::tell`].
    pub fn control(&self, message: M) -> Result<(), TellError<M>> {
        let mut lanes = self.0.lanes();
        if lanes.closed.is_some() {
            return Err(TellError::Stopped(message));
        }
        if lanes.control.len() >= self.0.cfg.n_control_max {
            return Err(TellError::Full(message));
        }
        lanes.control.push_back(message);
        let pump = Mailbox::wake(&mut lanes);
        drop(lanes);
        send_pump(pump);
        Ok(())
    }

    /// Asks through the data lane, and waits for the answer at most `deadline`.
    ///
    /// # Errors
    /// See [`AskError`]; only `Full` means that nothing was done.
    pub async fn ask<T>(
        &self,
        deadline: Duration,
        message: impl FnOnce(Reply<T>) -> M,
    ) -> Result<T, AskError> {
        let (tx, rx) = oneshot::channel();
        self.tell(message(Reply(tx))).map_err(|error| ask_error(&error))?;
        answer(deadline, rx).await
    }

    /// Asks through the control lane.
    ///
    /// # Errors
    /// As [`Handle::ask`].
    pub async fn ask_control<T>(
        &self,
        deadline: Duration,
        message: impl FnOnce(Reply<T>) -> M,
    ) -> Result<T, AskError> {
        let (tx, rx) = oneshot::channel();
        self.control(message(Reply(tx))).map_err(|error| ask_error(&error))?;
        answer(deadline, rx).await
    }

    /// The actor's own account of itself, as JSON.
    ///
    /// # Errors
    /// As [`Handle::ask`].
    pub async fn observable_state(
        &self,
        deadline: Duration,
    ) -> Result<serde_json::Value, AskError> {
        let (tx, rx) = oneshot::channel();
        {
            let mut lanes = self.0.lanes();
            if lanes.closed.is_some() {
                return Err(AskError::Stopped);
            }
            let observe = lanes.observe.get_or_insert_default();
            if observe.len() >= self.0.cfg.n_control_max {
                return Err(AskError::Full);
            }
            observe.push(Reply(tx));
            let pump = Mailbox::wake(&mut lanes);
            drop(lanes);
            send_pump(pump);
        }
        answer(deadline, rx).await
    }

    /// Asks the present incarnation to stop before its next message. Coalesced; never refused. What
    /// waits in the lanes stays there for the next incarnation, or until [`Handle::close`].
    pub fn stop(&self) {
        let mut lanes = self.0.lanes();
        if lanes.kill.is_none() {
            return;
        }
        lanes.stop = true;
        let pump = Mailbox::wake(&mut lanes);
        drop(lanes);
        send_pump(pump);
    }

    /// Ends the present incarnation where it stands, in the middle of whatever it awaits: for a
    /// deadline that passed, and for a simulated `kill -9`. Without an incarnation it does nothing.
    pub fn kill(&self) {
        let mut lanes = self.0.lanes();
        let Some(kill) = lanes.kill.clone() else { return };
        let pump = Mailbox::wake(&mut lanes);
        drop(lanes);
        kill.notify_one();
        send_pump(pump);
    }

    /// Refuses every further message and drops those that wait: no incarnation will follow. Askers
    /// get `Stopped`.
    pub fn close(&self, why: ExitReason) {
        let dropped = {
            let mut lanes = self.0.lanes();
            lanes.closed.get_or_insert(why);
            let control = std::mem::take(&mut lanes.control);
            (control, std::mem::take(&mut lanes.data), lanes.observe.take())
        };
        let n_dropped = dropped.0.len() + dropped.1.len();
        if n_dropped > 0 {
            tracing::warn!(actor = %self.0.name, n_dropped, "closed a mailbox with messages in it");
        }
    }

    /// Why the actor ended for good, once it did.
    #[must_use]
    pub fn closed(&self) -> Option<ExitReason> {
        self.0.lanes().closed.clone()
    }

    /// Whether there is an incarnation at present.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.0.lanes().kill.is_some()
    }

    /// The data messages that wait.
    #[must_use]
    pub fn n_waiting(&self) -> usize {
        self.0.lanes().data.len()
    }
}

fn ask_error<M>(error: &TellError<M>) -> AskError {
    match error {
        TellError::Full(_) => AskError::Full,
        TellError::Stopped(_) => AskError::Stopped,
    }
}

async fn answer<T>(deadline: Duration, rx: oneshot::Receiver<T>) -> Result<T, AskError> {
    match tokio::time::timeout(deadline, rx).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) => Err(AskError::Stopped),
        Err(_) => Err(AskError::TimedOut),
    }
}
