//! Having an actor placed: asking until it is active, or refused for good.

use callboard_actors::sourced::EffectError;
use callboard_cluster::{CallError, Placed};
use callboard_domain::fleet::Priority;
use callboard_domain::id::{ActorId, ProgramName};
use callboard_placement::Request;

use crate::services::Services;

/// What a node must have for an agent of this runtime.
pub(crate) fn agent_request(
    services: &Services,
    runtime: &ProgramName,
    priority: Priority,
) -> Request {
    // A runtime that this node does not have may be on another one: its room is then judged there.
    let program = services.programs.get(runtime);
    Request {
        cpu_millis: program.map_or(250, |program| program.cpu_millis),
        memory_bytes: program.map_or(256 * 1024 * 1024, |program| program.memory_bytes),
        runtime: Some(runtime.clone()),
        priority,
        ..Request::default()
    }
}

/// What a node must have for a project manager.
pub(crate) fn project_request(services: &Services) -> Request {
    Request {
        cpu_millis: services.cfg.project_cpu_millis,
        memory_bytes: services.cfg.project_memory_bytes,
        priority: Priority::High,
        ..Request::default()
    }
}

/// Asks for a place. One that must be waited for is an error, so that the effect asks again: the queue
/// keeps its place in the line meanwhile.
pub(crate) async fn place(
    services: &Services,
    actor: &ActorId,
    request: Request,
    spec: serde_json::Value,
) -> Result<Result<(), String>, EffectError> {
    let wait = services.cfg.place_again();
    match services.cluster.ensure(actor, request, spec, services.cfg.ask()).await {
        Ok(Placed::Active { .. }) => Ok(Ok(())),
        Ok(Placed::Queued { explanation }) => Err(EffectError {
            reason: format!("waits for room: {explanation}"),
            retry_after: Some(wait),
        }),
        Err(error @ (CallError::Failed { .. } | CallError::BadCommand { .. })) => {
            Ok(Err(error.to_string()))
        }
        Err(error) => Err(EffectError { reason: error.to_string(), retry_after: Some(wait) }),
    }
}
