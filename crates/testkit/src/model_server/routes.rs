//! The HTTP side: reads requests, records them, sends what the plan says.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::messages::Request;
use super::plan;
use super::reply::{self, Reply};
use super::state::{Seen, State};
use super::usage;

const PING_INTERVAL: Duration = Duration::from_millis(500);
/// Programs send whole conversations.
const BODY_LEN_MAX: usize = 64 << 20;

pub(super) fn configure(app: &mut web::ServiceConfig) {
    app.app_data(web::PayloadConfig::new(BODY_LEN_MAX))
        .service(web::resource("/v1/messages").route(web::post().to(messages)))
        .service(web::resource("/v1/messages/count_tokens").route(web::post().to(count_tokens)))
        .service(web::resource("/v1/models").route(web::get().to(models)))
        .service(web::resource("/requests").route(web::get().to(requests)))
        .service(web::resource("/api/hello").to(HttpResponse::Ok))
        .default_service(web::to(unknown));
}

async fn messages(http: HttpRequest, body: Bytes, state: Data<State>) -> HttpResponse {
    let body = serde_json::from_slice::<Value>(&body).unwrap_or_default();
    let request = match serde_json::from_value::<Request>(body.clone()) {
        Ok(request) => request,
        Err(error) => return HttpResponse::BadRequest().json(bad_request(&error.to_string())),
    };
    let plan = plan::plan(&request);
    state.record(Seen { path: http.path().to_owned(), body, side: plan.side });
    if let Some(failure) = plan.step.failure
        && state.fails(&plan.key, failure)
    {
        let status =
            StatusCode::from_u16(failure.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        return HttpResponse::build(status)
            .insert_header(("retry-after", "0"))
            .json(reply::failure(failure.status));
    }
    let reply = Reply::new(&plan, &request.model, &State::new_id());
    match request.stream {
        true => stream_reply(reply, plan.step.delay),
        false => {
            sleep(plan.step.delay).await;
            HttpResponse::Ok().json(reply.body())
        }
    }
}

/// Streams a reply: the opening at once, pings while it is slow, then the rest.
fn stream_reply(reply: Reply, delay: Duration) -> HttpResponse {
    let until = Instant::now() + delay;
    let opening = stream::iter([reply.opening()]);
    let pings = stream::unfold((), move |()| async move {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        sleep(left.min(PING_INTERVAL)).await;
        Some((reply::ping(), ()))
    });
    let rest = stream::once(async move { reply.events() });
    let parts = opening.chain(pings).chain(rest);
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .streaming(parts.map(|part| Ok::<_, std::convert::Infallible>(Bytes::from(part))))
}

async fn count_tokens() -> HttpResponse {
    HttpResponse::Ok().json(json!({"input_tokens": usage::INPUT}))
}

async fn models() -> HttpResponse {
    let model = json!({
        "type": "model",
        "id": "scripted",
        "display_name": "Scripted",
        "created_at": "2026-01-01T00:00:00Z",
    });
    HttpResponse::Ok().json(json!({
        "data": [model], "has_more": false, "first_id": "scripted", "last_id": "scripted",
    }))
}

/// For people: what was seen.
async fn requests(state: Data<State>) -> HttpResponse {
    HttpResponse::Ok().json(state.seen())
}

async fn unknown(http: HttpRequest, body: Bytes, state: Data<State>) -> HttpResponse {
    let body = serde_json::from_slice(&body).unwrap_or_default();
    state.record(Seen { path: http.path().to_owned(), body, side: true });
    HttpResponse::NotFound().json(json!({
        "type": "error", "error": {"type": "not_found_error", "message": http.path()},
    }))
}

fn bad_request(message: &str) -> Value {
    json!({"type": "error", "error": {"type": "invalid_request_error", "message": message}})
}
