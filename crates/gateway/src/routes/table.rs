//! Which path goes where.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, Resource, web};
use callboard_api::PREFIX;
use callboard_api::error::Code;

use super::{agents, approvals, events, messages, nodes, plan, projects, service, submit, tasks};
use crate::answer::Failure;
use crate::state::State;

/// What a handler answers.
pub(super) type Answer<T> = Result<web::Json<T>, Failure>;

/// Wires every path of one worker.
pub(crate) fn configure(app: &mut web::ServiceConfig, state: &State) {
    app.app_data(web::Data::new(state.clone()))
        .app_data(web::PayloadConfig::new(state.cfg.body_bytes_max))
        .service(resource("/healthz").get(service::healthz))
        .service(resource("/readyz").get(service::readyz))
        .service(web::scope(PREFIX).configure(reads).configure(commands))
        .default_service(web::to(no_route));
}

fn reads(api: &mut web::ServiceConfig) {
    api.service(resource("/status").get(nodes::status))
        .service(resource("/nodes").get(nodes::nodes))
        .service(resource("/placement/{agent}").get(nodes::placement))
        .service(resource("/projects").get(projects::list))
        .service(resource("/projects/{id}").get(projects::show))
        .service(resource("/projects/{id}/diff").get(projects::diff))
        .service(resource("/tasks").get(tasks::list))
        .service(resource("/tasks/{id}").get(tasks::show))
        .service(resource("/agents").get(agents::list).post(agents::create))
        .service(resource("/agents/{id}").get(agents::show))
        .service(resource("/agents/{id}/logs").get(agents::logs))
        .service(resource("/approvals").get(approvals::list))
        .service(resource("/receipts/{id}").get(messages::receipt))
        .service(resource("/events").get(events::page))
        .service(resource("/events/stream").get(events::stream))
        .service(resource("/config").get(service::config));
}

fn commands(api: &mut web::ServiceConfig) {
    api.service(resource("/submit").post(submit::submit))
        .service(resource("/plan").post(plan::plan))
        .service(resource("/projects/{id}/stop").post(projects::stop))
        .service(resource("/projects/{id}/start").post(projects::start))
        .service(resource("/projects/{id}/archive").post(projects::archive))
        .service(resource("/projects/{id}/review").post(projects::review))
        .service(resource("/tasks/{id}/cancel").post(tasks::cancel))
        .service(resource("/tasks/{id}/retry").post(tasks::retry))
        .service(resource("/agents/{id}/stop").post(agents::stop))
        .service(resource("/agents/{id}/start").post(agents::start))
        .service(resource("/agents/{id}/archive").post(agents::archive))
        .service(resource("/approvals/{id}").post(approvals::decide))
        .service(resource("/messages").post(messages::send))
        .service(resource("/fleet/stop").post(service::stop_fleet))
        .service(resource("/fleet/resume").post(service::resume_fleet))
        .service(resource("/cleanup").post(service::cleanup))
        .service(resource("/log/verify").post(service::verify_log))
        .service(resource("/shutdown").post(service::shut_down));
}

/// A resource that answers other methods in JSON.
fn resource(path: &str) -> Paths {
    Paths(web::resource(path).default_service(web::to(no_method)))
}

/// A resource with its methods added one by one.
struct Paths(Resource);

impl Paths {
    fn get<F, Args>(self, handler: F) -> Self
    where
        F: actix_web::Handler<Args>,
        Args: actix_web::FromRequest + 'static,
        F::Output: actix_web::Responder + 'static,
    {
        Self(self.0.route(web::get().to(handler)))
    }

    fn post<F, Args>(self, handler: F) -> Self
    where
        F: actix_web::Handler<Args>,
        Args: actix_web::FromRequest + 'static,
        F::Output: actix_web::Responder + 'static,
    {
        Self(self.0.route(web::post().to(handler)))
    }
}

impl actix_web::dev::HttpServiceFactory for Paths {
    fn register(self, config: &mut actix_web::dev::AppService) {
        self.0.register(config);
    }
}

async fn no_route(request: HttpRequest) -> Result<HttpResponse, Failure> {
    let (method, path) = (request.method(), request.path());
    let text = format!("there is no {method} {path}; deploy/docs/http.md lists every path");
    Err(Failure::protocol(StatusCode::NOT_FOUND, Code::NotFound, text))
}

async fn no_method(request: HttpRequest) -> Result<HttpResponse, Failure> {
    let (method, path) = (request.method(), request.path());
    let text = format!("{path} does not take {method}; deploy/docs/http.md lists every path");
    Err(Failure::protocol(StatusCode::METHOD_NOT_ALLOWED, Code::Usage, text))
}
