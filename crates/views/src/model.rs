//! The fold: every actor's state, rebuilt from the events that the log holds.

use std::collections::{BTreeMap, VecDeque};

use callboard_domain::Entity;
use callboard_domain::agent::{self, Agent, Phase};
use callboard_domain::id::{ActorId, AgentId, ApprovalId, MessageId, ProjectId, TaskId};
use callboard_domain::message::{Inbox, Receipt};
use callboard_domain::orchestrator::{self, Orchestrator};
use callboard_domain::project::{self, Project};
use callboard_domain::record::{self, BadRecord};
use serde::{Deserialize, Serialize};

/// The limits of a view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Archived agents that are still shown; older ones are in the log only.
    pub archived_agents_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { archived_agents_max: 1_000 }
    }
}

/// Why a commit could not be folded. The view goes on without it; the log has it.
#[derive(Debug, thiserror::Error)]
#[error("failed to fold a commit of {actor}")]
pub struct Unreadable {
    /// Whose commit it is.
    pub actor: ActorId,
    /// What is wrong with it.
    #[source]
    pub source: BadRecord,
}

/// Every actor's state.
#[derive(Debug, Default)]
pub struct Model {
    cfg: Config,
    pub(crate) orchestrator: orchestrator::State,
    pub(crate) projects: BTreeMap<ProjectId, project::State>,
    pub(crate) agents: BTreeMap<AgentId, agent::State>,
    archived: VecDeque<AgentId>,
}

impl Model {
    /// An empty view.
    #[must_use]
    pub fn new(cfg: Config) -> Self {
        Self { cfg, ..Self::default() }
    }

    /// Folds the events of one commit, in the order of the log.
    ///
    /// # Errors
    /// [`Unreadable`]; nothing of the commit is folded.
    pub fn feed(&mut self, actor: &ActorId, body: &[u8]) -> Result<(), Unreadable> {
        let folded = match actor {
            ActorId::Orchestrator => fold::<Orchestrator>(&mut self.orchestrator, body),
            ActorId::Project(id) => {
                fold::<Project>(self.projects.entry(id.clone()).or_default(), body)
            }
            ActorId::Agent(id) => self.feed_agent(id, body),
            ActorId::Placement | ActorId::Node(_) => Ok(()),
        };
        folded.map_err(|source| Unreadable { actor: actor.clone(), source })
    }

    fn feed_agent(&mut self, id: &AgentId, body: &[u8]) -> Result<(), BadRecord> {
        let state = self.agents.entry(id.clone()).or_default();
        let was_archived = state.phase == Phase::Archived;
        fold::<Agent>(state, body)?;
        if state.phase == Phase::Archived && !was_archived {
            self.archived.push_back(id.clone());
        }
        if self.archived.len() > self.cfg.archived_agents_max
            && let Some(oldest) = self.archived.pop_front()
        {
            self.agents.remove(&oldest);
        }
        Ok(())
    }

    /// The orchestrator.
    #[must_use]
    pub fn orchestrator(&self) -> &orchestrator::State {
        &self.orchestrator
    }

    /// A project.
    #[must_use]
    pub fn project(&self, id: &ProjectId) -> Option<&project::State> {
        self.projects.get(id)
    }

    /// An agent.
    #[must_use]
    pub fn agent(&self, id: &AgentId) -> Option<&agent::State> {
        self.agents.get(id)
    }

    /// The project of a task.
    #[must_use]
    pub fn project_of_task(&self, id: &TaskId) -> Option<&ProjectId> {
        self.projects.iter().find(|(_, state)| state.tasks.contains_key(id)).map(|(id, _)| id)
    }

    /// The agent whose permission request this is.
    #[must_use]
    pub fn agent_of_approval(&self, id: ApprovalId) -> Option<&AgentId> {
        self.agents.iter().find(|(_, state)| state.approvals.contains_key(&id)).map(|(id, _)| id)
    }

    /// What became of a message, and whose it is.
    #[must_use]
    pub fn receipt(&self, id: MessageId) -> Option<(ActorId, &Receipt)> {
        let find = |inbox: &'_ Inbox| inbox.receipt(id).is_some();
        if find(&self.orchestrator.inbox) {
            return self.orchestrator.inbox.receipt(id).map(|r| (ActorId::Orchestrator, r));
        }
        let of_project = self.projects.iter().find(|(_, state)| find(&state.inbox));
        if let Some((project, state)) = of_project {
            return state.inbox.receipt(id).map(|r| (ActorId::Project(project.clone()), r));
        }
        let (agent, state) = self.agents.iter().find(|(_, state)| find(&state.inbox))?;
        state.inbox.receipt(id).map(|r| (ActorId::Agent(agent.clone()), r))
    }
}

fn fold<E: Entity>(state: &mut E::State, body: &[u8]) -> Result<(), BadRecord> {
    for event in record::decode::<E>(body)? {
        E::apply(state, &event);
    }
    Ok(())
}
