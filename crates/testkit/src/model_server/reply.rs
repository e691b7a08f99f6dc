//! Renders a plan as the JSON body or the event stream of the Messages protocol. Pure.

use serde_json::{Value, json};

use super::plan::Plan;
use super::usage;

/// A reply that is ready to be sent.
#[derive(Debug)]
pub(super) struct Reply {
    id: String,
    model: String,
    content: Vec<Value>,
    stop_reason: &'static str,
}

impl Reply {
    /// The reply of a plan; `id` makes its message and its tool call unique.
    pub(super) fn new(plan: &Plan, model: &str, id: &str) -> Self {
        let mut content: Vec<_> =
            plan.step.says.iter().map(|text| json!({"type": "text", "text": text})).collect();
        let mut stop_reason = "end_turn";
        if let Some(call) = &plan.call {
            let id = format!("toolu_{id}");
            content.push(
                json!({"type": "tool_use", "id": id, "name": call.name, "input": call.input}),
            );
            stop_reason = "tool_use";
        }
        Self { id: format!("msg_{id}"), model: model.to_owned(), content, stop_reason }
    }

    /// The body of a request without streaming.
    pub(super) fn body(&self) -> Value {
        self.message(&self.content, json!(self.stop_reason), usage::OUTPUT)
    }

    /// The first event of the stream.
    pub(super) fn opening(&self) -> String {
        let message = self.message(&[], Value::Null, 1);
        event("message_start", json!({"message": message}))
    }

    /// The rest of the stream.
    pub(super) fn events(&self) -> String {
        let mut events = String::new();
        for (index, block) in self.content.iter().enumerate() {
            events += &block_events(index, block);
        }
        events += &event(
            "message_delta",
            json!({
                "delta": {"stop_reason": self.stop_reason, "stop_sequence": null},
                "usage": {"output_tokens": usage::OUTPUT},
            }),
        );
        events + &event("message_stop", json!({}))
    }

    fn message(&self, content: &[Value], stop_reason: Value, output_tokens: u64) -> Value {
        json!({
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": content,
            "stop_reason": stop_reason,
            "stop_sequence": null,
            "usage": {
                "input_tokens": usage::INPUT,
                "output_tokens": output_tokens,
                "cache_read_input_tokens": usage::CACHE_READ,
                "cache_creation_input_tokens": usage::CACHE_WRITE,
            },
        })
    }
}

/// What keeps a slow stream alive.
pub(super) fn ping() -> String {
    event("ping", json!({}))
}

/// The body of a refusal.
pub(super) fn failure(status: u16) -> Value {
    let kind = match status {
        401 => "authentication_error",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        400..500 => "invalid_request_error",
        _ => "api_error",
    };
    json!({"type": "error", "error": {"type": kind, "message": "scripted failure"}})
}

fn block_events(index: usize, block: &Value) -> String {
    let (start, delta) = match block["text"].as_str() {
        Some(text) => {
            (json!({"type": "text", "text": ""}), json!({"type": "text_delta", "text": text}))
        }
        None => {
            let mut start = block.clone();
            start["input"] = json!({});
            let input = block["input"].to_string();
            (start, json!({"type": "input_json_delta", "partial_json": input}))
        }
    };
    event("content_block_start", json!({"index": index, "content_block": start}))
        + &event("content_block_delta", json!({"index": index, "delta": delta}))
        + &event("content_block_stop", json!({"index": index}))
}

fn event(kind: &str, mut data: Value) -> String {
    data["type"] = json!(kind);
    format!("event: {kind}\ndata: {data}\n\n")
}
