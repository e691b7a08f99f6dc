//! What the program writes. Lenient: fields that are missing get defaults, what is unknown is
//! ignored, for the program changes weekly.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use uuid::Uuid;

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Message {
    System(System),
    Assistant(Said),
    User(Said),
    Result(Box<TurnResult>),
    ControlResponse {
        response: ControlResponse,
    },
    ControlCancelRequest {
        request_id: String,
    },
    CommandLifecycle {
        command_uuid: Uuid,
        state: String,
    },
    RateLimitEvent {
        #[serde(default)]
        rate_limit_info: RateLimitInfo,
    },
    #[serde(other)]
    Unknown,
}

/// A request of the program. Apart from [`Message`], for a raw value cannot be read through a tag.
#[derive(Debug, Deserialize)]
pub(super) struct ControlRequest {
    pub(super) request_id: String,
    pub(super) request: Request,
}

#[derive(Debug, Deserialize)]
pub(super) struct Request {
    pub(super) subtype: String,
    #[serde(default)]
    pub(super) tool_name: String,
    pub(super) input: Option<Box<RawValue>>,
    pub(super) description: Option<String>,
    pub(super) decision_reason: Option<String>,
    pub(super) blocked_path: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "subtype", rename_all = "snake_case")]
pub(super) enum System {
    Init {
        session_id: String,
    },
    ApiRetry {
        #[serde(default)]
        attempt: u64,
        #[serde(default)]
        max_retries: u64,
        #[serde(default)]
        retry_delay_ms: f64,
        error_status: Option<u16>,
        error: Option<String>,
    },
    #[serde(other)]
    Unknown,
}

/// A message of the conversation, as the program adds it.
#[derive(Debug, Deserialize)]
pub(super) struct Said {
    pub(super) message: Spoken,
    /// Set where a subagent speaks.
    pub(super) parent_tool_use_id: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Spoken {
    #[serde(default)]
    pub(super) id: String,
    #[serde(default)]
    pub(super) content: Content,
    #[serde(default)]
    pub(super) usage: Tokens,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Content {
    Text(String),
    Blocks(Vec<Block>),
}

impl Default for Content {
    fn default() -> Self {
        Self::Blocks(Vec::new())
    }
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Block {
    Text {
        #[serde(default)]
        text: String,
    },
    ToolUse {
        id: String,
        #[serde(default)]
        name: String,
        #[serde(default)]
        input: Value,
    },
    ToolResult {
        tool_use_id: String,
        is_error: Option<bool>,
    },
    #[serde(other)]
    Unknown,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct TurnResult {
    pub(super) subtype: String,
    pub(super) is_error: bool,
    pub(super) result: Option<String>,
    pub(super) errors: Option<Vec<String>>,
    pub(super) terminal_reason: Option<String>,
    pub(super) api_error_status: Option<u16>,
    pub(super) permission_denials: Vec<Denial>,
    pub(super) usage: Tokens,
    pub(super) total_cost_usd: f64,
    pub(super) model_usage_since_last_result: Option<BTreeMap<String, ModelUsage>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Denial {
    pub(super) tool_name: String,
    pub(super) tool_input: Value,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct Tokens {
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
    pub(super) cache_read_input_tokens: u64,
    pub(super) cache_creation_input_tokens: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ModelUsage {
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
    pub(super) cache_read_input_tokens: u64,
    pub(super) cache_creation_input_tokens: u64,
    #[serde(rename = "costUSD")]
    pub(super) cost_usd: f64,
}

#[derive(Debug, Deserialize)]
pub(super) struct ControlResponse {
    pub(super) request_id: String,
    #[serde(default)]
    pub(super) subtype: String,
    pub(super) error: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct RateLimitInfo {
    pub(super) status: String,
    pub(super) rate_limit_type: Option<String>,
    pub(super) resets_at: Option<f64>,
}
