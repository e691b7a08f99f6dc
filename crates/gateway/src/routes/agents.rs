//! Agents: list, show, what they say, create, stop, start, archive.

use std::collections::BTreeMap;

use actix_web::web;
use callboard_api::agent as api;
use callboard_api::request::{NewAgent, Reason};
use callboard_cluster::Placed;
use callboard_cluster::directory::{Record, State as Place};
use callboard_domain::agent::{Agent, Command, Spec};
use callboard_domain::id::{ActorId, AgentId, ProjectId, Role};
use callboard_placement::Request;
use callboard_stdx::task;
use serde::Deserialize;

use super::Answer;
use crate::answer::Failure;
use crate::input;
use crate::state::State;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    project: Option<String>,
}

pub(super) async fn list(
    state: web::Data<State>,
    filter: web::Query<Filter>,
) -> Answer<Vec<api::Agent>> {
    let project: Option<ProjectId> = filter.project.as_deref().map(input::parse).transpose()?;
    state.view.catch_up().await;
    let mut agents = all(&state).await?;
    if let Some(project) = project {
        if !state.view.read(|model| model.orchestrator().projects.contains_key(&project)) {
            return Err(super::projects::unknown(&project));
        }
        agents.retain(|agent| agent.project.as_deref() == Some(project.as_str()));
    }
    Ok(web::Json(agents))
}

/// The agents of the view, with what only the directory knows: those made by a person that wait for
/// a node, and those that the node gave up.
pub(super) async fn all(state: &State) -> Result<Vec<api::Agent>, Failure> {
    let directory = state.parts.cluster.directory();
    let records = tokio::time::timeout(state.command_limit(), directory.list()).await;
    let records = records
        .map_err(|_| Failure::timed_out("the directory does not answer"))?
        .map_err(|error| Failure::unreachable(error.to_string()))?;
    let shown = state.view.read(|model| model.agents(None));
    let mut agents: BTreeMap<_, _> =
        shown.into_iter().map(|agent| (agent.id.clone(), agent)).collect();
    for record in records {
        let ActorId::Agent(id) = &record.actor else { continue };
        match agents.get_mut(id.as_str()) {
            Some(agent) => add_place(agent, &record),
            None => agents.extend(requested(&record).map(|agent| (id.to_string(), agent))),
        }
    }
    Ok(agents.into_values().collect())
}

/// Adds what the directory knows of an agent.
fn add_place(agent: &mut api::Agent, record: &Record) {
    match &record.state {
        Place::Quarantined { node, reason } => {
            agent.state = "quarantined".to_owned();
            agent.node = Some(node.to_string());
            agent.reason = Some(reason.clone());
        }
        Place::Queued if agent.state == "requested" => {
            agent.reason = record.why.lines().next().map(ToOwned::to_owned);
        }
        _ => {}
    }
}

/// An agent without an event: it waits for a node.
fn requested(record: &Record) -> Option<api::Agent> {
    if !record.is_wanted() {
        return None;
    }
    let spec: Spec = serde_json::from_value(record.spec.clone()).ok()?;
    let mut agent = waiting(&spec, record.why.lines().next().unwrap_or_default());
    agent.node = record.node().map(ToString::to_string);
    add_place(&mut agent, record);
    Some(agent)
}

fn waiting(spec: &Spec, why: &str) -> api::Agent {
    api::Agent {
        id: spec.id.to_string(),
        role: spec.role.to_string(),
        project: spec.project.as_ref().map(ToString::to_string),
        state: "requested".to_owned(),
        node: None,
        epoch: 0,
        runtime: spec.runtime.to_string(),
        task: None,
        pid: None,
        restarts: 0,
        reason: Some(why.to_owned()).filter(|why| !why.is_empty()),
    }
}

pub(super) async fn show(
    state: web::Data<State>,
    path: web::Path<String>,
) -> Answer<api::AgentDetail> {
    let id: AgentId = input::parse(&path)?;
    let detail = state.view.fresh(|model| model.agent_detail(&id)).await;
    let record = place(&state, &id).await?;
    let detail = match (detail, record) {
        (Some(mut detail), record) => {
            if let Some(record) = record {
                add_place(&mut detail.agent, &record);
            }
            Some(detail)
        }
        (None, Some(record)) => requested(&record).map(api::AgentDetail::without_events),
        (None, None) => None,
    };
    detail.map(web::Json).ok_or_else(|| unknown(&id))
}

async fn place(state: &State, id: &AgentId) -> Result<Option<Record>, Failure> {
    let record = state.parts.cluster.directory().get(&ActorId::Agent(id.clone())).await;
    record.map_err(|error| Failure::unreachable(error.to_string()))
}

