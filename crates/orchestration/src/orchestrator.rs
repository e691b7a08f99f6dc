//! What the orchestrator owes: open projects have managers, and those know share and switch.

use std::sync::Arc;

use async_trait::async_trait;
use callboard_actors::sourced::{EffectError, Executor, SourcedHandle};
use callboard_domain::EffectKey;
use callboard_domain::id::{ActorId, ProjectId};
use callboard_domain::orchestrator::{Command, Effect, Orchestrator};
use callboard_domain::project::{self, Project};

use crate::place;
use crate::retry::{self, Asked};
use crate::services::Services;

pub(crate) struct OrchestratorExecutor(pub(crate) Arc<Services>);

#[async_trait(?Send)]
impl Executor<Orchestrator> for OrchestratorExecutor {
    async fn run(
        &self,
        _key: EffectKey,
        effect: Effect,
        _me: SourcedHandle<Orchestrator>,
    ) -> Result<Vec<Command>, EffectError> {
        match effect {
            Effect::Open { spec } => self.open(*spec).await,
            Effect::Quota { project, agents_max } => {
                self.tell(&project, project::Command::Quota { agents_max }).await?;
                Ok(vec![Command::QuotaTold { project, agents_max }])
            }
            Effect::Switch { project, stopped } => {
                self.tell(&project, project::Command::Fleet { stopped }).await?;
                Ok(vec![Command::SwitchTold { project, stopped }])
            }
            Effect::Archive { project } => {
                self.tell(&project, project::Command::Archive).await?;
                Ok(vec![Command::Archived { project }])
            }
        }
    }
}

impl OrchestratorExecutor {
    async fn open(&self, spec: project::Spec) -> Result<Vec<Command>, EffectError> {
        let project = spec.id.clone();
        let actor = ActorId::Project(project.clone());
        let request = place::project_request(&self.0);
        let json =
            serde_json::to_value(&spec).map_err(|error| EffectError::new(error.to_string()))?;
        match place::place(&self.0, &actor, request, json).await? {
            Ok(()) => Ok(vec![Command::Opened { project }]),
            Err(reason) => Err(EffectError::new(reason)),
        }
    }

    async fn tell(
        &self,
        project: &ProjectId,
        command: project::Command,
    ) -> Result<(), EffectError> {
        let actor = ActorId::Project(project.clone());
        let answer = self.0.cluster.ask::<Project>(&actor, command, self.0.cfg.ask()).await;
        match retry::sort(answer)? {
            // An archived project needs neither share nor switch.
            Asked::Done | Asked::Rejected(project::Rejection::Archived) | Asked::Gone => Ok(()),
            Asked::Rejected(rejection) => Err(EffectError::new(rejection.to_string())),
        }
    }
}
