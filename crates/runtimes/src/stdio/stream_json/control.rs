//! Control requests of the program, and its answers to ours.

use callboard_agent::event::{Event, PermissionRequest};
use serde_json::Value;

use super::codec::Codec;
use super::messages::{ControlRequest, ControlResponse, Request};
use super::{outgoing, output};
use crate::codec::Fed;

/// The input fields of tools that name a file.
const FILE_FIELDS: [&str; 3] = ["file_path", "notebook_path", "path"];

/// The program asks for something: permission, or what we do not offer.
pub(super) fn requested(codec: &mut Codec, request: ControlRequest, fed: &mut Fed) {
    let ControlRequest { request_id: id, request } = request;
    if request.subtype != "can_use_tool" {
        fed.replies.extend(outgoing::refuse(&id, "this host does not support it"));
        return;
    }
    if codec.open.len() >= codec.cfg.open_requests_max {
        fed.replies.extend(outgoing::deny(&id, "too many permission requests are open"));
        return;
    }
    let input = request.input.clone().unwrap_or_else(|| {
        serde_json::value::to_raw_value(&serde_json::Map::new()).expect("a map is JSON")
    });
    fed.events.push(Event::PermissionRequested(permission(codec, &id, request)));
    codec.open.insert(id, input);
}

fn permission(codec: &Codec, id: &str, request: Request) -> PermissionRequest {
    let input = request.input.and_then(|input| serde_json::from_str::<Value>(input.get()).ok());
    let text = |field: &str| Some(input.as_ref()?.get(field)?.as_str()?.to_owned());
    let mut files: Vec<_> = FILE_FIELDS.into_iter().filter_map(text).collect();
    if let Some(path) = request.blocked_path.filter(|path| !files.contains(path)) {
        files.push(path);
    }
    let description = request.description.or(request.decision_reason);
    PermissionRequest {
        id: id.to_owned(),
        tool: request.tool_name,
        command: text("command"),
        files,
        folder: codec.folder.clone(),
        description: description.unwrap_or_default(),
    }
}

/// The program no longer waits for an answer.
pub(super) fn cancelled(codec: &mut Codec, id: String, fed: &mut Fed) {
    if codec.open.remove(&id).is_some() {
        fed.events.push(Event::PermissionCancelled { id });
    }
}

/// The program answers one of our requests.
pub(super) fn answered(codec: &mut Codec, response: ControlResponse, fed: &mut Fed) {
    let ControlResponse { request_id, subtype, error } = response;
    if subtype == "error" {
        let error = error.unwrap_or_default();
        let text = format!("the program refused {request_id}: {error}");
        fed.events.push(output::text(&codec.cfg, &text));
        return;
    }
    if request_id == outgoing::INITIALIZE_ID && !codec.ready {
        codec.ready = true;
        fed.events.push(Event::Ready {
            session: codec.session.clone(),
            in_flight: codec.in_flight.take(),
        });
    }
}
