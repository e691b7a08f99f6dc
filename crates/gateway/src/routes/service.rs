//! The node and the fleet: health, configuration, the fleet switch, cleaning up, stopping.

use actix_web::{HttpResponse, web};
use callboard_api::request::{Cleanup, LogVerified, Reason};
use callboard_api::status::Status;
use callboard_domain::id::ActorId;
use callboard_domain::orchestrator::{Command, Orchestrator};
use serde_json::{Value, json};

use super::{Answer, nodes};
use crate::answer::Failure;
use crate::input;
use crate::state::{PERSON, State};

pub(super) async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "ok" }))
}

pub(super) async fn readyz(state: web::Data<State>) -> Answer<Value> {
    if state.view.catch_up().await {
        return Ok(web::Json(json!({ "status": "ready" })));
    }
    Err(Failure::unreachable("the view has not caught up with the log yet"))
}

pub(super) async fn config(state: web::Data<State>) -> web::Json<Value> {
    web::Json(state.parts.control.config())
}

pub(super) async fn stop_fleet(state: web::Data<State>, body: web::Bytes) -> Answer<Status> {
    let Reason { reason } = input::body_or_default(&body)?;
    let reason = reason.unwrap_or_else(|| "no reason given".to_owned());
    switch(&state, Command::StopFleet { by: PERSON.to_owned(), reason }).await
}

pub(super) async fn resume_fleet(state: web::Data<State>) -> Answer<Status> {
    switch(&state, Command::ResumeFleet { by: PERSON.to_owned() }).await
}

async fn switch(state: &State, command: Command) -> Answer<Status> {
    state.ask::<Orchestrator>(&ActorId::Orchestrator, command).await?;
    Ok(web::Json(nodes::look(state).await))
}

pub(super) async fn cleanup(state: web::Data<State>) -> Answer<Cleanup> {
    let _permit = state.long_request()?;
    state.parts.control.cleanup().await.map(web::Json).map_err(Failure::failed)
}

pub(super) async fn verify_log(state: web::Data<State>) -> Answer<LogVerified> {
    let _permit = state.long_request()?;
    state.parts.control.verify_log().await.map(web::Json).map_err(Failure::failed)
}

pub(super) async fn shut_down(state: web::Data<State>) -> HttpResponse {
    state.parts.control.shut_down();
    HttpResponse::Accepted().json(json!({ "status": "stopping" }))
}
