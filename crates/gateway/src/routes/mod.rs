//! Which path goes where.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use callboard_api::error::Code;
use serde_json::json;

use crate::answer::Failure;
use crate::state::State;

/// Wires every path of one worker.
pub(crate) fn configure(app: &mut web::ServiceConfig, state: &State) {
    app.app_data(web::Data::new(state.clone()))
        .app_data(web::PayloadConfig::new(state.cfg.body_bytes_max))
        .service(web::resource("/healthz").get(healthz))
        .service(web::resource("/readyz").get(readyz))
        .default_service(web::to(no_route));
}

async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "ok" }))
}

async fn readyz(state: web::Data<State>) -> Result<HttpResponse, Failure> {
    if state.view.catch_up().await {
        return Ok(HttpResponse::Ok().json(json!({ "status": "ready" })));
    }
    Err(Failure::unreachable("the view has not caught up with the log yet"))
}

async fn no_route(request: HttpRequest) -> Result<HttpResponse, Failure> {
    let (method, path) = (request.method(), request.path());
    let text = format!("there is no {method} {path}; deploy/docs/http.md lists every path");
    Err(Failure::protocol(StatusCode::NOT_FOUND, Code::NotFound, text))
}
