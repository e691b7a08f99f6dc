//! Tasks: list, show, cancel, retry.

use actix_web::web;
use callboard_api::task::{Task, TaskDetail};
use callboard_domain::id::{ActorId, ProjectId, TaskId};
use callboard_domain::project::{Command, Project};
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

pub(super) async fn list(state: web::Data<State>, filter: web::Query<Filter>) -> Answer<Vec<Task>> {
    let Some(project) = &filter.project else {
        return Ok(web::Json(state.view.fresh(|model| model.tasks(None)).await));
    };
    let project: ProjectId = input::parse(project)?;
    let tasks = state.view.fresh(|model| {
        let known = model.orchestrator().projects.contains_key(&project);
        (known || model.project(&project).is_some()).then(|| model.tasks(Some(&project)))
    });
    tasks.await.map(web::Json).ok_or_else(|| super::projects::unknown(&project))
}

pub(super) async fn show(state: web::Data<State>, path: web::Path<String>) -> Answer<TaskDetail> {
    let id: TaskId = input::parse(&path)?;
    let task = state.view.fresh(|model| model.task_detail(&id)).await;
    task.map(web::Json).ok_or_else(|| unknown(&id))
}

pub(super) async fn cancel(state: web::Data<State>, path: web::Path<String>) -> Answer<Task> {
    let task: TaskId = input::parse(&path)?;
    let command = Command::CancelTask { task: task.clone() };
    run(&state, &task, command).await
}

pub(super) async fn retry(state: web::Data<State>, path: web::Path<String>) -> Answer<Task> {
    let task: TaskId = input::parse(&path)?;
    let command = Command::RetryTask { task: task.clone() };
    run(&state, &task, command).await
}

async fn run(state: &State, id: &TaskId, command: Command) -> Answer<Task> {
    let project = state.view.fresh(|model| model.project_of_task(id).cloned()).await;
    let project = project.ok_or_else(|| unknown(id))?;
    state.ask::<Project>(&ActorId::Project(project), command).await?;
    let task = state.view.read(|model| model.task_detail(id));
    task.map(|detail| web::Json(detail.task)).ok_or_else(|| unknown(id))
}

fn unknown(id: &TaskId) -> Failure {
    Failure::not_found(format!("there is no task {id}; see `callboard tasks`"))
}
