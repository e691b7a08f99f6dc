//! Which command does what.

use super::{fleet, message, project, work};
use crate::Error;
use crate::args::{Global, Remote};
use crate::host::{Host, Session};
use crate::show;
use crate::terminal::Terminal;

/// What a command exits with where nothing went wrong.
pub(crate) const DONE: u8 = 0;
/// What a command exits with where the work that it waited for failed.
pub(crate) const WORK_FAILED: u8 = 1;

/// Carries a command out and returns its exit code.
///
/// # Errors
/// Why it was not carried out; [`callboard_api::error::Code::exit_code`] is the exit code then.
pub fn run(
    command: &Remote,
    global: &Global,
    host: &dyn Host,
    terminal: &mut Terminal<'_>,
) -> Result<u8, Error> {
    match command {
        Remote::Submit(args) => return work::submit(args, global, host, terminal),
        Remote::Run(args) => return work::run(args, global, host, terminal),
        _ => {}
    }
    let mut session = Session::open(global, host)?;
    let client = &session.client;
    match command {
        Remote::Submit(_) | Remote::Run(_) => unreachable!("handled above"),
        Remote::Down => return fleet::down(&session, terminal),
        Remote::Status => terminal.data(&client.status()?, show::status::status)?,
        Remote::Nodes => {
            terminal.data(&client.nodes()?, |it, look| show::status::nodes(it, look))?
        }
        Remote::Placement(command) => fleet::placement(command, client, terminal)?,
        Remote::Projects => {
            terminal.data(&client.projects()?, |it, look| show::project::projects(it, look))?;
        }
        Remote::Project(command) => return project::run(command, client, terminal),
        Remote::Tasks(args) => {
            let tasks = client.tasks(args.project.as_deref())?;
            terminal.data(&tasks, |it, look| show::task::tasks(it, look))?;
        }
        Remote::Task(command) => work::task(command, client, terminal)?,
        Remote::Agents(args) => {
            let agents = client.agents(args.project.as_deref())?;
            terminal.data(&agents, |it, look| show::agent::agents(it, look))?;
        }
        Remote::Agent(command) => fleet::agent(command, client, terminal)?,
        Remote::Approvals(command) => fleet::approvals(command, client, terminal)?,
        Remote::Message(args) => return message::message(args, &mut session, terminal),
        Remote::Receipt(args) => {
            terminal.data(&client.receipt(&args.id)?, show::message::receipt)?;
        }
        Remote::Events(args) => message::events(args, client, terminal)?,
        Remote::Stop(args) => fleet::stop(args, client, terminal)?,
        Remote::Resume => fleet::resume(client, terminal)?,
        Remote::Cleanup => {
            terminal.data(&client.cleanup()?, |it, _| show::local::cleanup(it))?;
        }
    }
    Ok(DONE)
}
