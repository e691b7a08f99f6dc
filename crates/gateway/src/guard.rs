//! What every request passes: its host, its token; and what every error becomes: JSON.

use std::net::IpAddr;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{StatusCode, header};
use actix_web::middleware::Next;
use actix_web::{Error, web};
use callboard_api::error::Code;

use crate::answer::Failure;
use crate::state::State;

/// Paths that need no token: they say nothing but that the node lives.
const OPEN: [&str; 2] = ["/healthz", "/readyz"];

/// Refuses requests from pages in a browser (their host is not loopback) and without the token.
pub(crate) async fn check(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    if !host.is_some_and(is_loopback) {
        return Err(Failure::protocol(
            StatusCode::FORBIDDEN,
            Code::Refused,
            "the Host header must name this machine: localhost, 127.0.0.1 or [::1]",
        )
        .into());
    }
    let state = request.app_data::<web::Data<State>>().expect("the routes set it").clone();
    if !OPEN.contains(&request.path()) && !has_token(&request, &state) {
        return Err(Failure::protocol(
            StatusCode::UNAUTHORIZED,
            Code::Refused,
            "the request must carry this node's token: Authorization: Bearer TOKEN (the runtime \
             file names the token's file)",
        )
        .into());
    }
    next.call(request).await
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

fn has_token(request: &ServiceRequest, state: &State) -> bool {
    let given = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let Some((_, token)) = given else { return false };
    // Digests have one length, and all of their bytes are compared: the time tells nothing.
    let given = callboard_stdx::digest::sha256_hex(token.trim().as_bytes());
    let pairs = given.bytes().zip(state.token_digest.bytes());
    pairs.fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

/// Makes errors of the framework (unknown method, body too large, bad query) JSON like all others.
pub(crate) async fn json_errors(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    // An error here comes from `check`, which answers in JSON already.
    let answer = next.call(request).await?.map_into_boxed_body();
    let Some(error) = answer.response().error() else { return Ok(answer) };
    if error.as_error::<Failure>().is_some() {
        return Ok(answer);
    }
    let status = answer.status();
    let code = if status.is_client_error() { Code::Usage } else { Code::Failed };
    let failure = Failure::protocol(status, code, error.to_string());
    let (request, _) = answer.into_parts();
    Ok(ServiceResponse::from_err(failure, request))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_hosts_pass() {
        for host in
            ["localhost", "LOCALHOST:7117", "127.0.0.1:1", "127.1.2.3", "[::1]:7117", "[::1]"]
        {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "example.com",
            "localhost.example.com",
            "127.0.0.1.nip.io:7117",
            "10.0.0.1",
            "[fe80::1]",
            "0.0.0.0",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
