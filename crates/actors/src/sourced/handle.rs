//! How others reach an event-sourced actor.

use std::fmt;
use std::time::Duration;

use callboard_domain::id::ActorId;
use callboard_domain::{EffectKey, Entity};

use crate::exit::ExitReason;
use crate::mailbox::{AskError, Handle, Reply, TellError};
use crate::sourced::{CommandError, Done, EffectError};

pub(crate) type Answer<E> = Result<Done, CommandError<<E as Entity>::Rejection>>;
type Query<E> = Box<dyn FnOnce(&<E as Entity>::State) + Send>;

/// What goes through an event-sourced actor's mailbox.
pub(crate) enum Mail<E: Entity> {
    Command { command: E::Command, reply: Option<Reply<Answer<E>>> },
    Query(Query<E>),
    EffectEnded(Box<EffectEnded<E>>),
}

pub(crate) struct EffectEnded<E: Entity> {
    pub(crate) key: EffectKey,
    /// Which run of the key it was.
    pub(crate) run: u64,
    pub(crate) outcome: Result<Vec<E::Command>, EffectError>,
}

/// Reaches an event-sourced actor, whichever incarnation is there. Cheap to clone.
pub struct SourcedHandle<E: Entity> {
    id: ActorId,
    mailbox: Handle<Mail<E>>,
}

impl<E: Entity> Clone for SourcedHandle<E> {
    fn clone(&self) -> Self {
        Self { id: self.id.clone(), mailbox: self.mailbox.clone() }
    }
}

impl<E: Entity> fmt::Debug for SourcedHandle<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SourcedHandle").field(&self.id).finish()
    }
}

impl<E: Entity> SourcedHandle<E> {
    pub(crate) fn new(id: ActorId, mailbox: Handle<Mail<E>>) -> Self {
        Self { id, mailbox }
    }

    pub(crate) fn mailbox(&self) -> &Handle<Mail<E>> {
        &self.mailbox
    }

    /// Who it is.
    #[must_use]
    pub fn id(&self) -> &ActorId {
        &self.id
    }

    /// Runs a command and waits until its events are stored.
    ///
    /// # Errors
    /// See [`CommandError`]. After `Stopped`, `TimedOut` and `OutcomeUnknown` a retry with the same
    /// id is safe.
    pub async fn ask(&self, command: E::Command, deadline: Duration) -> Answer<E> {
        let asked =
            self.mailbox.ask(deadline, |reply| Mail::Command { command, reply: Some(reply) });
        match asked.await {
            Ok(answer) => answer,
            Err(AskError::Stopped) => Err(self.stopped_error()),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends a command whose answer nobody awaits. A rejection is logged.
    ///
    /// # Errors
    /// The command comes back: the mailbox is full, or the actor has ended for good.
    pub fn tell(&self, command: E::Command) -> Result<(), TellError<E::Command>> {
        let sent_back = |mail| match mail {
            Mail::Command { command, .. } => command,
            _ => unreachable!("what comes back is what was sent"),
        };
        match self.mailbox.tell(Mail::Command { command, reply: None }) {
            Ok(()) => Ok(()),
            Err(TellError::Full(mail)) => Err(TellError::Full(sent_back(mail))),
            Err(TellError::Stopped(mail)) => Err(TellError::Stopped(sent_back(mail))),
        }
    }

    /// A copy of the state, read between two commands.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn state(&self, deadline: Duration) -> Result<E::State, AskError> {
        self.query(deadline, E::State::clone).await
    }

    /// Reads something from the state, between two commands and ahead of those that wait.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn query<T: Send + 'static>(
        &self,
        deadline: Duration,
        read: impl FnOnce(&E::State) -> T + Send + 'static,
    ) -> Result<T, AskError> {
        let query = |reply: Reply<T>| Mail::Query(Box::new(move |state| reply.send(read(state))));
        self.mailbox.ask_control(deadline, query).await
    }

    /// The shell's account of itself: epoch, index, running effects, snapshot.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn observable_state(
        &self,
        deadline: Duration,
    ) -> Result<serde_json::Value, AskError> {
        self.mailbox.observable_state(deadline).await
    }

    /// Stops the present incarnation after the command it works on; it leaves a snapshot. Its owner
    /// may launch it again: what waits in the mailbox is then handled.
    pub fn stop(&self) {
        self.mailbox.stop();
    }

    /// Ends the present incarnation where it stands, without a snapshot: a simulated `kill -9`.
    pub fn kill(&self) {
        self.mailbox.kill();
    }

    /// Refuses everything from now on: no incarnation will follow here.
    pub fn close(&self, why: ExitReason) {
        self.mailbox.close(why);
    }

    /// Why it ended for good, once it did.
    #[must_use]
    pub fn closed(&self) -> Option<ExitReason> {
        self.mailbox.closed()
    }

    fn stopped_error(&self) -> CommandError<E::Rejection> {
        match self.mailbox.closed() {
            Some(ExitReason::Fenced { by_epoch }) => CommandError::Fenced { by_epoch },
            _ => CommandError::Stopped,
        }
    }
}
