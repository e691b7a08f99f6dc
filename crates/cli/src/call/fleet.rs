//! `down`, `placement`, `agent`, `approvals`, `stop` and `resume`.

use std::time::Duration;

use callboard_api::error::Code;
use callboard_api::request::{Decision, NewAgent, Reason};
use callboard_client::Client;
use tokio::time::Instant;

use crate::Error;
use crate::args::{AgentCommand, AgentLogs, ApprovalsCommand, PlacementCommand, Stop};
use crate::call::DONE;
use crate::host::{Session, pause};
use crate::show;
use crate::terminal::Terminal;

/// How long a node may take to stop before `down` gives up waiting.
const DOWN_WITHIN: Duration = Duration::from_secs(60);
/// How often output and states are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

pub(super) fn down(session: &Session<'_>, terminal: &mut Terminal<'_>) -> Result<u8, Error> {
    session.client.shutdown()?;
    let end = Instant::now() + DOWN_WITHIN;
    while session.still_runs()? {
        if Instant::now() >= end {
            let text = "the node was told to stop and has not after 60 s; its log says why";
            return Err(Error::new(Code::TimedOut, text));
        }
        pause(LOOK_EVERY / 4);
    }
    terminal.say("the node stopped; what was under way goes on at the next start");
    Ok(DONE)
}

pub(super) fn placement(
    command: &PlacementCommand,
    client: &Client,
    terminal: &mut Terminal<'_>,
) -> Result<(), Error> {
    let PlacementCommand::Explain(args) = command;
    terminal.data(&client.placement(&args.agent)?, show::status::explanation)
}

pub(super) fn agent(
    command: &AgentCommand,
    client: &Client,
    terminal: &mut Terminal<'_>,
) -> Result<(), Error> {
    let changed = match command {
        AgentCommand::Show(args) => {
            return terminal.data(&client.agent(&args.agent)?, show::agent::detail);
        }
        AgentCommand::Logs(args) => return logs(args, client, terminal),
        AgentCommand::Create(args) => client.create_agent(&NewAgent {
            id: args.agent.clone(),
            role: args.role.clone(),
            runtime: args.runtime.clone(),
            model: args.model.clone(),
        })?,
        AgentCommand::Stop(args) => {
            client.stop_agent(&args.name, &Reason { reason: args.reason.clone() })?
        }
        AgentCommand::Start(args) => client.start_agent(&args.agent)?,
        AgentCommand::Archive(args) => client.archive_agent(&args.agent)?,
    };
    terminal.data(&changed, |it, look| show::agent::agents(std::slice::from_ref(it), look))
}

fn logs(args: &AgentLogs, client: &Client, terminal: &mut Terminal<'_>) -> Result<(), Error> {
    let mut after = None;
    loop {
        let chunk = client.agent_logs(&args.agent, after)?;
        let is_end = chunk.text.is_empty();
        terminal.row(&chunk, |it, look| match look.width {
            Some(_) => show::text::lines(&it.text),
            None => it.text.clone(),
        })?;
        after = Some(chunk.next);
        match (is_end, args.follow) {
            (false, _) => {}
            (true, true) => pause(LOOK_EVERY),
            (true, false) => return Ok(()),
        }
    }
}

pub(super) fn approvals(
    command: &ApprovalsCommand,
    client: &Client,
    terminal: &mut Terminal<'_>,
) -> Result<(), Error> {
    let (id, decision) = match command {
        ApprovalsCommand::List => {
            let approvals = client.approvals()?;
            return terminal.data(&approvals, |it, look| show::agent::approvals(it, look));
        }
        ApprovalsCommand::Approve(args) => (&args.id, Decision { allow: true, reason: None }),
        ApprovalsCommand::Deny(args) => {
            (&args.id, Decision { allow: false, reason: args.reason.clone() })
        }
    };
    let approval = client.decide(id, &decision)?;
    let verb = if decision.allow { "approved" } else { "denied" };
    terminal.data(&approval, |it, _| format!("{verb} {} for {}\n", it.id, it.agent))
}

pub(super) fn stop(args: &Stop, client: &Client, terminal: &mut Terminal<'_>) -> Result<(), Error> {
    let status = client.stop_fleet(&Reason { reason: args.reason.clone() })?;
    terminal.say("the fleet is being stopped; let it work again by: callboard resume");
    terminal.data(&status, show::status::status)
}

pub(super) fn resume(client: &Client, terminal: &mut Terminal<'_>) -> Result<(), Error> {
    let status = client.resume_fleet()?;
    terminal.say("the fleet works again");
    terminal.data(&status, show::status::status)
}
