//! A call to another node: one frame, one answer.

use std::sync::Arc;
use std::time::Duration;

use callboard_domain::id::{ActorId, NodeName};
use callboard_substrate::Bus;
use callboard_substrate::bus::BusError;
use callboard_wire::v1::node::{Answer, Call};

use super::call::{CallError, from_answer};
use crate::names::Names;

/// Calls an actor on another node. `NotHere` where that node does not listen.
pub(super) async fn call(
    bus: &Arc<dyn Bus>,
    names: &Names,
    node: &NodeName,
    actor: &ActorId,
    command: &[u8],
    deadline: Duration,
) -> Result<Vec<u8>, CallError> {
    let call = Call {
        actor: actor.to_string(),
        deadline_ms: u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX),
        command: command.to_vec(),
    };
    let failed = |reason: String| CallError::Failed { reason };
    let frame = callboard_wire::encode(&call).map_err(|error| failed(error.to_string()))?;
    match bus.request(&names.node(node), frame, deadline).await {
        Ok(answer) => match callboard_wire::decode::<Answer>(&answer) {
            Ok(answer) => from_answer(answer),
            // The node did get the command.
            Err(_) => Err(CallError::OutcomeUnknown),
        },
        Err(BusError::NoResponders { .. }) => Err(CallError::NotHere),
        Err(BusError::TimedOut { .. }) => Err(CallError::TimedOut),
        Err(error @ BusError::TooLarge { .. }) => Err(failed(error.to_string())),
        Err(error @ BusError::Unavailable { .. }) => Err(CallError::unavailable(error)),
    }
}
