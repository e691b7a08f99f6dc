//! The states of all actors as somebody sees them who follows the log: how the played person knows
//! what to answer, and how a run knows that it has settled.

use std::collections::BTreeMap;

use callboard_domain::agent::{self, Agent};
use callboard_domain::id::{AgentId, ProjectId};
use callboard_domain::orchestrator::{self, Orchestrator};
use callboard_domain::project::{self, Project};
use callboard_domain::{Entity, id::ActorId};
use callboard_substrate::EventLog;
use callboard_substrate::log::{Position, Stored};
use callboard_substrate::seal;

use crate::history::{Body, decode};

/// Commits per read.
const N_PAGE: usize = 1_000;

/// The folded states.
#[derive(Debug, Default)]
pub struct Views {
    /// The orchestrator.
    pub orchestrator: orchestrator::State,
    /// The projects.
    pub projects: BTreeMap<ProjectId, project::State>,
    /// The agents.
    pub agents: BTreeMap<AgentId, agent::State>,
    /// What was over its bound, as it was seen.
    pub over: Vec<String>,
    seen: Position,
}

impl Views {
    /// Reads on. A log that does not answer is asked the next time.
    pub async fn follow(&mut self, log: &dyn EventLog) {
        while let Ok(page) = log.read_all(self.seen, N_PAGE).await {
            for stored in &page {
                self.seen = stored.position;
                self.see(stored);
            }
            if page.len() < N_PAGE {
                return;
            }
        }
    }

    fn see(&mut self, stored: &Stored) {
        let actor = ActorId::from_stream(stored.stream.as_str());
        let sealed = seal::open(&stored.bytes);
        let (Some(actor), Ok(sealed)) = (actor, sealed) else { return };
        match (&actor, decode(&actor, sealed.body)) {
            (_, Ok(Body::Orchestrator(events))) => {
                apply::<Orchestrator>(&mut self.orchestrator, &events);
            }
            (ActorId::Project(id), Ok(Body::Project(events))) => {
                let state = self.projects.entry(id.clone()).or_default();
                apply::<Project>(state, &events);
                self.over.extend(project_over(state).map(|over| format!("{actor}: {over}")));
            }
            (ActorId::Agent(id), Ok(Body::Agent(events))) => {
                let state = self.agents.entry(id.clone()).or_default();
                apply::<Agent>(state, &events);
                self.over.extend(agent_over(state).map(|over| format!("{actor}: {over}")));
            }
            _ => {}
        }
    }
}

fn apply<E: Entity>(state: &mut E::State, events: &[E::Event]) {
    for event in events {
        E::apply(state, event);
    }
}

fn over(what: &str, n: usize, n_max: usize) -> Option<String> {
    (n > n_max).then(|| format!("{n} {what} of at most {n_max}"))
}

/// What of a project is over its bound: pure.
#[must_use]
pub fn project_over(state: &project::State) -> Option<String> {
    let limits = state.limits();
    let n_owed = state.outbox.len();
    // Per task a timer, an assignment or merge and a cancel; per seat a placing, a switch, a timer.
    let n_owed_max = 16 + 8 * (state.tasks.len() + state.n_agents as usize);
    over("waiting messages", state.inbox.n_waiting(), limits.inbox_max)
        // Resolvers of conflicts come on top of what was submitted.
        .or_else(|| over("tasks", state.tasks.len(), 2 * limits.tasks_max))
        .or_else(|| over("effects", n_owed, n_owed_max))
}

/// What of an agent is over its bound: pure.
#[must_use]
pub fn agent_over(state: &agent::State) -> Option<String> {
    let limits = state.limits();
    over("waiting messages", state.inbox.n_waiting(), limits.inbox_max)
        .or_else(|| over("approvals", state.approvals.len(), limits.approvals_max + 1))
        .or_else(|| over("losses", state.losses.len(), limits.restarts_max as usize + 1))
        .or_else(|| {
            over("effects", state.outbox.len(), 16 + limits.inbox_max + limits.approvals_max)
        })
}
