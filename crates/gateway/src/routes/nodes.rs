//! The cluster at a glance, its nodes, and why an agent is where it is.

use std::collections::BTreeMap;

use actix_web::web;
use callboard_api::agent::Agent;
use callboard_api::status::{Alert, Explanation, Leader, Leaders, Node, Status};
use callboard_cluster::directory::State as Place;
use callboard_cluster::{CallError, NodeView};
use callboard_domain::id::{ActorId, AgentId};

use super::Answer;
use crate::answer::Failure;
use crate::input;
use crate::state::State;

pub(super) async fn status(state: web::Data<State>) -> web::Json<Status> {
    web::Json(look(&state).await)
}

/// What `status` shows. What cannot be read now is left out, and an alert says so.
pub(super) async fn look(state: &State) -> Status {
    let is_behind = !state.view.catch_up().await;
    let parts = &state.parts;
    let mut alerts = parts.control.alerts();
    alerts.extend(state.view.alerts(is_behind));
    let nodes = match all_nodes(state).await {
        Ok(nodes) => nodes,
        Err(error) => {
            let subject = "gateway/nodes".to_owned();
            alerts.push(Alert { at: parts.clock.now(), subject, text: error.to_string() });
            Vec::new()
        }
    };
    let agents = match super::agents::all(state).await {
        Ok(agents) => agents,
        Err(error) => {
            let subject = "gateway/agents".to_owned();
            alerts.push(Alert { at: parts.clock.now(), subject, text: error.to_string() });
            state.view.read(|model| model.agents(None))
        }
    };
    let leaders = parts.cluster.leaders();
    let leader = |leader: callboard_cluster::Leader| Leader {
        node: leader.node.to_string(),
        epoch: leader.epoch,
    };
    state.view.read(|model| Status {
        cluster: parts.cluster_name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        substrate: parts.substrate.kind.to_owned(),
        nodes,
        leaders: Leaders {
            orchestrator: leaders.orchestrator.map(leader),
            placement: leaders.placement.map(leader),
        },
        fleet_stopped: model.fleet_stopped(),
        projects: model.projects().iter().filter(|project| project.state != "archived").count()
            as u64,
        tasks: model.task_counts(),
        agents: count(&agents),
        approvals: model.approvals().len() as u64,
        alerts,
    })
}

/// How many agents are in each state. Archived ones do not count.
fn count(agents: &[Agent]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for agent in agents.iter().filter(|agent| agent.state != "archived") {
        *counts.entry(agent.state.clone()).or_insert(0) += 1;
    }
    counts
}

pub(super) async fn nodes(state: web::Data<State>) -> Answer<Vec<Node>> {
    all_nodes(&state).await.map(web::Json)
}

async fn all_nodes(state: &State) -> Result<Vec<Node>, Failure> {
    let read = tokio::time::timeout(state.command_limit(), state.parts.cluster.nodes()).await;
    let nodes = read.map_err(|_| Failure::timed_out("the register of nodes does not answer"))??;
    Ok(nodes.into_iter().map(show_node).collect())
}

fn show_node(node: NodeView) -> Node {
    let NodeView { name, incarnation, state, report } = node;
    let mut shown = Node {
        name: name.to_string(),
        state: state.to_string(),
        incarnation: incarnation.to_string(),
        cpu_count: 0.0,
        cpu_used_pct: 0.0,
        memory_total_bytes: 0,
        memory_available_bytes: 0,
        agents: 0,
        labels: BTreeMap::new(),
        runtimes: Vec::new(),
    };
    if let Some(report) = report {
        shown.cpu_count = report.cpu.limit_millis as f64 / 1_000.0;
        shown.cpu_used_pct = report.cpu.used_pct;
        shown.memory_total_bytes = report.memory.capacity_bytes();
        shown.memory_available_bytes = report.memory.available_bytes;
        shown.agents = u64::from(report.n_agents);
        shown.labels = report.labels;
        shown.runtimes = report.runtimes.iter().map(ToString::to_string).collect();
    }
    shown
}

pub(super) async fn placement(
    state: web::Data<State>,
    path: web::Path<String>,
) -> Answer<Explanation> {
    let id: AgentId = input::parse(&path)?;
    let actor = ActorId::Agent(id.clone());
    let explained = state.parts.cluster.explain(&actor, state.command_limit()).await;
    let explanation = match explained {
        Ok(explanation) => explanation,
        Err(CallError::NotFound) => return unplaced(&state, &id).await,
        Err(error) => return Err(error.into()),
    };
    let (word, node) = match &explanation.state {
        Place::Queued => ("queued", None),
        Place::Reserved { node, .. } => ("reserved", Some(node)),
        Place::Active { node, .. } => ("active", Some(node)),
        Place::Quarantined { node, .. } => ("quarantined", Some(node)),
        Place::Released => ("released", None),
    };
    let mut lines = explanation.text.lines().map(ToOwned::to_owned);
    Ok(web::Json(Explanation {
        agent: id.to_string(),
        state: word.to_owned(),
        node: node.map(ToString::to_string),
        summary: lines.next().unwrap_or_default(),
        reasons: lines.collect(),
    }))
}

/// An agent that placement does not know: its project may not have asked for it yet.
async fn unplaced(state: &State, id: &AgentId) -> Answer<Explanation> {
    let agent = state.view.fresh(|model| model.agent_detail(id)).await;
    let agent = agent.ok_or_else(|| {
        Failure::not_found(format!("there is no agent {id}; see `callboard agents`"))
    })?;
    Ok(web::Json(Explanation {
        agent: id.to_string(),
        state: "unknown".to_owned(),
        node: None,
        summary: format!("it is {}, and nobody asks for a place for it now", agent.agent.state),
        reasons: Vec::new(),
    }))
}
