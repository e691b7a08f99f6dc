//! Carries out one effect of an agent.

use std::sync::Arc;

use async_trait::async_trait;
use callboard_actors::sourced::{EffectError, Executor, SourcedHandle};
use callboard_agent::event::PermissionAnswer;
use callboard_agent::runtime::SessionError;
use callboard_agent::workspace::{Checkpointed, Publication, Uncommitted};
use callboard_domain::EffectKey;
use callboard_domain::agent::{Agent, Checkpoint, Command, Effect, SeatStatus, SessionFact, Spec};
use callboard_domain::id::{ActorId, ProjectId};
use callboard_domain::project::{self, Project};
use callboard_domain::task::Brief;

use crate::agent::run::Run;
use crate::agent::slot::{Control, Live};
use crate::retry::{self, Asked};
use crate::services::Services;
use crate::translate;
use callboard_stdx::error::chain;

pub(crate) struct AgentExecutor {
    pub(crate) services: Arc<Services>,
    pub(crate) spec: Spec,
    pub(crate) epoch: u64,
}

#[async_trait(?Send)]
impl Executor<Agent> for AgentExecutor {
    async fn run(
        &self,
        _key: EffectKey,
        effect: Effect,
        me: SourcedHandle<Agent>,
    ) -> Result<Vec<Command>, EffectError> {
        match effect {
            Effect::Run { run, brief, resume, checkpoint } => {
                let brief = brief.map(|brief| *brief);
                let (services, spec) = (Arc::clone(&self.services), self.spec.clone());
                let epoch = self.epoch;
                Run { services, spec, epoch, run, brief, resume, checkpoint, me }.go().await
            }
            Effect::Prompt { run, prompt, text } => {
                let order = Control::Prompt { id: prompt, text };
                match self.order(run, order).await? {
                    // The proof is the program's own word; until then the effect is under way.
                    Ok(()) => std::future::pending().await,
                    Err(SessionError::Busy) => Err(EffectError::new("the program is busy")),
                    Err(error) => {
                        let reason = error.to_string();
                        let fact = SessionFact::PromptFailed { prompt, reason };
                        Ok(vec![Command::Session { run, fact }])
                    }
                }
            }
            Effect::Interrupt { run } => match self.order(run, Control::Interrupt).await? {
                Ok(()) | Err(SessionError::Gone) => std::future::pending().await,
                Err(error) => Err(EffectError::new(error.to_string())),
            },
            Effect::Answer { run, approval, request, allow, reason } => {
                let answer =
                    if allow { PermissionAnswer::Allow } else { PermissionAnswer::Deny { reason } };
                match self.order(run, Control::Answer { request, answer }).await? {
                    Ok(()) | Err(SessionError::Gone) => {
                        Ok(vec![Command::AnswerGiven { id: approval }])
                    }
                    Err(error) => Err(EffectError::new(error.to_string())),
                }
            }
            Effect::Checkpoint { seq, session } => self.checkpoint(seq, session).await,
            Effect::Publish { brief } => self.publish(&brief).await,
            Effect::Report { project, attempt, outcome } => {
                let command = project::Command::TaskEnded { attempt: attempt.clone(), outcome };
                self.report(&project, command).await?;
                Ok(vec![Command::Reported { attempt }])
            }
            Effect::Seat { project, status } => self.seat(&project, status).await,
            Effect::Release => self.release().await,
            Effect::Timer { .. } => Ok(Vec::new()),
        }
    }
}

/// Whether there was a project to hear it.
enum Heard {
    Yes,
    Gone,
}

impl AgentExecutor {
    fn live(&self) -> Option<Live> {
        self.services.slots.of(&self.spec.id).live()
    }

    /// Tells the running program something. An outer error: it does not run yet.
    async fn order(
        &self,
        run: u64,
        control: Control,
    ) -> Result<Result<(), SessionError>, EffectError> {
        let slot = self.services.slots.of(&self.spec.id);
        if slot.live().is_none_or(|live| live.run < run) {
            return Err(EffectError::new("the program does not run yet"));
        }
        Ok(slot.order(run, control).await)
    }

