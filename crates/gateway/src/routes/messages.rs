//! Messages to actors, and what became of them.

use actix_web::web;
use callboard_api::message::Receipt;
use callboard_api::request;
use callboard_domain::agent::{self, Agent};
use callboard_domain::id::{ActorId, AgentId, MessageId, ProjectId};
use callboard_domain::message::Message;
use callboard_domain::orchestrator::{self, Orchestrator};
use callboard_domain::project::{self, Project};
use chrono::Duration;

use super::Answer;
use crate::answer::Failure;
use crate::input;
use crate::state::{PERSON, State};

/// The longest time to expiry: a year.
const EXPIRES_S_MAX: u64 = 365 * 24 * 3_600;

/// Answers with the receipt as it is when the target has stored the message.
pub(super) async fn send(state: web::Data<State>, body: web::Bytes) -> Answer<Receipt> {
    let request: request::Message = input::body(&body)?;
    let target = find_target(&state, &request.target).await?;
    let message = message_of(&state, request)?;
    let id = message.id;
    match &target {
        ActorId::Orchestrator => {
            let command = orchestrator::Command::Deliver { message };
            state.ask::<Orchestrator>(&target, command).await?;
        }
        ActorId::Project(_) => {
            state.ask::<Project>(&target, project::Command::Deliver { message }).await?;
        }
        ActorId::Agent(_) => {
            state.ask::<Agent>(&target, agent::Command::Deliver { message }).await?;
        }
        ActorId::Placement | ActorId::Node(_) => {
            return Err(Failure::usage(format!(
                "{target} takes no messages; use orchestrator, project/NAME or agent/NAME"
            )));
        }
    }
    let receipt = state.view.soon(|model| model.show_receipt(id)).await;
    receipt.map(web::Json).ok_or_else(|| {
        Failure::timed_out(format!(
            "message {id} is accepted, but its receipt cannot be shown yet; see `callboard receipt`"
        ))
    })
}

fn message_of(state: &State, request: request::Message) -> Result<Message, Failure> {
    let request::Message { id, target: _, text, priority, conversation, expires_s } = request;
    let expires_at = match expires_s {
        None => None,
        Some(seconds @ 1..=EXPIRES_S_MAX) => {
            let seconds = i64::try_from(seconds).expect("a year of seconds is a small number");
            Some(state.parts.clock.now() + Duration::seconds(seconds))
        }
        Some(seconds) => {
            return Err(Failure::usage(format!(
                "expires_s is {seconds}; use 1 to {EXPIRES_S_MAX} seconds"
            )));
        }
    };
    let priority = priority.as_deref().map(input::parse).transpose()?.unwrap_or_default();
    let from = PERSON.to_owned();
    Ok(Message { id: MessageId(id), from, text, priority, conversation, expires_at })
}

/// The actor that a text names: `orchestrator`, `project/NAME`, `agent/NAME`, or a name alone where
/// one actor has it.
async fn find_target(state: &State, text: &str) -> Result<ActorId, Failure> {
    if text.contains('/') || text == "orchestrator" || text == "placement" {
        return input::parse(text);
    }
    let agent: AgentId = input::parse(text)?;
    let project: ProjectId = input::parse(text)?;
    let (is_agent, is_project) = state
        .view
        .fresh(|model| {
            let is_agent = model.agents(None).iter().any(|known| known.id == agent.as_str());
            (is_agent, model.orchestrator().projects.contains_key(&project))
        })
        .await;
    match (is_agent, is_project) {
        (true, false) => Ok(ActorId::Agent(agent)),
        (false, true) => Ok(ActorId::Project(project)),
        (true, true) => Err(Failure::usage(format!(
            "{text} names an agent and a project; write agent/{text} or project/{text}"
        ))),
        (false, false) => Err(Failure::not_found(format!(
            "there is no agent or project {text}; see `callboard agents` and `callboard projects`"
        ))),
    }
}

pub(super) async fn receipt(state: web::Data<State>, path: web::Path<String>) -> Answer<Receipt> {
    let id: MessageId = input::parse_id("message", &path)?;
    let receipt = state.view.fresh(|model| model.show_receipt(id)).await;
    receipt.map(web::Json).ok_or_else(|| {
        Failure::not_found(format!("there is no message {id}, or its receipt is no longer kept"))
    })
}
