//! `project …`: show, switch and review.

use callboard_api::project::{Project, Review};
use callboard_api::request::{self, Reason};
use callboard_client::Client;
use callboard_stdx::clock::{Clock, SystemClock};

use crate::Error;
use crate::args::ProjectCommand;
use crate::call::DONE;
use crate::show;
use crate::terminal::Terminal;

/// The exit code of a review that the node refused: a conflict, say.
const REFUSED: u8 = 4;

pub(super) fn run(
    command: &ProjectCommand,
    client: &Client,
    terminal: &mut Terminal<'_>,
) -> Result<u8, Error> {
    let changed: Project = match command {
        ProjectCommand::Show(args) => {
            terminal.data(&client.project(&args.project)?, show::project::detail)?;
            return Ok(DONE);
        }
        ProjectCommand::Diff(args) => {
            terminal.data(&client.diff(&args.project)?, show::project::diff)?;
            return Ok(DONE);
        }
        ProjectCommand::Accept(args) => {
            return review(&args.project, true, args.into.clone(), client, terminal);
        }
        ProjectCommand::Discard(args) => {
            return review(&args.project, false, None, client, terminal);
        }
        ProjectCommand::Stop(args) => {
            client.stop_project(&args.name, &Reason { reason: args.reason.clone() })?
        }
        ProjectCommand::Start(args) => client.start_project(&args.project)?,
        ProjectCommand::Archive(args) => client.archive_project(&args.project)?,
    };
    terminal.data(&changed, |it, look| show::project::projects(std::slice::from_ref(it), look))?;
    Ok(DONE)
}

fn review(
    project: &str,
    accept: bool,
    into: Option<String>,
    client: &Client,
    terminal: &mut Terminal<'_>,
) -> Result<u8, Error> {
    let request = request::Review { id: SystemClock.new_id(), accept, into };
    let review = client.review(project, &request)?;
    terminal.data(&review, show::project::review)?;
    Ok(exit_code(&review))
}

fn exit_code(review: &Review) -> u8 {
    if review.state == "refused" { REFUSED } else { DONE }
}
