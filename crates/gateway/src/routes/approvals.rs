//! Permission requests that wait for a person.

use actix_web::web;
use callboard_api::agent::Approval;
use callboard_api::request::Decision;
use callboard_domain::agent::{Agent, Command};
use callboard_domain::id::{ActorId, ApprovalId};

use super::Answer;
use crate::answer::Failure;
use crate::input;
use crate::state::{PERSON, State};

pub(super) async fn list(state: web::Data<State>) -> web::Json<Vec<Approval>> {
    web::Json(state.view.fresh(callboard_views::Model::approvals).await)
}

/// Answers with the request that was decided.
pub(super) async fn decide(
    state: web::Data<State>,
    path: web::Path<String>,
    body: web::Bytes,
) -> Answer<Approval> {
    let id: ApprovalId = input::parse_id("approval", &path)?;
    let Decision { allow, reason } = input::body(&body)?;
    let found = state.view.fresh(|model| {
        let agent = model.agent_of_approval(id)?.clone();
        let text = id.to_string();
        let approval = model.approvals().into_iter().find(|approval| approval.id == text)?;
        Some((agent, approval))
    });
    let Some((agent, approval)) = found.await else {
        return Err(Failure::not_found(format!(
            "there is no open permission request {id} (answered, cancelled or unknown); see \
             `callboard approvals list`"
        )));
    };
    let reason = reason.unwrap_or_default();
    let command = Command::AnswerApproval { id, allow, reason, by: PERSON.to_owned() };
    state.ask::<Agent>(&ActorId::Agent(agent), command).await?;
    Ok(web::Json(approval))
}
