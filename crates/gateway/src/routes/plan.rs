//! `run PLANFILE`: a whole plan.

use std::path::Path;

use actix_web::web;
use callboard_api::request::{self, Submitted};
use callboard_domain::id::ProgramName;
use callboard_planner::file;

use super::Answer;
use crate::answer::Failure;
use crate::input;
use crate::state::State;
use crate::submission::{Submission, new_task};

pub(super) async fn plan(state: web::Data<State>, body: web::Bytes) -> Answer<Submitted> {
    let request::Plan { id, plan: text, name, repo, folder, agents_max, runtime } =
        input::body(&body)?;
    let plan = file::parse(&text).map_err(|error| Failure::usage(format!("{name}: {error}")))?;
    let runtime: Option<ProgramName> = runtime.as_deref().map(input::parse).transpose()?;
    let repo = plan.repo.map_or(repo, |repo| within(&folder, &repo));
    let repository = state.repository(&repo).await?;
    let tasks = plan.tasks.into_iter().map(new_task).collect::<Result<_, _>>()?;
    let submission = Submission {
        id,
        project: plan.project,
        goal: plan.goal,
        repository,
        check: plan.check,
        runtime,
        agents_max: agents_max.or(plan.max_agents),
        tasks,
    };
    state.submit(submission).await.map(web::Json)
}

/// A plan's repository: relative paths begin at the plan's folder.
fn within(folder: &str, repo: &str) -> String {
    let looks_relative = !repo.contains(':') && !Path::new(repo).is_absolute();
    if looks_relative {
        Path::new(folder).join(repo).display().to_string()
    } else {
        repo.to_owned()
    }
}
