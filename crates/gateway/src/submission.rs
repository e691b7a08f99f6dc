//! Tasks on their way to a project: the project is opened, then it is given the tasks.

use std::collections::BTreeSet;

use callboard_api::request::Submitted;
use callboard_domain::id::{ActorId, ProgramName, ProjectId};
use callboard_domain::orchestrator::{self, Orchestrator};
use callboard_domain::project::{self, NewTask, Project};
use callboard_planner::{PlannedTask, route};
use uuid::Uuid;

use crate::answer::Failure;
use crate::repository::{Repository, source_of};
use crate::state::State;

/// What a project is given.
pub(crate) struct Submission {
    /// The request's id: a repeat is the same request.
    pub(crate) id: Uuid,
    /// The project; it is opened where it does not exist.
    pub(crate) project: ProjectId,
    /// What a new project is to reach.
    pub(crate) goal: String,
    /// Where a new project's code comes from.
    pub(crate) repository: Repository,
    /// The check command of a new project.
    pub(crate) check: Option<String>,
    /// The runtime that the request names.
    pub(crate) runtime: Option<ProgramName>,
    /// How many agents may work at once.
    pub(crate) agents_max: Option<u32>,
    /// The tasks.
    pub(crate) tasks: Vec<NewTask>,
}

impl State {
    /// Opens the project and gives it the tasks. Safe to repeat with the same id.
    pub(crate) async fn submit(&self, submission: Submission) -> Result<Submitted, Failure> {
        if submission.agents_max == Some(0) {
            return Err(Failure::usage("agents_max must be at least 1"));
        }
        let runtime = self.runtime_of(&submission).await?;
        let named: BTreeSet<_> =
            submission.tasks.iter().filter_map(|task| task.runtime.as_ref()).collect();
        for runtime in named.into_iter().chain([&runtime]) {
            self.check_runtime(runtime).await?;
        }
        self.check_branch(&submission).await?;
        let Submission { id, project, goal, repository, check, runtime: named, agents_max, tasks } =
            submission;
        let Repository { source, head, notes } = repository;
        let defaults = &self.parts.defaults;
        let spec = project::Spec {
            id: project.clone(),
            goal,
            source,
            start: head,
            check: check.or_else(|| defaults.check.clone()),
            model: defaults.models.get(runtime.as_str()).cloned(),
            runtime,
            agents_max: agents_max.unwrap_or(defaults.agents_max),
            limits: defaults.project_limits.clone(),
            agent_limits: defaults.agent_limits.clone(),
        };
        let open = orchestrator::Command::OpenProject { spec: Box::new(spec) };
        self.ask::<Orchestrator>(&ActorId::Orchestrator, open).await?;
        let with_runtime =
            |task: NewTask| NewTask { runtime: task.runtime.or_else(|| named.clone()), ..task };
        let tasks = tasks.into_iter().map(with_runtime).collect();
        let submit = project::Command::Submit { id, tasks, agents_max };
        let actor = ActorId::Project(project.clone());
        self.ask_new::<Project>(&actor, submit).await?;
        Ok(self.submitted(id, &project, notes).await)
    }

    /// Refuses a new project whose branch is there already: it may be the person's own.
    async fn check_branch(&self, submission: &Submission) -> Result<(), Failure> {
        let project = &submission.project;
        let known =
            |model: &callboard_views::Model| model.orchestrator().projects.contains_key(project);
        if self.view.fresh(known).await {
            return Ok(());
        }
        let source = source_of(submission.repository.source.clone());
        if self.parts.workspaces.diff(project, &source).await?.is_none() {
            return Ok(());
        }
        Err(Failure::refused(format!(
            "the repository has a branch callboard/{project} already, and no project of this node \
             made it; rename or delete that branch, or choose another name with --project"
        )))
    }

    /// The runtime of tasks that name none: the request's, else the project's, else the default; of a
    /// project whose tasks all name one, the first of those.
    async fn runtime_of(&self, submission: &Submission) -> Result<ProgramName, Failure> {
        if let Some(runtime) = &submission.runtime {
            return Ok(runtime.clone());
        }
        let of_project = self.view.fresh(|model| {
            let entry = model.orchestrator().projects.get(&submission.project);
            entry.map(|entry| entry.spec.runtime.clone())
        });
        if let Some(runtime) = of_project.await {
            return Ok(runtime);
        }
        self.default_runtime().or_else(|failure| {
            // Nothing misses a default where every task names its own.
            let named: Option<Vec<_>> =
                submission.tasks.iter().map(|it| it.runtime.clone()).collect();
            named.and_then(|it| it.into_iter().next()).ok_or(failure)
        })
    }

    async fn submitted(&self, id: Uuid, project: &ProjectId, mut notes: Vec<String>) -> Submitted {
        let tasks = self.view.soon(|model| {
            let tasks = model.project(project)?.submissions.get(&id)?;
            Some(tasks.iter().map(ToString::to_string).collect())
        });
        let tasks = tasks.await.unwrap_or_else(|| {
            notes
                .push("the tasks are stored but cannot be shown yet: see `callboard tasks`".into());
            Vec::new()
        });
        Submitted { project: project.to_string(), tasks, notes }
    }
}

/// A planned task as a project takes it.
pub(crate) fn new_task(planned: PlannedTask) -> Result<NewTask, Failure> {
    let PlannedTask {
        id,
        title,
        text,
        role,
        runtime,
        priority,
        depends_on,
        check,
        deadline_s,
        attempts,
    } = planned;
    let deadline_s = deadline_s.map(u32::try_from).transpose().map_err(|_| {
        Failure::usage(format!("deadline_s of {id} is longer than a century; use less"))
    })?;
    let text = told(&title, &text);
    Ok(NewTask {
        label: Some(id.to_string()),
        role: role.unwrap_or_else(|| route::role(&text)),
        title,
        text,
        runtime,
        priority,
        depends_on: depends_on.iter().map(ToString::to_string).collect(),
        check,
        deadline_s,
        attempts_max: attempts,
    })
}

/// Everything that a program is told: the title, and what else there is.
fn told(title: &str, text: &str) -> String {
    match text {
        "" => title.to_owned(),
        text if text.starts_with(title) => text.to_owned(),
        text => format!("{title}\n\n{text}"),
    }
}
