//! The orchestrator's decisions.

use crate::entity::Ctx;
use crate::message::{self, Message, ReceiptState};
use crate::orchestrator::apply;
use crate::orchestrator::model::{Command, Event, EventKind, Fleet, Rejection, State};
use crate::project;

struct Batch<'c> {
    state: State,
    events: Vec<Event>,
    ctx: &'c mut Ctx,
}

impl Batch<'_> {
    fn push(&mut self, kind: EventKind) {
        let event = Event { at: self.ctx.now, kind };
        apply::apply(&mut self.state, &event);
        self.events.push(event);
    }
}

pub(super) fn decide(
    state: &State,
    command: Command,
    ctx: &mut Ctx,
) -> Result<Vec<Event>, Rejection> {
    if !state.created && !matches!(command, Command::Create { .. }) {
        return Err(Rejection::NotCreated);
    }
    let mut batch = Batch { state: state.clone(), events: Vec::new(), ctx };
    handle(&mut batch, command)?;
    Ok(batch.events)
}

fn handle(batch: &mut Batch<'_>, command: Command) -> Result<(), Rejection> {
    match command {
        Command::Create { limits } => {
            if !batch.state.created || batch.state.limits != limits {
                batch.push(EventKind::Configured { limits });
                share(batch);
            }
        }
        Command::OpenProject { spec } => open(batch, spec)?,
        Command::ArchiveProject { project } => {
            let Some(entry) = batch.state.projects.get(&project) else {
                return Err(Rejection::NoProject(project));
            };
            if !entry.archived {
                batch.push(EventKind::ProjectArchived { project });
                share(batch);
            }
        }
        Command::StopFleet { by, reason } if batch.state.fleet == Fleet::Running => {
            batch.push(EventKind::FleetStopped { by, reason });
        }
        Command::ResumeFleet { by } if batch.state.fleet != Fleet::Running => {
            batch.push(EventKind::FleetResumed { by });
        }
        Command::StopFleet { .. } | Command::ResumeFleet { .. } => {}
        Command::Deliver { message } => deliver(batch, message)?,
        other => confirmed(batch, other),
    }
    Ok(())
}

/// An effect was carried out. A repeat, or a word about one that is no longer owed, changes nothing.
fn confirmed(batch: &mut Batch<'_>, command: Command) {
    let state = &batch.state;
    match command {
        Command::Opened { project } if state.owes("open", &project) => {
            batch.push(EventKind::ProjectPlaced { project });
        }
        Command::QuotaTold { project, agents_max }
            if state.owes("quota", format!("{project}/{agents_max}")) =>
        {
            batch.push(EventKind::QuotaConfirmed { project, agents_max });
        }
        Command::SwitchTold { project, stopped }
            if state.owes("switch", format!("{project}/{stopped}")) =>
        {
            batch.push(EventKind::SwitchConfirmed { project, stopped });
        }
        Command::Archived { project } if state.owes("archive", &project) => {
            batch.push(EventKind::ArchiveConfirmed { project });
        }
        _ => {}
    }
}

fn open(batch: &mut Batch<'_>, spec: Box<project::Spec>) -> Result<(), Rejection> {
    if let Some(entry) = batch.state.projects.get(&spec.id) {
        let project = spec.id.clone();
        if entry.archived {
            return Err(Rejection::NameArchived(project));
        }
        if entry.spec.source != spec.source {
            let source_of_other = entry.spec.source.to_string();
            return Err(Rejection::NameTaken { project, source_of_other });
        }
        return Ok(());
    }
    let n_open = batch.state.n_open();
    let limits = &batch.state.limits;
    let projects_max = limits.projects_max.min(limits.agents_max) as usize;
    if n_open >= projects_max {
        return Err(Rejection::TooManyProjects { project: spec.id, n_open, projects_max });
    }
    batch.push(EventKind::ProjectOpened { spec });
    share(batch);
    Ok(())
}

/// Every open project gets an equal share of the agents, at least one.
fn share(batch: &mut Batch<'_>) {
    let n_open = u32::try_from(batch.state.n_open()).unwrap_or(u32::MAX);
    if let Some(share) = batch.state.limits.agents_max.checked_div(n_open) {
        batch.push(EventKind::Shared { agents_max: share.max(1) });
    }
}

fn deliver(batch: &mut Batch<'_>, message: Message) -> Result<(), Rejection> {
    let id = message.id;
    let inbox_max = batch.state.limits.inbox_max;
    let (at, node) = (batch.ctx.now, batch.ctx.node.clone());
    let Some(event) = batch.state.inbox.accept(message, inbox_max, at, &node)? else {
        return Ok(());
    };
    batch.push(EventKind::Inbox { event });
    let answer = report(&batch.state);
    let steps = [
        (ReceiptState::Delivered, None),
        (ReceiptState::Started, None),
        (ReceiptState::Answered, Some(answer)),
    ];
    for (state, answer) in steps {
        let event = message::Event::Stepped { id, state, answer, at, node: node.clone() };
        batch.push(EventKind::Inbox { event });
    }
    Ok(())
}

fn report(state: &State) -> String {
    let fleet = match &state.fleet {
        Fleet::Running => "The fleet is running".to_owned(),
        Fleet::Stopped { by, reason, .. } => {
            format!("The fleet was stopped by {by} ({reason}); `callboard resume` lets it go on")
        }
    };
    let open = state.projects.iter().filter(|(_, entry)| !entry.archived);
    let names: Vec<_> = open.map(|(id, entry)| format!("\n- {id}: {}", entry.spec.goal)).collect();
    format!("{fleet}. {} projects are open.{}", names.len(), names.concat())
}
