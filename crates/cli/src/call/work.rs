//! `submit`, `run` and `task …`.

use std::path::Path;
use std::time::Duration;

use callboard_api::error::Code;
use callboard_api::project::Project;
use callboard_api::request::{self, Submitted};
use callboard_client::Client;
use callboard_stdx::clock::{Clock, SystemClock};

use crate::Error;
use crate::args::{Global, Priority, Run, Submit, TaskCommand};
use crate::call::{DONE, wait};
use crate::host::{Host, Session};
use crate::terminal::Terminal;
use crate::{repository, show};

pub(super) fn submit(
    args: &Submit,
    global: &Global,
    host: &dyn Host,
    terminal: &mut Terminal<'_>,
) -> Result<u8, Error> {
    let repo = repository::find(args.repo.as_deref(), &host.folder()?)?;
    let settings = repository::settings(&repo)?;
    let request = request::Submit {
        id: SystemClock.new_id(),
        text: args.text.clone(),
        project: args.project.clone(),
        repo,
        role: args.role.clone(),
        runtime: args.runtime.clone().or(settings.runtime),
        priority: args.priority.map(|it| Priority::name(it).to_owned()),
        check: args.check.clone().or(settings.check),
        depends_on: args.depends_on.clone(),
        decompose: args.decompose,
        agents_max: settings.agents_max,
    };
    let mut session = open(args.no_start, global, host, terminal)?;
    let submitted = session.client.submit(&request)?;
    tell(&submitted, terminal);
    if !args.wait {
        terminal.data(&submitted, show::task::submitted)?;
        return Ok(DONE);
    }
    let goal = wait::Goal::Tasks(&submitted.tasks);
    wait::until(&submitted.project, goal, seconds(args.timeout), &mut session, terminal)
}

pub(super) fn run(
    args: &Run,
    global: &Global,
    host: &dyn Host,
    terminal: &mut Terminal<'_>,
) -> Result<u8, Error> {
    let folder = host.folder()?;
    let (project, new_tasks, mut session) = match &args.plan {
        Some(path) => {
            let request = plan(args, path, &folder)?;
            let session = open(args.no_start, global, host, terminal)?;
            let submitted = session.client.plan(&request)?;
            tell(&submitted, terminal);
            if !args.wait {
                terminal.data(&submitted, show::task::submitted)?;
                return Ok(DONE);
            }
            (submitted.project, submitted.tasks, session)
        }
        None => {
            let repo = repository::find(args.repo.as_deref(), &folder)?;
            let session = open(args.no_start, global, host, terminal)?;
            let project = queue_of(&repo, args.max_agents, &session.client)?;
            terminal.say(&format!("project {} works off its queue", project.id));
            if !args.wait {
                terminal.data(&project, |it, look| {
                    show::project::projects(std::slice::from_ref(it), look)
                })?;
                return Ok(DONE);
            }
            (project.id, Vec::new(), session)
        }
    };
    let goal = wait::Goal::Settled { after: &new_tasks };
    wait::until(&project, goal, seconds(args.timeout), &mut session, terminal)
}

/// The request for a plan file.
fn plan(args: &Run, path: &Path, folder: &Path) -> Result<request::Plan, Error> {
    let path = folder.join(path);
    let plan = std::fs::read_to_string(&path).map_err(|error| {
        let code = match error.kind() {
            std::io::ErrorKind::NotFound => Code::NotFound,
            _ => Code::Usage,
        };
        Error::new(code, format!("failed to read the plan file {}: {error}", path.display()))
    })?;
    // A plan may name its repository itself, so that none around this folder is no mistake yet.
    let repo = match (&args.repo, repository::find(args.repo.as_deref(), folder)) {
        (Some(_), found) => found?,
        (None, found) => found.unwrap_or_default(),
    };
    let parent = path.parent().unwrap_or(folder);
    Ok(request::Plan {
        id: SystemClock.new_id(),
        plan,
        name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        repo,
        folder: parent.to_string_lossy().into_owned(),
        agents_max: args.max_agents,
        runtime: args.runtime.clone(),
    })
}

/// The newest project of a repository, started where it was stopped.
fn queue_of(repo: &str, agents_max: Option<u32>, client: &Client) -> Result<Project, Error> {
    let projects = client.projects()?;
    let of_repo = projects.into_iter().filter(|it| it.source == repo && it.state != "archived");
    let Some(project) = of_repo.max_by_key(|it| it.created_at) else {
        let text = format!(
            "nothing was submitted for {repo}; begin by: callboard submit \"TEXT\", or give a plan \
             file: callboard run PLANFILE"
        );
        return Err(Error::new(Code::NotFound, text));
    };
    if project.state == "stopped" || agents_max.is_some() {
        let start = request::Start { agents_max };
        return Ok(client.start_project_with(&project.id, &start)?);
    }
    Ok(project)
}

fn open<'a>(
    no_start: bool,
    global: &'a Global,
    host: &'a dyn Host,
    terminal: &mut Terminal<'_>,
) -> Result<Session<'a>, Error> {
    if no_start {
        return Session::open(global, host);
    }
    Session::open_or_start(global, host, |text| terminal.say(text))
}

fn tell(submitted: &Submitted, terminal: &mut Terminal<'_>) {
    for note in &submitted.notes {
        terminal.say(&format!("note: {}", show::text::line(note)));
    }
}

fn seconds(timeout: Option<u64>) -> Option<Duration> {
    timeout.map(Duration::from_secs)
}

pub(super) fn task(
    command: &TaskCommand,
    client: &Client,
    terminal: &mut Terminal<'_>,
) -> Result<(), Error> {
    let changed = match command {
        TaskCommand::Show(args) => {
            return terminal.data(&client.task(&args.id)?, show::task::detail);
        }
        TaskCommand::Cancel(args) => client.cancel_task(&args.id)?,
        TaskCommand::Retry(args) => client.retry_task(&args.id)?,
    };
    terminal.data(&changed, |it, look| show::task::tasks(std::slice::from_ref(it), look))
}
