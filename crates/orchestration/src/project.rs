//! What a project manager owes: agents, assignments, merges, reviews.

use std::sync::Arc;

use async_trait::async_trait;
use callboard_actors::sourced::{EffectError, Executor, SourcedHandle};
use callboard_agent::workspace::{self, CheckSpec, Fence, Integrate};
use callboard_cluster::directory::{Record, State};
use callboard_cluster::{AskError, CallError};
use callboard_domain::agent::{self, Agent};
use callboard_domain::fleet::Priority;
use callboard_domain::id::{ActorId, AgentId, ProjectId};
use callboard_domain::project::{
    Command, Effect, Evidence, Integration, Project, ReviewOutcome, Spec,
};
use callboard_domain::task::{Brief, Published};
use callboard_domain::{EffectKey, Entity, record};
use callboard_stdx::error::chain;
use callboard_substrate::log::Version;
use callboard_substrate::name::Stream;
use callboard_substrate::seal;

use crate::place;
use crate::retry::{self, Asked};
use crate::services::Services;
use crate::translate;

/// Commits per read of an agent's log.
const N_PAGE: usize = 512;

pub(crate) struct ProjectExecutor {
    pub(crate) services: Arc<Services>,
    pub(crate) spec: Spec,
    pub(crate) epoch: u64,
}

#[async_trait(?Send)]
impl Executor<Project> for ProjectExecutor {
    async fn run(
        &self,
        _key: EffectKey,
        effect: Effect,
        _me: SourcedHandle<Project>,
    ) -> Result<Vec<Command>, EffectError> {
        match effect {
            Effect::Place { agent, priority } => self.place(*agent, priority).await,
            Effect::Assign { agent, brief } => self.assign(agent, *brief).await,
            Effect::CancelTask { agent, attempt } => {
                let command = agent::Command::CancelTask { attempt: attempt.clone() };
                self.tell(&agent, command).await?;
                Ok(vec![Command::TaskCancelled { attempt }])
            }
            Effect::Dismiss { agent } => self.dismiss(agent).await,
            Effect::Switch { agent, on } => {
                let reason = "its project was stopped".to_owned();
                let command = if on {
                    agent::Command::Start { fleet: true }
                } else {
                    agent::Command::Stop { reason, fleet: true }
                };
                self.tell(&agent, command).await?;
                Ok(vec![Command::Switched { agent, on }])
            }
            Effect::Integrate { published, title, check, check_s_max } => {
                self.integrate(&published, title, check, check_s_max).await
            }
            Effect::Review { id, accept, into } => {
                let outcome = self.review(accept, into.as_deref()).await?;
                Ok(vec![Command::Reviewed { id, outcome }])
            }
            // Workspaces of dismissed agents are removed by the node that holds them, see `cleanup`.
            Effect::Cleanup => Ok(vec![Command::CleanedUp]),
            Effect::Release => self.release().await,
            Effect::Timer { .. } => Ok(Vec::new()),
        }
    }
}

impl ProjectExecutor {
    fn id(&self) -> &ProjectId {
        &self.spec.id
    }

    async fn place(
        &self,
        spec: agent::Spec,
        priority: Priority,
    ) -> Result<Vec<Command>, EffectError> {
        let agent = spec.id.clone();
        let actor = ActorId::Agent(agent.clone());
        let request = place::agent_request(&self.services, &spec.runtime, priority);
        let json =
            serde_json::to_value(&spec).map_err(|error| EffectError::new(error.to_string()))?;
        Ok(vec![match place::place(&self.services, &actor, request, json).await? {
            Ok(()) => Command::Placed { agent },
            Err(reason) => Command::PlaceFailed { agent, reason },
        }])
    }

    async fn assign(&self, agent: AgentId, brief: Brief) -> Result<Vec<Command>, EffectError> {
        let attempt = brief.attempt.clone();
        let command = agent::Command::Assign { brief: Box::new(brief) };
        let actor = ActorId::Agent(agent);
        let answer =
            self.services.cluster.ask::<Agent>(&actor, command, self.services.cfg.ask()).await;
        // It is quarantined: it will not come back by itself, another agent must do it.
        if let Err(AskError::Call(CallError::Failed { reason })) = answer {
            return Ok(vec![Command::AssignRefused { attempt, reason }]);
        }
        let reason = match retry::sort(answer)? {
            Asked::Done => return Ok(vec![Command::Assigned { attempt }]),
            // It is still letting go of the task before, or being created.
            Asked::Rejected(
                rejection @ (agent::Rejection::Busy(_) | agent::Rejection::NotCreated),
            ) => return Err(EffectError::new(rejection.to_string())),
            Asked::Rejected(rejection) => rejection.to_string(),
            Asked::Gone => "the agent is gone".to_owned(),
        };
        Ok(vec![Command::AssignRefused { attempt, reason }])
    }