fn unknown(id: &AgentId) -> Failure {
    Failure::not_found(format!("there is no agent {id}; see `callboard agents`"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct After {
    after: Option<u64>,
}

pub(super) async fn logs(
    state: web::Data<State>,
    path: web::Path<String>,
    query: web::Query<After>,
) -> Answer<api::Output> {
    let id: AgentId = input::parse(&path)?;
    let is_known = state.view.fresh(|model| model.agent_detail(&id).is_some()).await;
    if !is_known && place(&state, &id).await?.is_none() {
        return Err(unknown(&id));
    }
    let output = std::sync::Arc::clone(&state.parts.output);
    let (after, bytes_max) = (query.after, state.cfg.answer_bytes_max);
    let read = task::spawn_blocking("read-output", move || output.read(&id, after, bytes_max));
    let chunk = read.await.map_err(|error| {
        Failure::failed(format!("failed to read what the agent's program said: {error}"))
    })?;
    Ok(web::Json(api::Output { text: chunk.text, next: chunk.next }))
}

pub(super) async fn create(state: web::Data<State>, body: web::Bytes) -> Answer<api::Agent> {
    let NewAgent { id, role, runtime, model } = input::body(&body)?;
    let id: AgentId = input::parse(&id)?;
    let role: Role = input::parse(&role)?;
    let runtime = match runtime {
        Some(name) => input::parse(&name)?,
        None => state.default_runtime()?,
    };
    state.check_runtime(&runtime).await?;
    let defaults = &state.parts.defaults;
    let model = model.or_else(|| defaults.models.get(runtime.as_str()).cloned());
    let limits = defaults.agent_limits.clone();
    let spec = Spec { id: id.clone(), role, project: None, runtime, model, limits };
    refuse_taken(&state, &spec).await?;
    let request = Request {
        cpu_millis: state.cfg.agent_cpu_millis,
        memory_bytes: state.cfg.agent_memory_bytes,
        runtime: Some(spec.runtime.clone()),
        ..Request::default()
    };
    let json = serde_json::to_value(&spec).expect("a spec has only string keys");
    let (actor, limit) = (ActorId::Agent(id.clone()), state.command_limit());
    match state.parts.cluster.ensure(&actor, request, json, limit).await? {
        Placed::Queued { explanation } => Ok(web::Json(waiting(&spec, &explanation))),
        Placed::Active { .. } => {
            let made = state.view.soon(|model| model.agent_detail(&id)).await;
            let made = made.map(|detail| detail.agent);
            Ok(web::Json(made.unwrap_or_else(|| waiting(&spec, "it is starting"))))
        }
    }
}

/// Refuses a name that another agent has or had. A repeat of the same request is the same agent.
async fn refuse_taken(state: &State, spec: &Spec) -> Result<(), Failure> {
    let known = state.view.fresh(|model| model.agent_detail(&spec.id)).await;
    let of_view = known.map(|detail| detail.agent);
    let record = place(state, &spec.id).await?;
    let of_directory = record.as_ref().and_then(requested);
    let Some(agent) = of_view.or(of_directory) else { return Ok(()) };
    let is_same = agent.project.is_none()
        && agent.state != "archived"
        && agent.role == spec.role.as_str()
        && agent.runtime == spec.runtime.as_str();
    if is_same {
        return Ok(());
    }
    Err(Failure::refused(format!(
        "the name {} is taken by an agent with role {} that is {}; choose another",
        spec.id, agent.role, agent.state
    )))
}

pub(super) async fn stop(
    state: web::Data<State>,
    path: web::Path<String>,
    body: web::Bytes,
) -> Answer<api::Agent> {
    let id: AgentId = input::parse(&path)?;
    let Reason { reason } = input::body_or_default(&body)?;
    let reason = reason.unwrap_or_else(|| "stopped by a person".to_owned());
    run(&state, &id, Command::Stop { reason, fleet: false }).await
}

/// Starts an agent again. One that its node gave up is placed anew first.
pub(super) async fn start(state: web::Data<State>, path: web::Path<String>) -> Answer<api::Agent> {
    let id: AgentId = input::parse(&path)?;
    if let Some(Record { state: Place::Quarantined { .. }, actor, request, spec, .. }) =
        place(&state, &id).await?
    {
        let limit = state.command_limit();
        state.parts.cluster.ensure(&actor, request, spec, limit).await?;
    }
    run(&state, &id, Command::Start { fleet: false }).await
}

pub(super) async fn archive(
    state: web::Data<State>,
    path: web::Path<String>,
) -> Answer<api::Agent> {
    let id: AgentId = input::parse(&path)?;
    run(&state, &id, Command::Archive).await
}

async fn run(state: &State, id: &AgentId, command: Command) -> Answer<api::Agent> {
    state.view.catch_up().await;
    state.ask::<Agent>(&ActorId::Agent(id.clone()), command).await?;
    let detail = state.view.read(|model| model.agent_detail(id));
    detail.map(|detail| web::Json(detail.agent)).ok_or_else(|| unknown(id))
}
