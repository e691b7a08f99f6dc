//! `submit`: a task, or a goal to be split into tasks.

use actix_web::web;
use callboard_api::request::{Submit, Submitted};
use callboard_domain::fleet::Priority;
use callboard_domain::id::{ProgramName, ProjectId, Role};
use callboard_domain::project::NewTask;
use callboard_planner::check::TEXT_BYTES_MAX;
use callboard_planner::{Context, Heuristic, Planner, route};

use super::Answer;
use crate::answer::Failure;
use crate::input;
use crate::repository::project_name;
use crate::state::State;
use crate::submission::{Submission, new_task};

/// A title longer than this is cut; the text holds the whole.
const TITLE_CHARS_MAX: usize = 100;

pub(super) async fn submit(state: web::Data<State>, body: web::Bytes) -> Answer<Submitted> {
    let request: Submit = input::body(&body)?;
    check_text("text", &request.text)?;
    if let Some(check) = &request.check {
        check_text("check", check)?;
    }
    let runtime: Option<ProgramName> = request.runtime.as_deref().map(input::parse).transpose()?;
    let named: Option<ProjectId> = request.project.as_deref().map(input::parse).transpose()?;
    let repository = state.repository(&request.repo).await?;
    let project = match named {
        Some(project) => project,
        None => state.free_name(project_name(&repository.source)).await,
    };
    let tasks =
        if request.decompose { split(&request, &project)? } else { vec![single(&request)?] };
    let goal = match request.decompose {
        true => request.text.trim().to_owned(),
        false => title(&request.text),
    };
    let submission = Submission {
        id: request.id,
        project,
        goal,
        repository,
        check: request.check,
        runtime,
        agents_max: request.agents_max,
        tasks,
    };
    state.submit(submission).await.map(web::Json)
}

fn check_text(field: &str, text: &str) -> Result<(), Failure> {
    if text.trim().is_empty() {
        return Err(Failure::usage(format!("{field} is empty: say what is to be done")));
    }
    if text.len() > TEXT_BYTES_MAX {
        let n_bytes = text.len();
        return Err(Failure::usage(format!(
            "{field} has {n_bytes} bytes, at most {TEXT_BYTES_MAX} are allowed"
        )));
    }
    Ok(())
}

/// The role and the priority that the request names.
fn named(request: &Submit) -> Result<(Option<Role>, Option<Priority>), Failure> {
    let role = request.role.as_deref().map(input::parse).transpose()?;
    let priority = request.priority.as_deref().map(input::parse).transpose()?;
    Ok((role, priority))
}

fn single(request: &Submit) -> Result<NewTask, Failure> {
    let (role, priority) = named(request)?;
    let text = &request.text;
    Ok(NewTask {
        label: None,
        title: title(text),
        text: text.clone(),
        role: role.unwrap_or_else(|| route::role(text)),
        runtime: None,
        priority: priority.unwrap_or_else(|| route::priority(text)),
        depends_on: request.depends_on.clone(),
        check: request.check.clone(),
        deadline_s: None,
        attempts_max: None,
    })
}

/// Splits a goal into tasks; those that wait for none of the others wait for what the request names.
fn split(request: &Submit, project: &ProjectId) -> Result<Vec<NewTask>, Failure> {
    let (role, priority) = named(request)?;
    let context = Context {
        project: project.clone(),
        repo: Some(request.repo.clone()),
        check: request.check.clone(),
        max_agents: request.agents_max,
    };
    let plan = Heuristic.plan(&request.text, &context);
    let plan = plan.map_err(|problem| Failure::usage(problem.to_string()))?;
    let mut tasks = Vec::new();
    for planned in plan.tasks {
        let mut task = new_task(planned)?;
        if let Some(role) = &role {
            task.role = role.clone();
        }
        task.priority = priority.unwrap_or(task.priority);
        task.check = task.check.or_else(|| request.check.clone());
        if task.depends_on.is_empty() {
            task.depends_on.clone_from(&request.depends_on);
        }
        tasks.push(task);
    }
    Ok(tasks)
}

/// The first line without the words that only say how urgent it is.
fn title(text: &str) -> String {
    let line = route::without_urgency(text.trim()).lines().next().unwrap_or_default();
    match line.char_indices().nth(TITLE_CHARS_MAX) {
        None => line.to_owned(),
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn title_is_the_first_line_without_urgency() {
        assert_eq!(title("URGENT: fix it\nnow"), "fix it");
        assert_eq!(title(&"ä".repeat(101)), format!("{}…", "ä".repeat(100)));
    }
}