    /// Tells an agent something that a gone or archived agent need not know.
    async fn tell(&self, agent: &AgentId, command: agent::Command) -> Result<(), EffectError> {
        let actor = ActorId::Agent(agent.clone());
        let answer =
            self.services.cluster.ask::<Agent>(&actor, command, self.services.cfg.ask()).await;
        match retry::sort(answer)? {
            Asked::Done | Asked::Gone | Asked::Rejected(agent::Rejection::Archived) => Ok(()),
            Asked::Rejected(rejection) => Err(EffectError::new(rejection.to_string())),
        }
    }

    async fn dismiss(&self, agent: AgentId) -> Result<Vec<Command>, EffectError> {
        let actor = ActorId::Agent(agent.clone());
        let deadline = self.services.cfg.ask();
        let placed = self.services.cluster.directory().get(&actor).await;
        let placed = placed.map_err(|error| EffectError::new(error.to_string()))?;
        match &placed {
            Some(Record { state: State::Reserved { .. } | State::Active { .. }, .. }) => {
                let command = agent::Command::Archive;
                match retry::sort(
                    self.services.cluster.ask::<Agent>(&actor, command, deadline).await,
                )? {
                    Asked::Done | Asked::Rejected(agent::Rejection::Archived) => {}
                    Asked::Rejected(rejection) => {
                        return Err(EffectError::new(rejection.to_string()));
                    }
                    Asked::Gone => return Err(EffectError::new("it is on its way out or in")),
                }
            }
            // It has lived, so that its log must end; after a restart of its node it waits for room.
            Some(Record { state: State::Queued, epoch: 1.., .. }) => {
                return Err(EffectError::new("it waits for room to be archived"));
            }
            // What is in quarantine cannot end.
            Some(Record { state: State::Quarantined { .. }, .. }) => self.give_back(&actor).await?,
            Some(Record { state: State::Released, .. }) => self.check_ended(&actor).await?,
            Some(Record { state: State::Queued, .. }) | None => {
                self.give_back(&actor).await?;
                self.check_ended(&actor).await?;
            }
        }
        Ok(vec![Command::Dismissed { agent }])
    }

    async fn give_back(&self, actor: &ActorId) -> Result<(), EffectError> {
        let released = self.services.cluster.release(actor, self.services.cfg.ask()).await;
        released.map_err(|error| EffectError::new(error.to_string()))
    }

    /// An agent that got its place just when it was given back has a log that does not end: it is
    /// wanted again, to be archived.
    async fn check_ended(&self, actor: &ActorId) -> Result<(), EffectError> {
        let Some(spec) = self.unended(actor).await? else { return Ok(()) };
        let json = serde_json::to_value(&spec).map_err(|error| failed(&error))?;
        let request = place::agent_request(&self.services, &spec.runtime, Priority::High);
        place::place(&self.services, actor, request, json).await?.map_err(EffectError::new)?;
        Err(EffectError::new("it got its place meanwhile"))
    }

    /// What an agent is, by its log, where that has a beginning and no end.
    async fn unended(&self, actor: &ActorId) -> Result<Option<agent::Spec>, EffectError> {
        let stream = Stream::new(actor.stream()).expect("an actor's id is made of legal tokens");
        let (mut state, mut after) = (agent::State::default(), Version::EMPTY);
        loop {
            let page = self.services.substrate.log.read(&stream, after, N_PAGE).await;
            let page = page.map_err(|error| failed(&error))?;
            for stored in &page {
                after = stored.version;
                let sealed = seal::open(&stored.bytes).map_err(|error| failed(&error))?;
                let events =
                    record::decode::<Agent>(sealed.body).map_err(|error| failed(&error))?;
                events.iter().for_each(|event| Agent::apply(&mut state, event));
            }
            if page.len() < N_PAGE {
                return Ok(state.spec.filter(|_| state.phase != agent::Phase::Archived));
            }
        }
    }