    async fn checkpoint(
        &self,
        seq: u64,
        session: Option<String>,
    ) -> Result<Vec<Command>, EffectError> {
        let Some(Live { workspace: Some(workspace), files, .. }) = self.live() else {
            let reason = "no program runs in a workspace".to_owned();
            return Ok(vec![Command::CheckpointFailed { seq, reason }]);
        };
        let files = session.as_deref().map(|session| files(session)).unwrap_or_default();
        let taken = self.services.workspaces.checkpoint(&workspace, &files, seq).await;
        Ok(vec![match taken {
            Ok(Checkpointed::Taken(taken)) => {
                let checkpoint = Checkpoint {
                    blob: taken.blob,
                    seq: taken.seq,
                    commit: taken.commit.to_string(),
                    bytes: taken.bytes,
                    sha256: taken.sha256,
                    session,
                    at: self.services.clock.now(),
                };
                Command::CheckpointTaken { seq, checkpoint: Some(Box::new(checkpoint)) }
            }
            Ok(Checkpointed::Unchanged(_)) => Command::CheckpointTaken { seq, checkpoint: None },
            Ok(Checkpointed::TooLarge { bytes, bytes_max, missing }) => {
                let reason = format!(
                    "it would have {bytes} bytes of at most {bytes_max}; not in any checkpoint: {}",
                    missing.join(", ")
                );
                Command::CheckpointFailed { seq, reason }
            }
            Err(error) => Command::CheckpointFailed { seq, reason: chain(&error) },
        }])
    }

    async fn publish(&self, brief: &Brief) -> Result<Vec<Command>, EffectError> {
        let attempt = brief.attempt.clone();
        let Some(Live { workspace: Some(workspace), .. }) = self.live() else {
            return Err(EffectError::new("the workspace is not ready yet"));
        };
        if workspace.task != attempt.task || workspace.attempt != attempt.n {
            return Err(EffectError::new("the workspace is on another try"));
        }
        let published = self.services.workspaces.publish(&workspace, Uncommitted::Commit).await;
        let published = match published {
            Ok(Publication::Published(published)) => Some(translate::from_port(published)),
            Ok(Publication::NoCommit { .. }) => None,
            Err(error) if error.retryable() => return Err(EffectError::new(chain(&error))),
            Err(error) => {
                return Ok(vec![Command::PublishFailed { attempt, reason: chain(&error) }]);
            }
        };
        Ok(vec![Command::Published { attempt, published }])
    }

    async fn seat(
        &self,
        project: &ProjectId,
        status: SeatStatus,
    ) -> Result<Vec<Command>, EffectError> {
        let command = project::Command::Seat { agent: self.spec.id.clone(), status };
        match self.report(project, command).await? {
            Heard::Yes => Ok(vec![Command::SeatTold]),
            // It was placed when its project was over already: nobody else would end it.
            Heard::Gone => Ok(vec![Command::SeatTold, Command::Archive]),
        }
    }

    /// Tells the project something that a gone or archived project need not know.
    async fn report(
        &self,
        project: &ProjectId,
        command: project::Command,
    ) -> Result<Heard, EffectError> {
        let actor = ActorId::Project(project.clone());
        let deadline = self.services.cfg.ask();
        match retry::sort(self.services.cluster.ask::<Project>(&actor, command, deadline).await)? {
            Asked::Done | Asked::Rejected(project::Rejection::Archived) => Ok(Heard::Yes),
            Asked::Gone => Ok(Heard::Gone),
            Asked::Rejected(rejection) => Err(EffectError::new(rejection.to_string())),
        }
    }

    async fn release(&self) -> Result<Vec<Command>, EffectError> {
        let actor = ActorId::Agent(self.spec.id.clone());
        // Before the release, which ends this very actor. An archived agent never runs again.
        self.services.slots.forget(&self.spec.id);
        let released = self.services.cluster.release(&actor, self.services.cfg.ask()).await;
        released.map_err(|error| EffectError::new(error.to_string()))?;
        Ok(vec![Command::Released])
    }
}
