//! Commands to actors: asked until they are there, answered once the view holds what they did.

use std::time::Duration;

use callboard_actors::sourced::Done;
use callboard_api::error::Code;
use callboard_cluster::{AskError, CallError};
use callboard_domain::Entity;
use callboard_domain::id::ActorId;
use tokio::time::Instant;

use crate::answer::{Failure, Refusal};
use crate::state::State;

impl State {
    /// Runs a command of an actor that exists, and waits until the view holds what it did.
    pub(crate) async fn ask<E: Entity>(
        &self,
        actor: &ActorId,
        command: E::Command,
    ) -> Result<Done, Failure>
    where
        E::Rejection: Refusal,
    {
        match self.ask_while::<E>(actor, command, |_| false).await {
            Err(AskError::Call(CallError::NotFound)) => Err(self.absent(actor)),
            answer => self.seen(answer?).await,
        }
    }

    /// Like [`State::ask`], for an actor that is being made: until it is there, it is asked again.
    pub(crate) async fn ask_new<E: Entity>(
        &self,
        actor: &ActorId,
        command: E::Command,
    ) -> Result<Done, Failure>
    where
        E::Rejection: Refusal,
    {
        let is_early = |error: &CallError| *error == CallError::NotFound;
        match self.ask_while::<E>(actor, command, is_early).await {
            Err(AskError::Call(CallError::NotFound)) => Err(Failure::timed_out(format!(
                "{actor} was not made within {} ms; a retry with the same id is safe",
                self.cfg.command_ms_max
            ))),
            answer => self.seen(answer?).await,
        }
    }

    async fn seen(&self, done: Done) -> Result<Done, Failure> {
        if !self.view.reach(done.position).await {
            tracing::warn!(position = %done.position, "view did not reach a command in time");
        }
        Ok(done)
    }

    /// Asks until the answer is a real one, within the limit. An actor that was just started does not
    /// know yet who it is: it is asked again.
    async fn ask_while<E: Entity>(
        &self,
        actor: &ActorId,
        command: E::Command,
        is_early: impl Fn(&CallError) -> bool,
    ) -> Result<Done, AskError<E::Rejection>>
    where
        E::Rejection: Refusal,
    {
        let until = Instant::now() + self.command_limit();
        let pause = Duration::from_millis(self.cfg.look_again_ms.max(1));
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let error = match self.parts.cluster.ask::<E>(actor, command.clone(), left).await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            let is_early = match &error {
                AskError::Rejected(rejection) => rejection.code() == Code::Unreachable,
                AskError::Call(error) => is_early(error),
            };
            if !is_early || Instant::now() + pause >= until {
                return Err(error);
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Why an actor cannot be called.
    fn absent(&self, actor: &ActorId) -> Failure {
        let (is_over, is_coming) = self.view.read(|model| match actor {
            ActorId::Agent(id) => {
                let agents = model.agents(None);
                let state = agents.iter().find(|agent| agent.id == id.as_str());
                let state = state.map(|agent| agent.state.as_str());
                (state == Some("archived"), state.is_some())
            }
            ActorId::Project(id) => {
                let entry = model.orchestrator().projects.get(id);
                (entry.is_some_and(|entry| entry.archived), entry.is_some())
            }
            ActorId::Orchestrator | ActorId::Placement | ActorId::Node(_) => (false, false),
        });
        if is_over {
            return Failure::refused(format!("{actor} is archived"));
        }
        if is_coming {
            return Failure::unreachable(format!(
                "{actor} is not on a node yet; `callboard placement explain` says what an agent \
                 waits for"
            ));
        }
        match actor {
            ActorId::Agent(id) => {
                Failure::not_found(format!("there is no agent {id}; see `callboard agents`"))
            }
            ActorId::Project(id) => {
                Failure::not_found(format!("there is no project {id}; see `callboard projects`"))
            }
            other => Failure::not_found(format!("there is no {other}")),
        }
    }
}