    async fn integrate(
        &self,
        published: &Published,
        title: String,
        check: Option<String>,
        check_s_max: u32,
    ) -> Result<Vec<Command>, EffectError> {
        let attempt = published.attempt.clone();
        let request = Integrate {
            project: self.id().clone(),
            published: translate::to_port(published)?,
            source: translate::source(&self.spec.source),
            start: translate::commit(&self.spec.start)?,
            check: check
                .map(|command| CheckSpec { command, deadline_ms: u64::from(check_s_max) * 1_000 }),
            title,
        };
        let fence = Owner { services: &self.services, project: self.id(), epoch: self.epoch };
        let integration = match self.services.workspaces.integrate(&request, &fence).await {
            Ok(integration) => outcome(integration, published),
            Err(error) if error.retryable() => return Err(EffectError::new(chain(&error))),
            Err(error) => Integration::Failed { reason: chain(&error) },
        };
        Ok(vec![Command::Integrated { attempt, integration }])
    }

    async fn review(&self, accept: bool, into: Option<&str>) -> Result<ReviewOutcome, EffectError> {
        let source = translate::source(&self.spec.source);
        let workspaces = &self.services.workspaces;
        let outcome = if accept {
            workspaces.accept(self.id(), &source, into).await.map(accepted)
        } else {
            workspaces.discard(self.id(), &source).await.map(discarded)
        };
        match outcome {
            Ok(outcome) => Ok(outcome),
            Err(error) => Ok(ReviewOutcome::Refused { reason: chain(&error) }),
        }
    }

    async fn release(&self) -> Result<Vec<Command>, EffectError> {
        self.give_back(&ActorId::Project(self.id().clone())).await?;
        Ok(vec![Command::Released])
    }
}

fn failed(error: &dyn std::error::Error) -> EffectError {
    EffectError::new(error.to_string())
}

fn outcome(integration: workspace::Integration, published: &Published) -> Integration {
    match integration {
        workspace::Integration::Merged { commit, already: _, evidence } => {
            let check = evidence.as_ref().map(|evidence| evidence.command.clone());
            Integration::Merged {
                evidence: Evidence {
                    commit: commit.to_string(),
                    check,
                    check_ms: evidence.as_ref().map_or(0, |evidence| evidence.duration_ms),
                    output: evidence.map(|evidence| evidence.output_tail).unwrap_or_default(),
                },
            }
        }
        workspace::Integration::Conflict { files } => Integration::Conflict { files },
        workspace::Integration::CheckFailed(evidence) => {
            let exit = evidence.exit_code.map_or_else(
                || "it was ended by a signal".to_owned(),
                |code| format!("exit code {code}"),
            );
            let output =
                format!("`{}` failed ({exit}):\n{}", evidence.command, evidence.output_tail);
            Integration::CheckFailed { output }
        }
        workspace::Integration::CheckTimedOut(evidence) => Integration::CheckFailed {
            output: format!(
                "`{}` did not end within {} s and was killed:\n{}",
                evidence.command,
                evidence.duration_ms / 1_000,
                evidence.output_tail
            ),
        },
        workspace::Integration::NoCommit => Integration::Failed {
            reason: format!("{} has no commit that the project lacks", published.attempt),
        },
    }
}

fn accepted(acceptance: workspace::Acceptance) -> ReviewOutcome {
    use workspace::Acceptance;
    let refused = |reason: String| ReviewOutcome::Refused { reason };
    match acceptance {
        Acceptance::Accepted { branch, commit, .. }
        | Acceptance::AlreadyAccepted { branch, commit } => {
            ReviewOutcome::Accepted { branch, commit: commit.to_string() }
        }
        Acceptance::Conflict { files } => refused(format!(
            "it conflicts with your branch in {}; merge it yourself, nothing was changed",
            files.join(", ")
        )),
        Acceptance::Dirty { files } => refused(format!(
            "you have uncommitted changes in {}; commit or stash them first, nothing was changed",
            files.join(", ")
        )),
        Acceptance::Refused { reason } => refused(reason),
        Acceptance::Nothing => refused("the project has no result".to_owned()),
    }
}

fn discarded(discard: workspace::Discard) -> ReviewOutcome {
    match discard {
        workspace::Discard::Discarded { kept, .. } => ReviewOutcome::Discarded { kept_as: kept },
        workspace::Discard::Refused { reason } => ReviewOutcome::Refused { reason },
        workspace::Discard::Nothing => {
            ReviewOutcome::Refused { reason: "the project has no result".to_owned() }
        }
    }
}

/// Whether this incarnation still owns the project: asked before a branch moves.
struct Owner<'a> {
    services: &'a Services,
    project: &'a ProjectId,
    epoch: u64,
}

#[async_trait]
impl Fence for Owner<'_> {
    async fn holds(&self) -> bool {
        let actor = ActorId::Project(self.project.clone());
        self.services.cluster.local_epoch(&actor) == Some(self.epoch)
    }
}
