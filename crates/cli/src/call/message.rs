//! `message` and `events`.

use std::time::Duration;

use callboard_api::error::Code;
use callboard_api::message::Receipt;
use callboard_api::request;
use callboard_client::Client;
use callboard_stdx::clock::{Clock, SystemClock};
use tokio::time::Instant;

use crate::Error;
use crate::args::{Events, Message, Priority};
use crate::call::DONE;
use crate::host::{Session, pause};
use crate::show;
use crate::terminal::Terminal;

/// How many events are asked for at once.
const PAGE_EVENTS: usize = 100;
/// How often a receipt is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

pub(super) fn message(
    args: &Message,
    session: &mut Session<'_>,
    terminal: &mut Terminal<'_>,
) -> Result<u8, Error> {
    let request = request::Message {
        id: SystemClock.new_id(),
        target: args.target.clone(),
        text: args.text.clone(),
        priority: args.priority.map(|it| Priority::name(it).to_owned()),
        conversation: None,
        expires_s: None,
    };
    let mut receipt = session.client.message(&request)?;
    let end = args.timeout.map(|timeout| Instant::now() + Duration::from_secs(timeout));
    let mut said = String::new();
    while args.wait && exit_code(&receipt).is_none() {
        if receipt.state != said {
            terminal.say(&format!("{}: {}", receipt.id, receipt.state));
            said.clone_from(&receipt.state);
        }
        if end.is_some_and(|end| Instant::now() >= end) {
            let Receipt { id, state, .. } = receipt;
            let text = format!(
                "message {id} has no answer yet (it is {state}) and stays valid; look by: callboard \
                 receipt {id}"
            );
            return Err(Error::new(Code::TimedOut, text));
        }
        pause(LOOK_EVERY);
        receipt = session.client.receipt(&receipt.id)?;
    }
    terminal.data(&receipt, show::message::receipt)?;
    Ok(if args.wait { exit_code(&receipt).unwrap_or(DONE) } else { DONE })
}

/// The exit code of a final state.
fn exit_code(receipt: &Receipt) -> Option<u8> {
    match receipt.state.as_str() {
        "answered" => Some(DONE),
        "refused" => Some(Code::Refused.exit_code()),
        "expired" => Some(Code::TimedOut.exit_code()),
        "dead" => Some(Code::Failed.exit_code()),
        _ => None,
    }
}

pub(super) fn events(
    args: &Events,
    client: &Client,
    terminal: &mut Terminal<'_>,
) -> Result<(), Error> {
    let mut from = args.from.unwrap_or_default();
    if args.follow {
        for event in client.events(from) {
            terminal.row(&event?, show::message::event)?;
        }
        return Ok(());
    }
    loop {
        let page = client.events_page(from, PAGE_EVENTS)?;
        let Some(last) = page.last() else { return Ok(()) };
        from = last.seq + 1;
        for event in &page {
            terminal.row(event, show::message::event)?;
        }
    }
}
