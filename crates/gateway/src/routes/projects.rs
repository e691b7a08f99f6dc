//! Projects: list, show, diff, stop, start, archive, review.

use actix_web::web;
use callboard_api::project as api;
use callboard_api::request::{Reason, Review, Start};
use callboard_domain::id::{ActorId, ProjectId};
use callboard_domain::orchestrator::{self, Orchestrator};
use callboard_domain::project::{Command, Project};

use super::Answer;
use crate::answer::Failure;
use crate::input;
use crate::repository::source_of;
use crate::state::State;

pub(super) async fn list(state: web::Data<State>) -> web::Json<Vec<api::Project>> {
    web::Json(state.view.fresh(callboard_views::Model::projects).await)
}

pub(super) async fn show(
    state: web::Data<State>,
    path: web::Path<String>,
) -> Answer<api::ProjectDetail> {
    let id: ProjectId = input::parse(&path)?;
    let detail = state.view.fresh(|model| model.project_detail(&id)).await;
    detail.map(web::Json).ok_or_else(|| unknown(&id))
}

pub(super) fn unknown(id: &ProjectId) -> Failure {
    Failure::not_found(format!("there is no project {id}; see `callboard projects`"))
}

pub(super) async fn diff(state: web::Data<State>, path: web::Path<String>) -> Answer<api::Diff> {
    let id: ProjectId = input::parse(&path)?;
    let source = state.view.fresh(|model| {
        let entry = model.orchestrator().projects.get(&id);
        entry.map(|entry| entry.spec.source.clone())
    });
    let source = source_of(source.await.ok_or_else(|| unknown(&id))?);
    let _permit = state.long_request()?;
    let found = state.parts.workspaces.diff(&id, &source).await?;
    let Some(diff) = found else {
        return Err(Failure::not_found(format!(
            "project {id} has no result yet: no task of it is merged"
        )));
    };
    let limit = usize::try_from(state.cfg.answer_bytes_max).unwrap_or(usize::MAX);
    let patch = cut(diff.patch, limit);
    Ok(web::Json(api::Diff {
        project: id.to_string(),
        base: diff.base.to_string(),
        head: diff.head.to_string(),
        commits: diff.commits,
        stat: diff.stat,
        truncated: diff.truncated || patch.1,
        patch: patch.0,
    }))
}

pub(super) async fn stop(
    state: web::Data<State>,
    path: web::Path<String>,
    body: web::Bytes,
) -> Answer<api::Project> {
    let id: ProjectId = input::parse(&path)?;
    let Reason { reason } = input::body_or_default(&body)?;
    let reason = reason.unwrap_or_else(|| "stopped by a person".to_owned());
    run(&state, &id, Command::Stop { reason }).await
}

pub(super) async fn start(
    state: web::Data<State>,
    path: web::Path<String>,
    body: web::Bytes,
) -> Answer<api::Project> {
    let id: ProjectId = input::parse(&path)?;
    let Start { agents_max } = input::body_or_default(&body)?;
    if agents_max.is_some() {
        let limit =
            Command::Submit { id: state.parts.clock.new_id(), tasks: Vec::new(), agents_max };
        run(&state, &id, limit).await?;
    }
    run(&state, &id, Command::Start).await
}

async fn run(state: &State, id: &ProjectId, command: Command) -> Answer<api::Project> {
    state.view.catch_up().await;
    state.ask::<Project>(&ActorId::Project(id.clone()), command).await?;
    let detail = state.view.read(|model| model.project_detail(id));
    detail.map(|detail| web::Json(detail.project)).ok_or_else(|| unknown(id))
}

pub(super) async fn archive(
    state: web::Data<State>,
    path: web::Path<String>,
) -> Answer<api::Project> {
    let id: ProjectId = input::parse(&path)?;
    let command = orchestrator::Command::ArchiveProject { project: id.clone() };
    state.ask::<Orchestrator>(&ActorId::Orchestrator, command).await?;
    // The orchestrator tells the project; until then it is shown as it was.
    let archived = state.view.soon(|model| {
        let project = model.project_detail(&id)?.project;
        (project.state == "archived").then_some(project)
    });
    if let Some(project) = archived.await {
        return Ok(web::Json(project));
    }
    let detail = state.view.read(|model| model.project_detail(&id));
    detail.map(|detail| web::Json(detail.project)).ok_or_else(|| unknown(&id))
}

pub(super) async fn review(
    state: web::Data<State>,
    path: web::Path<String>,
    body: web::Bytes,
) -> Answer<api::Review> {
    let project: ProjectId = input::parse(&path)?;
    let Review { id, accept, into } = input::body(&body)?;
    state.view.catch_up().await;
    let command = Command::Review { id, accept, into };
    state.ask::<Project>(&ActorId::Project(project.clone()), command).await?;
    let outcome = state.view.until(state.command_limit(), |model| {
        let review = model.project_detail(&project)?.review?;
        (review.id != id.to_string() || review.state != "running").then_some(review)
    });
    match outcome.await {
        Some(review) if review.id == id.to_string() => Ok(web::Json(review)),
        Some(_) => Err(Failure::refused("another review of the project took its place")),
        None => Err(Failure::timed_out(format!(
            "the review has no outcome after {} ms and goes on; `callboard project show {project}` \
             tells it, and a retry with the same id is safe",
            state.cfg.command_ms_max
        ))),
    }
}

/// At most `limit` bytes of a text, and whether it was cut.
fn cut(mut text: String, limit: usize) -> (String, bool) {
    if text.len() <= limit {
        return (text, false);
    }
    text.truncate(text.floor_char_boundary(limit));
    (text, true)
}
