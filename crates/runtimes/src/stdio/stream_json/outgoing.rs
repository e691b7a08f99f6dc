//! What is written to the program: whole lines.

use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;
use uuid::Uuid;

/// The id of the request whose answer says that the program is ready.
pub(super) const INITIALIZE_ID: &str = "initialize";

pub(super) fn initialize() -> Vec<u8> {
    control_request(INITIALIZE_ID, "initialize")
}

pub(super) fn interrupt(n: u64) -> Vec<u8> {
    control_request(&format!("interrupt-{n}"), "interrupt")
}

fn control_request(id: &str, subtype: &str) -> Vec<u8> {
    line(&json!({
        "type": "control_request", "request_id": id, "request": {"subtype": subtype},
    }))
}

/// A prompt is text whatever it says: one that begins with a slash would be taken for a command
/// (`/clear` forgets the conversation), so it gets a space in front.
pub(super) fn prompt(id: Uuid, text: &str) -> Vec<u8> {
    let text = if text.starts_with('/') { format!(" {text}") } else { text.to_owned() };
    line(&json!({
        "type": "user",
        "uuid": id,
        "message": {"role": "user", "content": [{"type": "text", "text": text}]},
    }))
}

/// Allows a call as it was asked for.
pub(super) fn allow(request_id: &str, input: &RawValue) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Allow<'a> {
        behavior: &'static str,
        updated_input: &'a RawValue,
    }
    success(request_id, Allow { behavior: "allow", updated_input: input })
}

pub(super) fn deny(request_id: &str, message: &str) -> Vec<u8> {
    success(request_id, json!({"behavior": "deny", "message": message}))
}

/// Refuses a control request that is not understood, so that the program does not wait for it.
pub(super) fn refuse(request_id: &str, why: &str) -> Vec<u8> {
    line(&json!({
        "type": "control_response",
        "response": {"subtype": "error", "request_id": request_id, "error": why},
    }))
}

fn success(request_id: &str, response: impl Serialize) -> Vec<u8> {
    #[derive(Serialize)]
    struct Envelope<'a, T> {
        r#type: &'static str,
        response: Success<'a, T>,
    }
    #[derive(Serialize)]
    struct Success<'a, T> {
        subtype: &'static str,
        request_id: &'a str,
        response: T,
    }
    let response = Success { subtype: "success", request_id, response };
    line(&Envelope { r#type: "control_response", response })
}

fn line(message: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(message).expect("own messages have string keys only");
    line.push(b'\n');
    line
}
